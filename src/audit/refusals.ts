import type { MonotonicMs, Time } from '../environment.ts';
import {
  AUDIT_BURST_MAX,
  AUDIT_CALLER_BURST_MAX,
  AUDIT_CALLER_ROWS_PER_SECOND,
  AUDIT_CALLERS_MAX,
  AUDIT_FIRST_BURST_MAX,
  AUDIT_FIRST_ROWS_MAX,
  AUDIT_FIRST_ROWS_PER_SECOND,
  AUDIT_MERGE_MS,
  AUDIT_RECENT_MAX,
  AUDIT_ROWS_PER_SECOND,
} from '../limits.ts';
import { Budget } from './budget.ts';
import type { Actor, AuditEvent, AuditRow } from './event.ts';

/** One row while refusals may still be merged into it. */
export interface Recent {
  readonly since: MonotonicMs;
  row: AuditRow;
}

/** A row to be, and how it is found again. */
interface Place {
  readonly identity: string;
  readonly event: AuditEvent;
}

/** The network of an address, of whose addresses one client may have any. */
export type GroupOf = (address: string) => string;

export interface Moment {
  readonly wall: Time;
  readonly monotonic: MonotonicMs;
}

/**
 * Which row a refusal belongs to. The same one again, within a minute, counts in the row that it has; so do refusals of
 * different keys once a caller has had so many rows that the store and others would feel it. Bounded in memory; pure but
 * for what it remembers.
 */
export class Refusals {
  readonly #recent = new Map<string, Recent>();
  readonly #callers = new Map<string, Budget>();
  /** By who is behind callers: rows that it wanted when there was nothing left for all. */
  readonly #wanted = new Map<string, number>();
  readonly #groupOf: GroupOf;
  readonly #all: Budget;
  /** For those who are new, where some old ones use up what there is for all. */
  readonly #firsts: Budget;

  constructor(now: MonotonicMs, groupOf: GroupOf) {
    this.#groupOf = groupOf;
    this.#all = new Budget({ burst: AUDIT_BURST_MAX, perSecond: AUDIT_ROWS_PER_SECOND }, now);
    this.#firsts = new Budget({ burst: AUDIT_FIRST_BURST_MAX, perSecond: AUDIT_FIRST_ROWS_PER_SECOND }, now);
  }

  /** The row, with this refusal in it, and whether it is a new one. */
  add(event: AuditEvent, now: Moment, nextOrder: () => number): { recent: Recent; isNew: boolean } {
    this.#forget(now.monotonic);
    const own = { identity: identityOf(event), event };
    const place = this.#recent.has(own.identity) ? own : this.#placeOfNew(own, now.monotonic);
    const recent = this.#recent.get(place.identity);
    if (recent !== undefined) {
      recent.row = { ...recent.row, count: recent.row.count + 1, lastAt: now.wall };
      return { recent, isNew: false };
    }
    const row = { ...place.event, order: nextOrder(), at: now.wall, count: 1, lastAt: now.wall };
    const made = { since: now.monotonic, row };
    this.#recent.set(place.identity, made);
    return { recent: made, isNew: true };
  }

  /** Refusals of a caller without budget share a row; without any budget left, all of a door do. */
  #placeOfNew(own: Place, now: MonotonicMs): Place {
    if (this.#recent.size >= AUDIT_RECENT_MAX) return ofEverybody(own.event);
    if (this.#budgetOf(callerOf(own.event.actor), now).take(now)) {
      const isOwn = this.#all.take(now) || (this.#isAmongFirst(own.event.actor) && this.#firsts.take(now));
      return isOwn ? own : ofEverybody(own.event);
    }
    const shared = ofCaller(own.event);
    return this.#recent.has(shared.identity) || this.#all.take(now) ? shared : ofEverybody(own.event);
  }

  #budgetOf(caller: string, now: MonotonicMs): Budget {
    const options = { burst: AUDIT_CALLER_BURST_MAX, perSecond: AUDIT_CALLER_ROWS_PER_SECOND };
    const budget = this.#callers.get(caller) ?? new Budget(options, now);
    keepLast(this.#callers, caller, budget);
    return budget;
  }

  #isAmongFirst(actor: Actor | undefined): boolean {
    const who = this.#behind(actor);
    const wanted = (this.#wanted.get(who) ?? 0) + 1;
    keepLast(this.#wanted, who, wanted);
    return wanted <= AUDIT_FIRST_ROWS_MAX;
  }

  /** Keys, sessions and addresses of a network are there for the asking: with others it is nobody new. */
  #behind(actor: Actor | undefined): string {
    const principal = actor?.principal?.replace(SESSION_NAME, '$1');
    return JSON.stringify([actor?.door, principal, actor?.uid, actor && this.#groupOf(actor.client)]);
  }

  /** Rows of more than a minute ago take nothing in any more. They stand in the order of their time. */
  #forget(now: MonotonicMs): void {
    for (const [identity, { since }] of this.#recent) {
      if (now - since < AUDIT_MERGE_MS) break;
      this.#recent.delete(identity);
    }
  }
}

/** Who has asked last stands last: whoever has been quiet longest is forgotten first. */
function keepLast<Value>(callers: Map<string, Value>, name: string, value: Value): void {
  callers.delete(name);
  callers.set(name, value);
  const [oldest] = callers.keys();
  if (callers.size > AUDIT_CALLERS_MAX && oldest !== undefined) callers.delete(oldest);
}

/** Whoever assumes a role or federates a user chooses the name at the end. */
const SESSION_NAME = /^(arn:aws:sts::\d*:(?:assumed-role\/[^/]+|federated-user))\/.*$/;

const callerOf = (actor: Actor | undefined): string =>
  JSON.stringify([actor?.door, actor?.principal, actor?.accessKey, actor?.uid, actor?.client]);

/** Everything but when, and which request of several. */
function identityOf({ actor, bucket, key, versionId, lock, detail }: AuditEvent): string {
  const name = key && Buffer.from(key).toString('latin1');
  return JSON.stringify([callerOf(actor), actor?.operation, bucket, name, versionId, lock, detail]);
}

/** What refusals of one caller have in common, whatever their keys. */
const ofCaller = ({ kind, actor, bucket }: AuditEvent): Place => ({
  identity: JSON.stringify([callerOf(actor), actor?.operation, bucket]),
  event: { kind, actor, bucket, detail: 'more refusals of this caller than get a row each' },
});

/** What those of all callers of a door have in common. */
function ofEverybody({ kind, actor }: AuditEvent): Place {
  const { door = 's3' } = actor ?? {};
  const detail = 'more refusals of all callers than get a row each';
  return { identity: door, event: { kind, actor: { door, operation: '*', client: '*' }, detail } };
}
