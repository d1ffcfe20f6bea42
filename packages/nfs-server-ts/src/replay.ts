import type { ServerLimits } from './limits.ts';
import type { Call } from './rpc.ts';
import type { XdrReader } from './xdr.ts';

/** What a call came to: the parts of its record, and whether a retransmission is to get the same again. */
export interface Answer {
  readonly parts: readonly Uint8Array[];
  readonly isReplayable: boolean;
  /** To be called when nobody looks at the parts any more. */
  readonly whenSent?: (() => void) | undefined;
}

/** Enough to tell two calls of one xid apart without reading a whole WRITE. */
const checksumBytesMax = 256;

/**
 * What tells a retransmission from a new call: the peer's address without its port (a client that lost its connection may come
 * back from another one), the name of its machine (many may sit behind one address), the xid, the procedure, who calls, and
 * length and FNV-1a checksum of the arguments' first bytes.
 */
export function replayKey(call: Call, args: XdrReader): string {
  const { client, machine, uid, gid } = call.context;
  const bytes = args.rest();
  const count = Math.min(bytes.length, checksumBytesMax);
  let checksum = 0x811c_9dc5;
  for (let index = 0; index < count; index++) checksum = Math.imul(checksum ^ bytes[index]!, 0x0100_0193);
  const name = Buffer.from(machine.buffer, machine.byteOffset, machine.length).toString('latin1');
  return `${client} ${call.xid} ${call.program} ${call.procedure} ${uid} ${gid} ${bytes.length} ${checksum} ${name}`;
}

/**
 * Duplicate-request cache (RFC 1813 §4.5): a non-idempotent call that arrives again is answered with the reply of its first run,
 * and is not run while the first run is still under way. Bounded by count and bytes, oldest reply first; calls under way
 * are bounded by what the connections let in flight.
 */
export class ReplayCache {
  readonly #limits: Pick<ServerLimits, 'replayEntriesMax' | 'replayBytesMax'>;
  readonly #running = new Map<string, Promise<Answer>>();
  readonly #done = new Map<string, Uint8Array>();
  /** Keys of `#done`, oldest first from `#oldest` on. Not the map's own order: finding the first key there passes all deleted ones. */
  #order: string[] = [];
  #oldest = 0;
  #bytes = 0;

  constructor(limits: Pick<ServerLimits, 'replayEntriesMax' | 'replayBytesMax'>) {
    this.#limits = limits;
  }

  /** Replies kept, and their bytes. */
  get size(): { readonly entries: number; readonly bytes: number } {
    return { entries: this.#done.size, bytes: this.#bytes };
  }

  /** The first run's answer, or that of `run`, which then is the first. */
  async once(key: string, run: () => Promise<Answer>): Promise<Answer> {
    const done = this.#done.get(key);
    if (done !== undefined) return { parts: [done], isReplayable: true };
    const running = this.#running.get(key);
    if (running !== undefined) return running;
    const first = run();
    this.#running.set(key, first);
    try {
      const answer = await first;
      if (answer.isReplayable) this.#keep(key, answer.parts);
      return answer;
    } finally {
      this.#running.delete(key);
    }
  }

  #keep(key: string, parts: readonly Uint8Array[]): void {
    const reply = Uint8Array.from(Buffer.concat(parts));
    this.#done.set(key, reply);
    this.#bytes += reply.length;
    this.#order.push(key);
    const { replayEntriesMax, replayBytesMax } = this.#limits;
    while (this.#done.size > replayEntriesMax || this.#bytes > replayBytesMax) this.#forgetOldest();
  }

  #forgetOldest(): void {
    const key = this.#order[this.#oldest]!;
    this.#oldest += 1;
    this.#bytes -= this.#done.get(key)!.length;
    this.#done.delete(key);
    if (this.#oldest < this.#order.length / 2) return;
    this.#order = this.#order.slice(this.#oldest);
    this.#oldest = 0;
  }
}
