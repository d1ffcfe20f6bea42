import type { Log } from './environment.ts';
import type { RpcProcedure, RpcProgram } from './dispatch.ts';
import { NLM_PROGRAM, NLM_V4, nlmProcedures } from './nlm4.ts';
import type { Nlm4Locks, NlmArgsOf, NlmProcedureName, NlmResultOf } from './nlm4.ts';
import type { LockCallbacks, ResultName } from './nlm4-callbacks.ts';
import { peerGroup } from './peer-address.ts';
import { codedProcedure, type CodedProcedure } from './procedure.ts';
import type { CallContext } from './rpc.ts';

export interface Nlm4Parts {
  readonly locks: Nlm4Locks;
  readonly callbacks: LockCallbacks;
  readonly log: Log;
  /** Requests of the asynchronous family that run at a time; what comes above it is dropped, and the client asks again. */
  readonly messagesMax: number;
  /** The same for the requests of one address. */
  readonly messagesPerAddressMax: number;
}

type Handler<Name extends NlmProcedureName> = (
  call: CallContext,
  args: NlmArgsOf<Name>,
) => Promise<NlmResultOf<Name>>;
type Asked = 'TEST' | 'LOCK' | 'CANCEL' | 'UNLOCK' | 'GRANTED';

/** NLMv4 over the backend's functions, ready to be dispatched. */
export function nlm4Program(parts: Nlm4Parts): RpcProgram {
  const { locks } = parts;
  const asked = handlersOf(locks);
  const messages = new Messages(parts);
  const rows: readonly RpcProcedure[] = [
    row('TEST', asked.TEST),
    row('LOCK', asked.LOCK),
    row('CANCEL', asked.CANCEL),
    row('UNLOCK', asked.UNLOCK),
    row('GRANTED', asked.GRANTED),
    messages.row('TEST_MSG', 'TEST_RES', asked.TEST),
    messages.row('LOCK_MSG', 'LOCK_RES', async (call, args) => ({
      cookie: args.cookie,
      stat: await locks.lock(call, args, 'GRANTED_MSG'),
    })),
    messages.row('CANCEL_MSG', 'CANCEL_RES', asked.CANCEL),
    messages.row('UNLOCK_MSG', 'UNLOCK_RES', asked.UNLOCK),
    messages.row('GRANTED_MSG', 'GRANTED_RES', asked.GRANTED),
    ...(['TEST_RES', 'LOCK_RES', 'CANCEL_RES', 'UNLOCK_RES'] as const).map((name) =>
      // Answers to messages that a server never sends.
      row(name, () => Promise.resolve({})),
    ),
    row('GRANTED_RES', (call, args) =>
      Promise.resolve(parts.callbacks.granted(call.client, args)).then(() => ({})),
    ),
    row('SHARE', async (call, args) => shareResult(args, await locks.share(call, args))),
    row('UNSHARE', async (call, args) => shareResult(args, await locks.unshare(call, args))),
    row('NM_LOCK', async (call, args) => ({
      cookie: args.cookie,
      stat: await locks.lockUnmonitored(call, args),
    })),
    row('FREE_ALL', async (call, args) => {
      await locks.freeAll(call, args);
      return {};
    }),
  ];
  const procedures = new Map(
    rows.map((entry) => [nlmProcedures[entry.name as NlmProcedureName].number, entry]),
  );
  return { name: 'NLM', number: NLM_PROGRAM, version: NLM_V4, procedures };
}

function handlersOf(locks: Nlm4Locks): { readonly [Name in Asked]: Handler<Name> } {
  return {
    TEST: async (call, args) => ({ cookie: args.cookie, test_stat: await locks.test(call, args) }),
    LOCK: async (call, args) => ({ cookie: args.cookie, stat: await locks.lock(call, args, 'GRANTED') }),
    CANCEL: async (call, args) => ({ cookie: args.cookie, stat: await locks.cancel(call, args) }),
    UNLOCK: async (call, args) => ({ cookie: args.cookie, stat: await locks.unlock(call, args) }),
    // A server waits for no locks.
    GRANTED: (_call, { cookie }) => Promise.resolve({ cookie, stat: 'NLM4_DENIED' }),
  };
}

/** X/Open: `sequence` is of no use today. */
const shareResult = (
  { cookie }: NlmArgsOf<'SHARE'>,
  stat: NlmResultOf<'SHARE'>['stat'],
): NlmResultOf<'SHARE'> => ({ cookie, stat, sequence: 0 });

/** What changes locks runs once: a LOCK that arrives again behind its UNLOCK would take a lock that nobody gives back. */
const isIdempotent = (name: NlmProcedureName): boolean =>
  !/^(LOCK|NM_LOCK|CANCEL|UNLOCK|SHARE|UNSHARE|FREE_ALL)(_MSG)?$/.test(name);

function row<Name extends NlmProcedureName>(name: Name, handle: Handler<Name>): RpcProcedure {
  const codecs = nlmProcedures[name] as unknown as CodedProcedure<NlmArgsOf<Name>, NlmResultOf<Name>>;
  return codedProcedure(codecs, { name, isIdempotent: isIdempotent(name), handle, statusOf });
}

function statusOf(result: object): string {
  if ('stat' in result && typeof result.stat === 'string') return result.stat;
  if ('test_stat' in result) return (result as NlmResultOf<'TEST'>).test_stat.stat;
  return 'SUCCESS';
}

/** The asynchronous family: the call is answered at once, what it asked for is answered by a call in the other direction. */
class Messages {
  readonly #parts: Nlm4Parts;
  readonly #runningByAddress = new Map<string, number>();
  #running = 0;

  constructor(parts: Nlm4Parts) {
    this.#parts = parts;
  }

  row<Name extends Extract<NlmProcedureName, `${string}_MSG`>, Answer extends ResultName>(
    name: Name,
    answerName: Answer,
    handle: (call: CallContext, args: NlmArgsOf<Name>) => Promise<NlmArgsOf<Answer>>,
  ): RpcProcedure {
    return row(name, (call, args) => {
      if (this.#hasPlace(call)) void this.#run(call, answerName, () => handle(call, args));
      return Promise.resolve({} as NlmResultOf<Name>);
    });
  }

  #hasPlace({ client }: CallContext): boolean {
    const { messagesMax, messagesPerAddressMax } = this.#parts;
    return this.#running < messagesMax && this.#countOf(peerGroup(client)) < messagesPerAddressMax;
  }

  #countOf(address: string): number {
    return this.#runningByAddress.get(address) ?? 0;
  }

  #count(address: string, more: number): void {
    const count = this.#countOf(address) + more;
    this.#running += more;
    if (count === 0) this.#runningByAddress.delete(address);
    else this.#runningByAddress.set(address, count);
  }

  async #run<Answer extends ResultName>(
    call: CallContext,
    answerName: Answer,
    handle: () => Promise<NlmArgsOf<Answer>>,
  ): Promise<void> {
    const address = peerGroup(call.client);
    this.#count(address, 1);
    try {
      await this.#parts.callbacks.respond(call.client, answerName, await handle());
    } catch (failure) {
      this.#parts.log.error('nlm-message-failed', { client: call.client, failure: String(failure) });
    } finally {
      this.#count(address, -1);
    }
  }
}
