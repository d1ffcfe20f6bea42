import type { Time } from '../environment.ts';
import { TRANSITION_BYTES_MIN } from '../limits.ts';
import type { Tag } from '../namespace/namespace.ts';
import { dayAfter, isTrial, type Calendar } from './calendar.ts';
import type { Lifecycle, Rule, Scope, When } from './rules.ts';
import { canMove, coldness, type TransitionClass } from './storage-classes.ts';

/*
 * What the rules of a bucket say about one thing in it. Pure: nothing is read and nothing is done here, so that the
 * headers of an answer, the executor and the tests agree. The order of rules means nothing.
 */

/** The rules and how long their days are. */
export interface Terms {
  readonly lifecycle: Lifecycle;
  readonly calendar: Calendar;
}

/** What a filter looks at. */
export interface Facts {
  readonly key: Uint8Array;
  /** In bytes; 0 for a delete marker, which also has no tags. */
  readonly size: number;
  readonly tags: readonly Tag[];
}

export interface CurrentObject extends Facts {
  readonly modifiedAt: Time;
}

export interface ClassedObject extends CurrentObject {
  readonly storageClass: string;
}

export interface NoncurrentVersion extends Facts {
  /** When its successor was made. */
  readonly noncurrentSince: Time;
  /** Noncurrent versions of the same key between it and the current one. */
  readonly newerCount: number;
  /** `undefined`: a delete marker. */
  readonly storageClass: string | undefined;
}

/** Something that happens by a rule, from this second since the epoch on. */
export interface Planned {
  readonly atSeconds: number;
  readonly rule: Rule;
}

export interface PlannedTransition extends Planned {
  readonly storageClass: TransitionClass;
}

export const isDue = (planned: Planned | undefined, now: Time): planned is Planned =>
  planned !== undefined && planned.atSeconds <= now.seconds;

/** When an object expires; `undefined`: never, as long as the rules are these. */
export const expirationOf = (terms: Terms, object: CurrentObject): Planned | undefined =>
  earliest(
    matching(terms, object).flatMap((rule) => {
      const { expiration } = rule;
      if (expiration === undefined) return [];
      return [{ rule, atSeconds: secondsOf(terms.calendar, object.modifiedAt, expiration) }];
    }),
  );

/** When a delete marker that is the only version of its key goes: by age, or at once where a rule says so. */
export const markerExpirationOf = (
  terms: Terms,
  { key, createdAt }: { readonly key: Uint8Array; readonly createdAt: Time },
): Planned | undefined =>
  earliest(
    matching(terms, { key, size: 0, tags: [] }).flatMap((rule) => {
      const { expiration, removesMarkers } = rule;
      if (removesMarkers) return [{ rule, atSeconds: createdAt.seconds }];
      // API_LifecycleExpiration: with Days, markers go when they are as old; a date says nothing about them.
      if (expiration === undefined || !('days' in expiration)) return [];
      return [{ rule, atSeconds: dayAfter(terms.calendar, createdAt, expiration.days) }];
    }),
  );

/** When a noncurrent version is removed for good. */
export const noncurrentExpirationOf = (terms: Terms, version: NoncurrentVersion): Planned | undefined =>
  earliest(
    matching(terms, version).flatMap((rule) => {
      const when = rule.noncurrentExpiration;
      if (when === undefined || version.newerCount < when.newerKept) return [];
      return [{ rule, atSeconds: dayAfter(terms.calendar, version.noncurrentSince, when.days) }];
    }),
  );

/** When an upload that was never completed is given up. Only prefixes count. */
export const abortOf = (
  { lifecycle, calendar }: Terms,
  { key, initiatedAt }: { readonly key: Uint8Array; readonly initiatedAt: Time },
): Planned | undefined =>
  earliest(
    lifecycle.rules.flatMap((rule) => {
      if (rule.abortDays === undefined || !startsWith(key, rule.scope.prefix)) return [];
      return [{ rule, atSeconds: dayAfter(calendar, initiatedAt, rule.abortDays) }];
    }),
  );

/** The transition that is due: to the coldest of the classes whose time has come. */
export const transitionDue = (
  terms: Terms,
  object: ClassedObject,
  now: Time,
): PlannedTransition | undefined => {
  const planned = matching(terms, object).flatMap((rule) =>
    rule.transitions.map(({ when, storageClass }) => ({
      rule,
      storageClass,
      atSeconds: secondsOf(terms.calendar, object.modifiedAt, when),
    })),
  );
  return coldest(planned.filter((it) => isDue(it, now) && mayMove(terms, object, it)));
};

/** The same for a noncurrent version; a delete marker has no class that could change. */
export const noncurrentTransitionDue = (
  terms: Terms,
  version: NoncurrentVersion,
  now: Time,
): PlannedTransition | undefined => {
  const { size, storageClass: held, newerCount, noncurrentSince } = version;
  if (held === undefined) return undefined;
  const planned = matching(terms, version).flatMap((rule) =>
    rule.noncurrentTransitions
      .filter(({ newerKept }) => newerCount >= newerKept)
      .map(({ days, storageClass }) => ({
        rule,
        storageClass,
        atSeconds: dayAfter(terms.calendar, noncurrentSince, days),
      })),
  );
  return coldest(planned.filter((it) => isDue(it, now) && mayMove(terms, { size, storageClass: held }, it)));
};

const secondsOf = (calendar: Calendar, since: Time, when: When): number =>
  'days' in when ? dayAfter(calendar, since, when.days) : when.dateSeconds;

const matching = ({ lifecycle }: Terms, facts: Facts): readonly Rule[] =>
  lifecycle.rules.filter(({ scope }) => isIn(scope, facts));

function isIn({ prefix, tags, sizeAbove, sizeBelow }: Scope, facts: Facts): boolean {
  if (sizeAbove !== undefined && facts.size <= sizeAbove) return false;
  if (sizeBelow !== undefined && facts.size >= sizeBelow) return false;
  if (!startsWith(facts.key, prefix)) return false;
  return tags.every((tag) => facts.tags.some(({ key, value }) => key === tag.key && value === tag.value));
}

/** Most of a thousand prefixes differ in an early byte: looking at bytes beats calls that compare ranges. */
function startsWith(key: Uint8Array, prefix: Uint8Array): boolean {
  if (key.length < prefix.length) return false;
  for (let index = 0; index < prefix.length; index += 1) if (key[index] !== prefix[index]) return false;
  return true;
}

/**
 * Where several rules do the same, the earliest is the one that counts. For the same second the more specific prefix is
 * named, then the lower id: something that does not depend on the order in which rules were written.
 */
function isBefore(one: Planned, other: Planned): boolean {
  if (one.atSeconds !== other.atSeconds) return one.atSeconds < other.atSeconds;
  const [length, otherLength] = [one.rule.scope.prefix.length, other.rule.scope.prefix.length];
  return length === otherLength ? one.rule.id < other.rule.id : length > otherLength;
}

const earliest = (planned: readonly Planned[]): Planned | undefined =>
  planned.reduce<Planned | undefined>(
    (best, it) => (best === undefined || isBefore(it, best) ? it : best),
    undefined,
  );

const coldest = (planned: readonly PlannedTransition[]): PlannedTransition | undefined =>
  planned.reduce<PlannedTransition | undefined>((best, it) => {
    if (best === undefined) return it;
    const difference = coldness(it.storageClass) - coldness(best.storageClass);
    return difference > 0 || (difference === 0 && isBefore(it, best)) ? it : best;
  }, undefined);

const coldClasses: ReadonlySet<TransitionClass> = new Set(['GLACIER', 'DEEP_ARCHIVE']);

/** AWS User Guide, "Constraints and considerations for transitions": the way down, and a least size that a filter lifts. */
function mayMove(
  { lifecycle: { transitionMinimum }, calendar }: Terms,
  { size, storageClass: held }: Pick<ClassedObject, 'size' | 'storageClass'>,
  { rule: { scope }, storageClass }: PlannedTransition,
): boolean {
  if (!canMove(held, storageClass)) return false;
  const hasOwnSize = scope.sizeAbove !== undefined || scope.sizeBelow !== undefined;
  if (size >= TRANSITION_BYTES_MIN || hasOwnSize || isTrial(calendar)) return true;
  return transitionMinimum === 'varies_by_storage_class' && coldClasses.has(storageClass);
}
