import type { LockCallbacks } from './nlm4-callbacks.ts';
import type {
  GrantForm,
  Nlm4Cancargs,
  Nlm4Lock,
  Nlm4Lockargs,
  Nlm4Locks,
  Nlm4Shareargs,
  Nlm4Stats,
  Nlm4Testrply,
  Nlm4Unlockargs,
} from './nlm4.ts';
import type { CallContext } from './rpc.ts';

interface Held {
  readonly file: string;
  /** Machine, process and handle of the owner. */
  readonly owner: string;
  readonly machine: string;
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
  readonly exclusive: boolean;
  readonly lock: Nlm4Lock;
}
interface Waiting extends Held {
  readonly client: string;
  readonly form: GrantForm;
}
interface Share {
  readonly file: string;
  readonly owner: string;
  readonly machine: string;
  readonly deny: number;
  readonly access: number;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const machineOf = (call: CallContext, name: Uint8Array): string => `${call.client} ${hex(name)}`;
const bits = {
  fsm_DN: 0,
  fsm_DR: 1,
  fsm_DW: 2,
  fsm_DRW: 3,
  fsa_NONE: 0,
  fsa_R: 1,
  fsa_W: 2,
  fsa_RW: 3,
} as const;

function heldBy(call: CallContext, lock: Nlm4Lock, exclusive: boolean): Held {
  const { l_offset: start, l_len } = lock;
  const machine = machineOf(call, lock.caller_name);
  const kept = {
    ...lock,
    caller_name: Uint8Array.from(lock.caller_name),
    fh: Uint8Array.from(lock.fh),
    oh: Uint8Array.from(lock.oh),
  };
  const end = l_len === 0 ? Infinity : start + l_len;
  const owner = `${machine} ${lock.svid} ${hex(lock.oh)}`;
  return { file: hex(lock.fh), owner, machine, start, end, exclusive, lock: kept };
}

const overlaps = (a: Held, b: Held): boolean => a.file === b.file && a.start < b.end && b.start < a.end;
const conflicts = (a: Held, b: Held): boolean =>
  a.owner !== b.owner && (a.exclusive || b.exclusive) && overlaps(a, b);

/** What is left of a lock when a range is taken out of it: none, one or two pieces. */
const without = (held: Held, cut: Held): Held[] =>
  [
    { ...held, end: Math.min(held.end, cut.start) },
    { ...held, start: Math.max(held.start, cut.end) },
  ].filter(({ start, end }) => start < end);

/**
 * Locks in memory: they bound nothing, know no grace period and go with the process. For tests, and to show what a backend of
 * locks looks like. Shares of one owner on one file are one.
 */
export class MemoryLocks implements Nlm4Locks {
  readonly #callbacks: () => Pick<LockCallbacks, 'grant'>;
  #held: Held[] = [];
  #waiting: Waiting[] = [];
  #shares: Share[] = [];

  constructor(callbacks: () => Pick<LockCallbacks, 'grant'>) {
    this.#callbacks = callbacks;
  }

  async test(
    call: CallContext,
    { alock, exclusive }: { alock: Nlm4Lock; exclusive: boolean },
  ): Promise<Nlm4Testrply> {
    const wanted = heldBy(call, alock, exclusive);
    const holder = this.#held.find((held) => conflicts(held, wanted));
    if (holder === undefined) return { stat: 'NLM4_GRANTED' };
    const l_len = holder.end === Infinity ? 0 : holder.end - holder.start;
    const { svid, oh } = holder.lock;
    return {
      stat: 'NLM4_DENIED',
      holder: { exclusive: holder.exclusive, svid, oh, l_offset: holder.start, l_len },
    };
  }

  async lock(call: CallContext, args: Nlm4Lockargs, form: GrantForm): Promise<Nlm4Stats> {
    const wanted = heldBy(call, args.alock, args.exclusive);
    this.#forget(wanted);
    if (!this.#held.some((held) => conflicts(held, wanted))) {
      this.#take(wanted);
      return 'NLM4_GRANTED';
    }
    if (!args.block) return 'NLM4_DENIED';
    this.#waiting.push({ ...wanted, client: call.client, form });
    return 'NLM4_BLOCKED';
  }

  lockUnmonitored(call: CallContext, args: Nlm4Lockargs): Promise<Nlm4Stats> {
    return this.lock(call, args, 'GRANTED');
  }

  async cancel(call: CallContext, { alock, exclusive }: Nlm4Cancargs): Promise<Nlm4Stats> {
    return this.#forget(heldBy(call, alock, exclusive)) ? 'NLM4_GRANTED' : 'NLM4_DENIED';
  }

  async unlock(call: CallContext, { alock }: Nlm4Unlockargs): Promise<Nlm4Stats> {
    this.#release(heldBy(call, alock, false));
    return 'NLM4_GRANTED';
  }

  async share(call: CallContext, { share }: Nlm4Shareargs): Promise<Nlm4Stats> {
    const machine = machineOf(call, share.caller_name);
    const owner = `${machine} ${hex(share.oh)}`;
    const [deny, access] = [bits[share.mode], bits[share.access]];
    const others = this.#shares.filter((it) => it.file === hex(share.fh) && it.owner !== owner);
    if (others.some((it) => (it.deny & access) !== 0 || (it.access & deny) !== 0)) return 'NLM4_DENIED';
    await this.unshare(call, { share });
    this.#shares.push({ file: hex(share.fh), owner, machine, deny, access });
    return 'NLM4_GRANTED';
  }

  async unshare(call: CallContext, { share }: Pick<Nlm4Shareargs, 'share'>): Promise<Nlm4Stats> {
    const owner = `${machineOf(call, share.caller_name)} ${hex(share.oh)}`;
    this.#shares = this.#shares.filter((it) => it.file !== hex(share.fh) || it.owner !== owner);
    return 'NLM4_GRANTED';
  }

  async freeAll(call: CallContext, { name }: { name: Uint8Array }): Promise<void> {
    const machine = machineOf(call, name);
    this.#held = this.#held.filter((it) => it.machine !== machine);
    this.#waiting = this.#waiting.filter((it) => it.machine !== machine);
    this.#shares = this.#shares.filter((it) => it.machine !== machine);
    this.#grantWaiting();
  }

  #take(wanted: Held): void {
    this.#held = this.#held.flatMap((held) =>
      held.owner === wanted.owner && overlaps(held, wanted) ? without(held, wanted) : [held],
    );
    this.#held.push(wanted);
    this.#grantWaiting();
  }

  #release(range: Held): void {
    this.#held = this.#held.flatMap((held) =>
      held.owner === range.owner && overlaps(held, range) ? without(held, range) : [held],
    );
    this.#grantWaiting();
  }

  /** Whether it was waiting. */
  #forget({ file, owner, start, end }: Held): boolean {
    const before = this.#waiting.length;
    this.#waiting = this.#waiting.filter(
      (it) => it.file !== file || it.owner !== owner || it.start !== start || it.end !== end,
    );
    return this.#waiting.length < before;
  }

  #grantWaiting(): void {
    const next = this.#waiting.find((wanted) => !this.#held.some((held) => conflicts(held, wanted)));
    if (next === undefined) return;
    this.#forget(next);
    this.#take(next);
    const { client, form, exclusive, lock: alock } = next;
    // Who no longer wants it, or is not there to hear of it, does not keep it.
    const told = this.#callbacks().grant({ client, form, exclusive, alock });
    void told.then((outcome) => outcome !== 'granted' && this.#release(next));
  }
}
