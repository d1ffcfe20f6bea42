import { isTrial, type Calendar } from '../../lifecycle/calendar.ts';
import type { RuleElement } from '../../lifecycle/document.ts';
import { scopeOf } from '../../lifecycle/rules.ts';
import {
  canMove,
  daysInClassMin,
  infrequentClasses,
  transitionClasses,
  type TransitionClass,
} from '../../lifecycle/storage-classes.ts';
import { SECONDS_PER_DAY } from '../../limits.ts';
import { invalidArgument, S3Error } from './errors.ts';

const invalidRequest = (message: string): S3Error => new S3Error('InvalidRequest', { message });
const malformed = (): S3Error => new S3Error('MalformedXML');

/** When something happens, as it was written and in days since any fixed one. */
interface Moment {
  readonly field: 'Days' | 'Date' | 'NoncurrentDays';
  readonly written: string;
  readonly days: number;
}

interface Move {
  readonly moment: Moment;
  readonly target: TransitionClass;
}

/** The actions of one rule, alone and against each other. */
export function checkActions(rule: RuleElement, calendar: Calendar): void {
  const { Expiration: expiration, NoncurrentVersionExpiration: noncurrent } = rule;
  const abort = rule.AbortIncompleteMultipartUpload;
  const all = [expiration, noncurrent, abort, ...rule.Transition, ...rule.NoncurrentVersionTransition];
  if (all.every((it) => it === undefined))
    throw invalidRequest('At least one action needs to be specified in a rule');
  const expiry = expiration && expiryOf(expiration);
  if (expiration?.ExpiredObjectDeleteMarker !== undefined)
    requirePlainScope(rule, 'ExpiredObjectDeleteMarker');
  const noncurrentExpiry = noncurrent && noncurrentMoment(noncurrent, 'NoncurrentVersionExpiration', 1);
  if (abort !== undefined) {
    const { DaysAfterInitiation: days } = abort;
    if (days < 1) throw notPositive('DaysAfterInitiation', 'AbortIncompleteMultipartUpload', days);
    requirePlainScope(rule, 'AbortIncompleteMultipartUpload');
  }
  const moves = rule.Transition.map((it) => ({ moment: momentOf(it), target: targetOf(it.StorageClass) }));
  const noncurrentMoves = rule.NoncurrentVersionTransition.map((it) => ({
    moment: noncurrentMoment(it, 'NoncurrentVersionTransition', 0),
    target: targetOf(it.StorageClass),
  }));
  const about = `for ${scopeText(rule)}`;
  checkMoves({ action: 'Transition', moves, expiry, expiryAction: 'Expiration', about, calendar });
  checkMoves({
    action: 'NoncurrentVersionTransition',
    moves: noncurrentMoves,
    expiry: noncurrentExpiry,
    expiryAction: 'NoncurrentVersionExpiration',
    about,
    calendar,
  });
}

/** `undefined`: it says something about delete markers only. */
function expiryOf(expiration: NonNullable<RuleElement['Expiration']>): Moment | undefined {
  const { Date: date, Days: days, ExpiredObjectDeleteMarker: marker } = expiration;
  if ([date, days, marker].filter((it) => it !== undefined).length !== 1) throw malformed();
  if (marker !== undefined) return undefined;
  if (days !== undefined && days < 1) throw notPositive('Days', 'Expiration', days);
  return momentOf(expiration);
}

function momentOf({ Date: date, Days: days }: { Date?: string; Days?: number }): Moment {
  if ((date === undefined) === (days === undefined)) throw malformed();
  if (date !== undefined) return { field: 'Date', written: date, days: dayOf(date) };
  const count = days ?? 0;
  if (count < 0)
    throw invalidArgument("'Days' in Transition action must be nonnegative", 'Days', String(count));
  return { field: 'Days', written: String(count), days: count };
}

/** ISO 8601 with a time and a zone, or a day alone, which begins at midnight UTC. */
const isoDate = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?$/;

/** Which day since the epoch begins then. */
function dayOf(date: string): number {
  const seconds = isoDate.test(date) ? Date.parse(date) / 1000 : Number.NaN;
  if (Number.isNaN(seconds)) throw malformed();
  if (seconds % SECONDS_PER_DAY !== 0) throw invalidArgument("'Date' must be at midnight GMT", 'Date', date);
  return seconds / SECONDS_PER_DAY;
}

function noncurrentMoment(
  { NoncurrentDays: days, NewerNoncurrentVersions: newer }: NoncurrentElement,
  action: string,
  daysMin: 0 | 1,
): Moment {
  if (days < daysMin)
    throw daysMin === 1
      ? notPositive('NoncurrentDays', action, days)
      : invalidArgument(
          `'NoncurrentDays' in ${action} action must be nonnegative`,
          'NoncurrentDays',
          String(days),
        );
  if (newer !== undefined && newer < 1) throw notPositive('NewerNoncurrentVersions', action, newer);
  return { field: 'NoncurrentDays', written: String(days), days };
}

type NoncurrentElement = NonNullable<RuleElement['NoncurrentVersionExpiration']>;

const notPositive = (field: string, action: string, value: number): S3Error =>
  invalidArgument(`'${field}' for ${action} action must be a positive integer`, field, String(value));

function targetOf(name: RuleElement['Transition'][number]['StorageClass']): TransitionClass {
  const target = transitionClasses.find((it) => it === name);
  if (target === undefined)
    throw invalidArgument('Invalid target Storage class for Transition action', 'StorageClass', name);
  return target;
}

/** Some actions look at keys only. */
function requirePlainScope(rule: RuleElement, action: string): void {
  const { tags, sizeAbove, sizeBelow } = scopeOf(rule);
  if (tags.length > 0) throw invalidRequest(`${action} cannot be specified with Tags.`);
  if (sizeAbove !== undefined || sizeBelow !== undefined)
    throw invalidRequest(`${action} cannot be specified with Object Size.`);
}

/** How messages name the objects of a rule. */
function scopeText(rule: RuleElement): string {
  if (rule.Filter === undefined) return `prefix '${rule.Prefix ?? ''}'`;
  const { prefix, tags, sizeAbove, sizeBelow } = scopeOf(rule);
  const parts = tags.map(({ key, value }) => `tag={key=${key}, value=${value}}`);
  if (prefix.length > 0) parts.unshift(`prefix=${Buffer.from(prefix).toString('utf8')}`);
  if (sizeAbove !== undefined) parts.push(`objectsizegreaterthan=${sizeAbove}`);
  if (sizeBelow !== undefined) parts.push(`objectsizelessthan=${sizeBelow}`);
  return `filter '(${parts.length === 0 ? 'prefix=' : parts.join(' and ')})'`;
}

interface Moves {
  readonly action: 'Transition' | 'NoncurrentVersionTransition';
  readonly moves: readonly Move[];
  readonly expiry: Moment | undefined;
  readonly expiryAction: 'Expiration' | 'NoncurrentVersionExpiration';
  readonly about: string;
  readonly calendar: Calendar;
}

/** Days or dates, never both; each class once, the colder later; expiry last. */
function checkMoves({ action, moves, expiry, expiryAction, about, calendar }: Moves): void {
  const mixed = (what: string): S3Error =>
    invalidRequest(`Found mixed 'Date' and 'Days' based ${what} in lifecycle rule ${about}`);
  if (new Set(moves.map(({ moment }) => moment.field)).size > 1) throw mixed('Transition actions');
  if (new Set(moves.map(({ target }) => target)).size < moves.length)
    throw invalidRequest(
      `'StorageClass' must be different for '${action}' actions in same 'Rule' ${about.replace(/^for/, 'with')}`,
    );
  if (!isTrial(calendar)) for (const move of moves) requireAge(action, move);
  const sorted = moves.toSorted((one, other) => one.moment.days - other.moment.days);
  for (const [index, move] of sorted.entries()) {
    const before = sorted[index - 1];
    if (before !== undefined) requireOrder({ action, before, move, about, calendar });
    if (expiry === undefined) continue;
    const { field } = move.moment;
    if (field !== expiry.field) throw mixed('Expiration and Transition actions');
    if (expiry.days <= move.moment.days)
      throw invalidArgument(
        `'${field}' in the ${expiryAction} action ${about} must be greater than '${field}' in the ${action} action`,
        field,
        expiry.written,
      );
  }
}

/** AWS User Guide, "Minimum days for transition to S3 Standard-IA or S3 One Zone-IA". */
function requireAge(action: string, { moment: { field, days, written }, target }: Move): void {
  const least = daysInClassMin.STANDARD_IA;
  if (field === 'Date' || days >= least || !infrequentClasses.has(target)) return;
  throw invalidArgument(
    `'${field}' in ${action} action must be greater than or equal to ${least} for storageClass '${target}'`,
    field,
    written,
  );
}

/** A class is left for a colder one, after it was paid for. */
function requireOrder({
  action,
  before,
  move,
  about,
  calendar,
}: Pick<Moves, 'action' | 'about' | 'calendar'> & { before: Move; move: Move }): void {
  const { field, written, days } = move.moment;
  const gap = days - before.moment.days;
  const [warm, cold] = canMove(before.target, move.target) ? [before, move] : [move, before];
  const start = `'${field}' in the '${action}' action for StorageClass '${cold.target}' ${about} must be`;
  if (gap === 0 || warm !== before)
    throw invalidArgument(
      `${start} greater than '${field}' in the '${action}' action for StorageClass '${warm.target}' ${about}`,
      field,
      written,
    );
  const least = daysInClassMin[warm.target];
  if (gap < least && !isTrial(calendar))
    throw invalidArgument(
      `${start} ${least} days more than '${about.replace(/^for /, '')}' in the '${action}' action for StorageClass '${warm.target}'`,
      field,
      written,
    );
}
