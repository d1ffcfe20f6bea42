import { nlmProcedures, NLM_PROGRAM, NLM_V4 } from '../../src/nlm4.ts';
import type { Nlm4Lock, Nlm4Stats, NlmArgsOf, NlmProcedureName, NlmResultOf } from '../../src/nlm4.ts';
import type { Codec } from '../../src/codec.ts';
import type { Outcome, RpcProcedure, RpcProgram } from '../../src/dispatch.ts';
import { NSM_PROGRAM, NSM_V1, nsmProgram, type StatChge } from '../../src/nsm.ts';
import { portmapPrograms, type Registration } from '../../src/portmap.ts';
import { listenPrograms } from '../../src/tcp.ts';
import { listenUdp } from '../../src/udp.ts';
import { encodeCall, framed, rootCredential, RpcClient, type Credential } from './client.ts';

/** Calls that a lock server made to this client. */
export interface Heard {
  readonly name: NlmProcedureName | 'NOTIFY';
  readonly args: unknown;
}

/** The lock manager, status monitor and port mapper of a client machine, on free ports of the loopback. */
export class LockClient {
  readonly heard: Heard[] = [];
  /** What it says to GRANTED and GRANTED_MSG; `undefined`: nothing, for ever. */
  answer: Nlm4Stats | undefined = 'NLM4_GRANTED';
  portmapPort = 0;
  readonly #closers: (() => Promise<void>)[] = [];
  #waiting: (() => void)[] = [];
  readonly #hung: (() => void)[] = [];
  #respond: (cookie: Uint8Array, stat: Nlm4Stats) => Promise<void> = () => Promise.resolve();

  /** `transport`: over which its programs are found. */
  static async start(transport: 'tcp' | 'udp' = 'tcp'): Promise<LockClient> {
    const client = new LockClient();
    const host = '127.0.0.1';
    const silent = { warn: () => undefined, error: () => undefined };
    const programs = [client.#nlm(), client.#nsm()];
    const listening =
      transport === 'tcp'
        ? await listenPrograms({ host, port: 0, programs, log: silent })
        : await listenUdp({ host, port: 0, programs, log: silent });
    const { port } = listening.address;
    const registrations: Registration[] = [
      { program: NLM_PROGRAM, version: NLM_V4, transport, host, port },
      { program: NSM_PROGRAM, version: NSM_V1, transport, host, port },
    ];
    const clock = { wall: () => ({ seconds: 0, nanoseconds: 0 }) };
    const portmap = portmapPrograms(registrations, clock);
    const mapper = await listenPrograms({ host, port: 0, programs: portmap, log: silent });
    client.portmapPort = mapper.address.port;
    client.#closers.push(
      () => listening.close(),
      () => mapper.close(),
    );
    return client;
  }

  /** Sends GRANTED_RES to the server at that port when it hears a GRANTED_MSG. */
  respondTo(port: number): void {
    this.#respond = async (cookie, stat) => {
      const rpc = await RpcClient.connect(port);
      await nlmCall(rpc, 'GRANTED_RES', { cookie, stat });
      await rpc.close();
    };
  }

  /** Resolves when it has heard so many calls of that name. */
  async hears(name: Heard['name'], count = 1): Promise<readonly unknown[]> {
    for (;;) {
      const args = this.heard.filter((it) => it.name === name).map((it) => it.args);
      if (args.length >= count) return args;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  async close(): Promise<void> {
    for (const letGo of this.#hung) letGo();
    await Promise.all(this.#closers.map((close) => close()));
  }

  #hear(heard: Heard): void {
    this.heard.push(heard);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  #nsm(): RpcProgram {
    const notified = (_call: unknown, change: StatChge): Promise<void> => {
      const args = { mon_name: Buffer.from(change.mon_name).toString(), state: change.state };
      this.#hear({ name: 'NOTIFY', args });
      return Promise.resolve();
    };
    return nsmProgram({ state: () => 1, notified });
  }

  #nlm(): RpcProgram {
    const rows: RpcProcedure[] = (Object.keys(nlmProcedures) as NlmProcedureName[])
      .filter((name) => name !== 'NULL')
      .map((name) => ({ name, isIdempotent: true, prepare: (reader) => this.#prepare(name, reader) }));
    const procedures = new Map(rows.map((row) => [nlmProcedures[row.name as NlmProcedureName].number, row]));
    return { name: 'NLM', number: NLM_PROGRAM, version: NLM_V4, procedures };
  }

  #prepare(
    name: NlmProcedureName,
    reader: Parameters<RpcProcedure['prepare']>[0],
  ): ReturnType<RpcProcedure['prepare']> {
    const args = (nlmProcedures[name].args as Codec<unknown>).read(reader) as NlmArgsOf<'GRANTED'>;
    const run = async (): Promise<Outcome> => {
      const { answer } = this;
      const cookie = Uint8Array.from(args.cookie);
      this.#hear({ name, args });
      if (answer === undefined) await new Promise<void>((resolve) => this.#hung.push(resolve));
      const stat = answer ?? 'NLM4_FAILED';
      if (name === 'GRANTED_MSG') setImmediate(() => void this.#respond(cookie, stat));
      return {
        status: stat,
        isFinal: true,
        encode: (writer) =>
          name === 'GRANTED' && nlmProcedures.GRANTED.result.write(writer, { cookie, stat }),
      };
    };
    return { replyBytesAsked: 0, run };
  }
}

/** One call of the lock protocol; the result. */
export async function nlmCall<Name extends NlmProcedureName>(
  rpc: RpcClient,
  name: Name,
  args: NlmArgsOf<Name>,
  credential: Credential = rootCredential,
): Promise<NlmResultOf<Name>> {
  const row = nlmProcedures[name] as unknown as {
    readonly number: number;
    readonly args: Codec<NlmArgsOf<Name>>;
    readonly result: Codec<NlmResultOf<Name>>;
  };
  const xid = rpc.nextXid();
  const header = { program: NLM_PROGRAM, version: NLM_V4, procedure: row.number, credential };
  const call = encodeCall({ xid, ...header }, (writer) => row.args.write(writer, args));
  return row.result.read(await rpc.exchange(xid, framed(call)));
}

/** As decoded bytes are: no Buffer. */
export const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text));

/** A lock of the whole file by process 1 of machine `client`, but for what is given. */
export const alock = (
  fh: Uint8Array,
  given: Partial<Nlm4Lock> & { readonly caller?: string } = {},
): Nlm4Lock => {
  const { caller = 'client', ...rest } = given;
  const svid = rest.svid ?? 1;
  return {
    ...{ caller_name: bytes(caller), fh, oh: bytes(`${svid}@${caller}`), svid },
    ...{ l_offset: 0, l_len: 0 },
    ...rest,
  };
};
export const cookie = bytes('cookie');
export const lockArgs = (
  lock: Nlm4Lock,
  given: Partial<Omit<NlmArgsOf<'LOCK'>, 'alock'>> = {},
): NlmArgsOf<'LOCK'> => ({
  ...{ cookie, block: false, exclusive: true, alock: lock, reclaim: false, state: 1 },
  ...given,
});
