import { isIPv6 } from 'node:net';
import type { Clock } from './environment.ts';
import { plainAddress } from './peer-address.ts';
import {
  parseUniversalAddress,
  PMAP_PORT,
  PMAP_PROGRAM,
  pmapProcedures,
  rpcbProcedures,
  transportNumbers,
  type TransportName,
} from './portmap.ts';
import { CallFailed, type Call, type CallTarget, type OutgoingCall } from './rpc-call.ts';

export interface ClientProgramsParts {
  readonly call: Call;
  readonly clock: Pick<Clock, 'monotonic'>;
  /** Where port mappers of clients listen; 111 but in tests. */
  readonly portmapPort?: number;
}

/** How long what a client's port mapper said is believed, and of how many programs. */
const keptMsMax = 60_000;
const keptMax = 1024;
const transports = ['tcp', 'udp'] as const satisfies readonly TransportName[];

/** Calls the programs that clients run for their servers: lock manager and status monitor. Asks their port mappers where they are. */
export class ClientPrograms {
  readonly #parts: ClientProgramsParts;
  readonly #kept = new Map<string, { readonly target: CallTarget; readonly until: number }>();

  constructor(parts: ClientProgramsParts) {
    this.#parts = parts;
  }

  /** Faults: CallFailed; with `wasSent` false the program has not heard of the call. */
  async call<Args, Result>(client: string, call: OutgoingCall<Args, Result>): Promise<Result> {
    const host = plainAddress(client);
    const key = `${host} ${call.program}`;
    const target = this.#known(key) ?? (await this.#find(host, call));
    if (target === undefined) throw new CallFailed('its port mapper does not know the program', false);
    try {
      const result = await this.#parts.call(target, call);
      this.#keep(key, target);
      return result;
    } catch (failure) {
      // It may have moved: the next call asks again.
      this.#kept.delete(key);
      throw failure;
    }
  }

  #known(key: string): CallTarget | undefined {
    const kept = this.#kept.get(key);
    return kept !== undefined && kept.until > this.#parts.clock.monotonic() ? kept.target : undefined;
  }

  #keep(key: string, target: CallTarget): void {
    this.#kept.delete(key);
    this.#kept.set(key, { target, until: this.#parts.clock.monotonic() + keptMsMax });
    const oldest = this.#kept.keys().next();
    if (this.#kept.size > keptMax && oldest.done !== true) this.#kept.delete(oldest.value);
  }

  /** Over TCP where the program has it; the port mapper is asked over the one and, where that fails, the other. */
  async #find(host: string, wanted: ProgramVersion): Promise<CallTarget | undefined> {
    for (const transport of transports) {
      const port = await this.#portOf(host, wanted, transport);
      if (port !== 0) return { host, port, transport };
    }
    return undefined;
  }

  async #portOf(host: string, wanted: ProgramVersion, transport: TransportName): Promise<number> {
    const ask = (over: TransportName): Promise<number> =>
      isIPv6(host)
        ? this.#getaddr(host, { wanted, transport, over })
        : this.#getport(host, { wanted, transport, over });
    try {
      return await ask('tcp');
    } catch (failure) {
      if (!(failure instanceof CallFailed)) throw failure;
      return ask('udp');
    }
  }

  async #getport(host: string, { wanted, transport, over }: Question): Promise<number> {
    const { value } = await this.#parts.call(this.#portmapper(host, over), {
      program: PMAP_PROGRAM,
      version: 2,
      procedure: pmapProcedures.GETPORT,
      args: { prog: wanted.program, vers: wanted.version, prot: transportNumbers[transport], port: 0 },
    });
    return value <= 0xffff ? value : 0;
  }

  /** RFC 1833 §3: version 2 knows IPv4 only. */
  async #getaddr(host: string, { wanted, transport, over }: Question): Promise<number> {
    const { value } = await this.#parts.call(this.#portmapper(host, over), {
      program: PMAP_PROGRAM,
      version: 4,
      procedure: rpcbProcedures.GETADDR,
      args: {
        r_prog: wanted.program,
        r_vers: wanted.version,
        r_netid: Buffer.from(`${transport}6`),
        r_addr: Buffer.alloc(0),
        r_owner: Buffer.alloc(0),
      },
    });
    return parseUniversalAddress(Buffer.from(value).toString('latin1'))?.port ?? 0;
  }

  #portmapper(host: string, transport: TransportName): CallTarget {
    return { host, port: this.#parts.portmapPort ?? PMAP_PORT, transport };
  }
}

type ProgramVersion = Pick<OutgoingCall<unknown, unknown>, 'program' | 'version'>;
interface Question {
  readonly wanted: ProgramVersion;
  readonly transport: TransportName;
  readonly over: TransportName;
}
