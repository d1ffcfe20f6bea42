import type { Clock, Log } from './environment.ts';
import type { ClientPrograms } from './client-programs.ts';
import { NLM_PROGRAM, NLM_V4, nlmProcedures } from './nlm4.ts';
import type { GrantForm, Nlm4Lock, Nlm4Stats, NlmArgsOf, NlmProcedureName } from './nlm4.ts';
import { NSM_PROGRAM, NSM_V1, nsmProcedures, type StatChge } from './nsm.ts';
import { plainAddress } from './peer-address.ts';
import { CallFailed } from './rpc-call.ts';

/**
 * What became of the news that a waiting client has its lock. `refused`: it does not want it any more. `unreachable`: it has
 * not heard of it. `unanswered`: perhaps it has.
 */
export type GrantOutcome = 'granted' | 'refused' | 'unreachable' | 'unanswered';

export interface Grant {
  /** Address. */
  readonly client: string;
  readonly form: GrantForm;
  readonly exclusive: boolean;
  readonly alock: Nlm4Lock;
}

export type ResultName = Extract<NlmProcedureName, `${string}_RES`>;

/** Calls of a lock server to its clients. */
export interface LockCallbacks {
  /** Tells a client once. */
  grant(grant: Grant): Promise<GrantOutcome>;
  /** An answer to GRANTED_MSG has come. */
  granted(client: string, result: NlmArgsOf<'GRANTED_RES'>): void;
  /** Sends the answer to a `…_MSG`. One that cannot be delivered is lost, as the protocol has it: the client asks again. */
  respond<Name extends ResultName>(client: string, name: Name, result: NlmArgsOf<Name>): Promise<void>;
  /** Tells a client's status monitor that this server has started anew; false when it could not be told. */
  notify(client: string, change: StatChge): Promise<boolean>;
}

export interface LockCallbacksParts {
  readonly programs: Pick<ClientPrograms, 'call'>;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly log: Log;
  /** For GRANTED_RES to come. */
  readonly answerMsMax: number;
}

/** Our cookies are numbers; clients send them back as they are. */
const cookieBytes = 8;

export function lockCallbacks({ programs, clock, log, answerMsMax }: LockCallbacksParts): LockCallbacks {
  let lastCookie = 0;
  const awaited = new Map<string, (stat: Nlm4Stats) => void>();
  const nextCookie = (): Uint8Array => {
    const cookie = Buffer.alloc(cookieBytes);
    cookie.writeUIntBE((lastCookie += 1), 2, 6);
    return cookie;
  };
  const call = <Name extends NlmProcedureName>(client: string, name: Name, args: NlmArgsOf<Name>) =>
    programs.call(client, {
      program: NLM_PROGRAM,
      version: NLM_V4,
      procedure: nlmProcedures[name],
      args: args as never,
    }) as Promise<unknown>;

  async function grantByMessage(
    client: string,
    args: NlmArgsOf<'GRANTED_MSG'>,
  ): Promise<Nlm4Stats | undefined> {
    const key = awaitedKey(client, args.cookie);
    const over = new AbortController();
    const answer = new Promise<Nlm4Stats>((resolve) => awaited.set(key, resolve));
    const late = clock.sleep(answerMsMax, over.signal).then(
      () => undefined,
      () => undefined,
    );
    try {
      await call(client, 'GRANTED_MSG', args);
      return await Promise.race([answer, late]);
    } finally {
      over.abort();
      awaited.delete(key);
    }
  }

  return {
    async grant({ client, form, exclusive, alock }) {
      const args = { cookie: nextCookie(), exclusive, alock };
      try {
        if (form === 'GRANTED_MSG') return outcomeOf(await grantByMessage(client, args));
        return outcomeOf(((await call(client, 'GRANTED', args)) as { stat: Nlm4Stats }).stat);
      } catch (failure) {
        if (!(failure instanceof CallFailed)) throw failure;
        log.warn('nlm-grant-failed', { client, reason: failure.message });
        return failure.wasSent ? 'unanswered' : 'unreachable';
      }
    },
    granted: (client, { cookie, stat }) => awaited.get(awaitedKey(client, cookie))?.(stat),
    async respond(client, name, result) {
      try {
        await call(client, name, result);
      } catch (failure) {
        if (!(failure instanceof CallFailed)) throw failure;
        log.warn('nlm-response-failed', { client, procedure: name, reason: failure.message });
      }
    },
    async notify(client, args) {
      const procedure = nsmProcedures.NOTIFY;
      try {
        await programs.call(client, { program: NSM_PROGRAM, version: NSM_V1, procedure, args });
        return true;
      } catch (failure) {
        if (!(failure instanceof CallFailed)) throw failure;
        return false;
      }
    },
  };
}

const awaitedKey = (client: string, cookie: Uint8Array): string =>
  `${plainAddress(client)} ${Buffer.from(cookie).toString('hex')}`;

/** A client that is itself still starting has taken nothing yet. */
function outcomeOf(stat: Nlm4Stats | undefined): GrantOutcome {
  if (stat === undefined) return 'unanswered';
  if (stat === 'NLM4_DENIED_GRACE_PERIOD') return 'unreachable';
  return stat === 'NLM4_GRANTED' ? 'granted' : 'refused';
}
