import type { Tag } from '../namespace/namespace.ts';
import type { LifecycleDocument, RuleElement, TransitionMinimum } from './document.ts';
import { transitionClasses, type TransitionClass } from './storage-classes.ts';

/** A day of an object's life, or a day of the calendar in seconds since the epoch. */
export type When = { readonly days: number } | { readonly dateSeconds: number };

/** Days since a version became noncurrent, and how many newer ones are kept whatever their age. */
export interface NoncurrentWhen {
  readonly days: number;
  readonly newerKept: number;
}

/** What a rule is about. All of it must hold. */
export interface Scope {
  readonly prefix: Uint8Array;
  readonly tags: readonly Tag[];
  /** In bytes, excluded themselves. */
  readonly sizeAbove: number | undefined;
  readonly sizeBelow: number | undefined;
}

/** One enabled rule, ready to be evaluated. */
export interface Rule {
  readonly id: string;
  readonly scope: Scope;
  readonly expiration: When | undefined;
  /** Delete markers without a version behind them go at once. */
  readonly removesMarkers: boolean;
  readonly transitions: readonly { readonly when: When; readonly storageClass: TransitionClass }[];
  readonly noncurrentExpiration: NoncurrentWhen | undefined;
  readonly noncurrentTransitions: readonly (NoncurrentWhen & { readonly storageClass: TransitionClass })[];
  readonly abortDays: number | undefined;
}

export interface Lifecycle {
  readonly rules: readonly Rule[];
  readonly transitionMinimum: TransitionMinimum;
}

/** The enabled rules of a stored document. */
export const lifecycleFrom = ({ Rule: rules, transitionMinimum }: LifecycleDocument): Lifecycle => ({
  rules: rules.filter(({ Status }) => Status === 'Enabled').map(ruleFrom),
  transitionMinimum,
});

const ruleFrom = (rule: RuleElement): Rule => {
  const { Expiration: expiration, NoncurrentVersionExpiration: noncurrent } = rule;
  return {
    id: rule.ID ?? '',
    scope: scopeOf(rule),
    expiration: expiration && whenOf(expiration),
    removesMarkers: expiration?.ExpiredObjectDeleteMarker === true,
    transitions: rule.Transition.flatMap(({ StorageClass, ...day }) => {
      const when = whenOf(day);
      const storageClass = targetOf(StorageClass);
      return when === undefined || storageClass === undefined ? [] : [{ when, storageClass }];
    }),
    noncurrentExpiration: noncurrent && noncurrentWhenOf(noncurrent),
    noncurrentTransitions: rule.NoncurrentVersionTransition.flatMap(({ StorageClass, ...day }) => {
      const storageClass = targetOf(StorageClass);
      return storageClass === undefined ? [] : [{ ...noncurrentWhenOf(day), storageClass }];
    }),
    abortDays: rule.AbortIncompleteMultipartUpload?.DaysAfterInitiation,
  };
};

/** From the filter, or from a prefix at the rule itself: the older shape. */
export function scopeOf({ Prefix, Filter }: Pick<RuleElement, 'Prefix' | 'Filter'>): Scope {
  const all = Filter?.And ?? Filter;
  const tag = Filter?.Tag;
  return {
    prefix: Buffer.from(all?.Prefix ?? Prefix ?? '', 'utf8'),
    tags: (Filter?.And?.Tag ?? (tag === undefined ? [] : [tag])).map(({ Key, Value }) => ({
      key: Key,
      value: Value,
    })),
    sizeAbove: all?.ObjectSizeGreaterThan,
    sizeBelow: all?.ObjectSizeLessThan,
  };
}

function whenOf({ Date: date, Days: days }: { Date?: string; Days?: number }): When | undefined {
  if (days !== undefined) return { days };
  return date === undefined ? undefined : { dateSeconds: Date.parse(date) / 1000 };
}

const noncurrentWhenOf = (element: {
  NoncurrentDays: number;
  NewerNoncurrentVersions?: number;
}): NoncurrentWhen => ({
  days: element.NoncurrentDays,
  newerKept: element.NewerNoncurrentVersions ?? 0,
});

const targetOf = (name: string): TransitionClass | undefined => transitionClasses.find((it) => it === name);
