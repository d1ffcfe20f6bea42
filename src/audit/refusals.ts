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

interface Counted {
  readonly budget: Budget;
  /** Rows that it wanted when there was nothing left for all. */
  firsts: number;
}

/** A row to be, and how it is found again. */
interface Place {
  readonly identity: string;
  readonly event: AuditEvent;
}

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
  readonly #callers = new Map<string, Counted>();
  readonly #all: Budget;
  /** For those who are new, where some old ones use up what there is for all. */
  readonly #firsts: Budget;

  constructor(now: MonotonicMs) {
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
    const caller = this.#caller(callerOf(own.event.actor), now);
    if (caller.budget.take(now)) {
      if (this.#all.take(now)) return own;
      caller.firsts += 1;
      return caller.firsts <= AUDIT_FIRST_ROWS_MAX && this.#firsts.take(now) ? own : ofEverybody(own.event);
    }
    const shared = ofCaller(own.event);
    return this.#recent.has(shared.identity) || this.#all.take(now) ? shared : ofEverybody(own.event);
  }

  #caller(name: string, now: MonotonicMs): Counted {
    const options = { burst: AUDIT_CALLER_BURST_MAX, perSecond: AUDIT_CALLER_ROWS_PER_SECOND };
    const caller = this.#callers.get(name) ?? { budget: new Budget(options, now), firsts: 0 };
    // Who has asked last stands last: whoever has been quiet longest is forgotten first.
    this.#callers.delete(name);
    this.#callers.set(name, caller);
    const [oldest] = this.#callers.keys();
    if (this.#callers.size > AUDIT_CALLERS_MAX && oldest !== undefined) this.#callers.delete(oldest);
    return caller;
  }

  /** Rows of more than a minute ago take nothing in any more. They stand in the order of their time. */
  #forget(now: MonotonicMs): void {
    for (const [identity, { since }] of this.#recent) {
      if (now - since < AUDIT_MERGE_MS) break;
      this.#recent.delete(identity);
    }
  }
}

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
