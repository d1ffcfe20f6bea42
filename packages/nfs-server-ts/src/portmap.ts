import { isIPv4, isIPv6 } from 'node:net';
import { bool, enumeration, list, nothing, opaque, struct, u32 } from './codec.ts';
import type { Codec } from './codec.ts';
import type { Clock } from './environment.ts';
import type { RpcProcedure, RpcProgram } from './dispatch.ts';
import { codedProcedure, procedure, type CodedProcedure } from './procedure.ts';

/** RFC 1833: the port mapper (version 2) and rpcbind (versions 3 and 4). */
export const PMAP_PROGRAM = 100000;
export const PMAP_PORT = 111;
/** IPPROTO_TCP and IPPROTO_UDP. */
export const transportNumbers = { tcp: 6, udp: 17 } as const;
export type TransportName = keyof typeof transportNumbers;

const RPCB_STRLEN = 128;
const text = opaque(RPCB_STRLEN);
/** RFC 1833 §3.1. `prot` is any number on the wire. */
export interface Mapping {
  readonly prog: number;
  readonly vers: number;
  readonly prot: number;
  readonly port: number;
}
export const mapping: Codec<Mapping> = struct({ prog: u32, vers: u32, prot: u32, port: u32 });

/** RFC 1833 §2.1. */
export interface Rpcb {
  readonly r_prog: number;
  readonly r_vers: number;
  readonly r_netid: Uint8Array;
  readonly r_addr: Uint8Array;
  readonly r_owner: Uint8Array;
}
export const rpcb: Codec<Rpcb> = struct({
  r_prog: u32,
  r_vers: u32,
  r_netid: text,
  r_addr: text,
  r_owner: text,
});

interface RpcbEntry {
  readonly r_maddr: Uint8Array;
  readonly r_nc_netid: Uint8Array;
  readonly r_nc_semantics: number;
  readonly r_nc_protofmly: Uint8Array;
  readonly r_nc_proto: Uint8Array;
}
const rpcb_entry: Codec<RpcbEntry> = struct({
  r_maddr: text,
  r_nc_netid: text,
  r_nc_semantics: u32,
  r_nc_protofmly: text,
  r_nc_proto: text,
});

/** A result that is one value and no struct. */
export const bare = <T>(codec: Codec<T>): Codec<{ readonly value: T }> => ({
  shape: { kind: 'struct', members: { value: codec.shape } },
  read: (reader) => ({ value: codec.read(reader) }),
  write: (writer, { value }) => codec.write(writer, value),
});

/** RFC 1833 §3.2, without CALLIT, which would make calls for others. */
export const pmapProcedures = {
  SET: procedure({ number: 1, args: mapping, result: bare(bool) }),
  UNSET: procedure({ number: 2, args: mapping, result: bare(bool) }),
  GETPORT: procedure({ number: 3, args: mapping, result: bare(u32) }),
  DUMP: procedure({ number: 4, args: nothing, result: bare(list(mapping)) }),
} as const;

/** RFC 1833 §2.2.1, without CALLIT, BCAST and INDIRECT, and without the conversions of addresses, which nobody asks for. */
export const rpcbProcedures = {
  SET: procedure({ number: 1, args: rpcb, result: bare(bool) }),
  UNSET: procedure({ number: 2, args: rpcb, result: bare(bool) }),
  GETADDR: procedure({ number: 3, args: rpcb, result: bare(text) }),
  DUMP: procedure({ number: 4, args: nothing, result: bare(list(rpcb)) }),
  GETTIME: procedure({ number: 6, args: nothing, result: bare(u32) }),
} as const;
/** What version 4 has beside them. */
export const rpcb4Procedures = {
  ...rpcbProcedures,
  GETVERSADDR: procedure({ number: 9, args: rpcb, result: bare(text) }),
  GETADDRLIST: procedure({ number: 11, args: rpcb, result: bare(list(rpcb_entry)) }),
} as const;

/** One version of a program, and where it can be called. */
export interface Registration {
  readonly program: number;
  readonly version: number;
  readonly transport: TransportName;
  readonly host: string;
  readonly port: number;
}

/** `tcp`, `udp`, and the same with a 6 for IPv6 (RFC 5665 §4). */
const netids = enumeration({ tcp: 0, udp: 1, tcp6: 2, udp6: 3 }).shape;
type Netid = 'tcp' | 'udp' | 'tcp6' | 'udp6';
const isNetid = (word: string): word is Netid => netids.kind === 'enumeration' && netids.names.includes(word);
const transportOf = (netid: Netid): TransportName => (netid.startsWith('tcp') ? 'tcp' : 'udp');

/** RFC 5665 §5.2.3: the address, then the two bytes of the port in decimal. */
export const universalAddress = (host: string, port: number): string =>
  `${host}.${Math.floor(port / 256)}.${port % 256}`;

/** The reverse; `undefined` when it is none. */
export function parseUniversalAddress(address: string): { host: string; port: number } | undefined {
  const [, host = '', high = '', low = ''] = /^(.*)\.(\d{1,3})\.(\d{1,3})$/.exec(address) ?? [];
  const isAddress = (isIPv4(host) || isIPv6(host)) && Number(high) < 256 && Number(low) < 256;
  return isAddress ? { host, port: Number(high) * 256 + Number(low) } : undefined;
}

/**
 * All three versions over a fixed list. Nobody registers anything from outside: SET and UNSET say no. A version that is not
 * there gets the program's other one, as RFC 1833 wants of GETPORT and GETADDR: the call itself then tells the versions.
 */
export function portmapPrograms(
  registrations: readonly Registration[],
  clock: Pick<Clock, 'wall'>,
): RpcProgram[] {
  return [
    { name: 'PMAP', number: PMAP_PROGRAM, version: 2, procedures: pmapRows(registrations) },
    { name: 'RPCB', number: PMAP_PROGRAM, version: 3, procedures: rpcb3Rows(registrations, clock) },
    { name: 'RPCB', number: PMAP_PROGRAM, version: 4, procedures: rpcb4Rows(registrations, clock) },
  ];
}

function find(
  registrations: readonly Registration[],
  wanted: Pick<Registration, 'program' | 'version'>,
  transport: TransportName | undefined,
): Registration | undefined {
  const fitting = registrations.filter((it) => it.program === wanted.program && it.transport === transport);
  return fitting.find(({ version }) => version === wanted.version) ?? fitting[0];
}

const refused = (): { value: boolean } => ({ value: false });

function pmapRows(registrations: readonly Registration[]): RpcProgram['procedures'] {
  const transportNumbered = (prot: number): TransportName | undefined =>
    prot === transportNumbers.tcp ? 'tcp' : prot === transportNumbers.udp ? 'udp' : undefined;
  return new Map([
    row('SET', pmapProcedures.SET, refused),
    row('UNSET', pmapProcedures.UNSET, refused),
    row('GETPORT', pmapProcedures.GETPORT, ({ prog, vers, prot }) => ({
      value: find(registrations, { program: prog, version: vers }, transportNumbered(prot))?.port ?? 0,
    })),
    row('DUMP', pmapProcedures.DUMP, () => ({
      value: registrations.map(({ program, version, transport, port }) => ({
        prog: program,
        vers: version,
        prot: transportNumbers[transport],
        port,
      })),
    })),
  ]);
}

function rpcb3Rows(
  registrations: readonly Registration[],
  clock: Pick<Clock, 'wall'>,
): RpcProgram['procedures'] {
  return new Map([
    row('SET', rpcbProcedures.SET, refused),
    row('UNSET', rpcbProcedures.UNSET, refused),
    row('GETADDR', rpcbProcedures.GETADDR, (wanted) => ({ value: addressFor(registrations, wanted) })),
    row('DUMP', rpcbProcedures.DUMP, () => ({ value: registrations.flatMap(rpcbsOf) })),
    row('GETTIME', rpcbProcedures.GETTIME, () => ({ value: clock.wall().seconds >>> 0 })),
  ]);
}

function rpcb4Rows(
  registrations: readonly Registration[],
  clock: Pick<Clock, 'wall'>,
): RpcProgram['procedures'] {
  return new Map([
    ...rpcb3Rows(registrations, clock),
    row('GETVERSADDR', rpcb4Procedures.GETVERSADDR, (wanted) => ({
      value: addressFor(
        registrations.filter(({ version }) => version === wanted.r_vers),
        wanted,
      ),
    })),
    row('GETADDRLIST', rpcb4Procedures.GETADDRLIST, ({ r_prog, r_vers }) => ({
      value: registrations
        .filter(({ program, version }) => program === r_prog && version === r_vers)
        .flatMap(entriesOf),
    })),
  ]);
}

/** RFC 1833 §2.2.1: empty when there is none. */
function addressFor(registrations: readonly Registration[], wanted: Rpcb): Uint8Array {
  const netid = Buffer.from(wanted.r_netid).toString('latin1');
  if (!isNetid(netid)) return Buffer.alloc(0);
  const family = netid.endsWith('6') ? 'v6' : 'v4';
  const program = { program: wanted.r_prog, version: wanted.r_vers };
  const found = find(
    registrations.filter(({ host }) => familiesOf(host).includes(family)),
    program,
    transportOf(netid),
  );
  if (found === undefined) return Buffer.alloc(0);
  // A caller says by which address it reached us: where we listen on all of them, that one is right.
  const hint = parseUniversalAddress(Buffer.from(wanted.r_addr).toString('latin1'));
  const fits = hint !== undefined && (family === 'v6' ? isIPv6(hint.host) : isIPv4(hint.host));
  const host = isWildcard(found.host) && fits ? hint.host : hostOf(found.host, family);
  return Buffer.from(universalAddress(host, found.port));
}

const isWildcard = (host: string): boolean => host === '0.0.0.0' || host === '::';
/** A socket on `::` takes IPv4 as well. */
const familiesOf = (host: string): readonly ('v4' | 'v6')[] =>
  host === '::' ? ['v4', 'v6'] : isIPv6(host) ? ['v6'] : ['v4'];
const hostOf = (host: string, family: 'v4' | 'v6'): string =>
  host === '::' && family === 'v4' ? '0.0.0.0' : host;

const rpcbsOf = ({ program, version, transport, host, port }: Registration): Rpcb[] =>
  familiesOf(host).map((family) => ({
    r_prog: program,
    r_vers: version,
    r_netid: Buffer.from(family === 'v6' ? `${transport}6` : transport),
    r_addr: Buffer.from(universalAddress(hostOf(host, family), port)),
    r_owner: Buffer.from('superuser'),
  }));

/** NC_TPI_CLTS and NC_TPI_COTS_ORD of netconfig(4). */
const semantics = { udp: 1, tcp: 3 } as const;
const entriesOf = (registration: Registration): RpcbEntry[] =>
  rpcbsOf(registration).map(({ r_addr, r_netid }) => ({
    r_maddr: r_addr,
    r_nc_netid: r_netid,
    r_nc_semantics: semantics[registration.transport],
    r_nc_protofmly: Buffer.from(Buffer.from(r_netid).toString('latin1').endsWith('6') ? 'inet6' : 'inet'),
    r_nc_proto: Buffer.from(registration.transport),
  }));

/** All of it may run twice: nothing changes anything. */
const row = <Args, Result>(
  name: string,
  codecs: CodedProcedure<Args, Result>,
  handle: (args: Args) => Result,
): readonly [number, RpcProcedure] => [
  codecs.number,
  codedProcedure(codecs, { name, isIdempotent: true, handle: (_call, args) => handle(args) }),
];
