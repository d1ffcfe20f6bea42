/** Classes that objects may be moved to, the warmest first. AWS API reference, Transition. */
export const transitionClasses = [
  'STANDARD_IA',
  'INTELLIGENT_TIERING',
  'ONEZONE_IA',
  'GLACIER_IR',
  'GLACIER',
  'DEEP_ARCHIVE',
] as const;

export type TransitionClass = (typeof transitionClasses)[number];

const fromWarm: readonly TransitionClass[] = transitionClasses;

/** AWS User Guide, "Supported transitions": only ever down. */
const targets: ReadonlyMap<string, readonly TransitionClass[]> = new Map([
  ['STANDARD', fromWarm],
  ['REDUCED_REDUNDANCY', fromWarm],
  ['STANDARD_IA', ['INTELLIGENT_TIERING', 'ONEZONE_IA', 'GLACIER_IR', 'GLACIER', 'DEEP_ARCHIVE']],
  ['INTELLIGENT_TIERING', ['ONEZONE_IA', 'GLACIER_IR', 'GLACIER', 'DEEP_ARCHIVE']],
  ['ONEZONE_IA', ['GLACIER', 'DEEP_ARCHIVE']],
  ['GLACIER_IR', ['GLACIER', 'DEEP_ARCHIVE']],
  ['GLACIER', ['DEEP_ARCHIVE']],
]);

/** False also for classes that AWS does not name. */
export const canMove = (from: string, to: TransitionClass): boolean =>
  targets.get(from)?.includes(to) ?? false;

/** Higher is colder. */
export const coldness = (it: TransitionClass): number => transitionClasses.indexOf(it);

/** Days that an object stays in a class before it may go on to a colder one. */
export const daysInClassMin: Readonly<Record<TransitionClass, number>> = {
  STANDARD_IA: 30,
  INTELLIGENT_TIERING: 0,
  ONEZONE_IA: 30,
  GLACIER_IR: 90,
  GLACIER: 90,
  DEEP_ARCHIVE: 180,
};

/** Classes that take nothing younger than 30 days. */
export const infrequentClasses: ReadonlySet<TransitionClass> = new Set(['STANDARD_IA', 'ONEZONE_IA']);
