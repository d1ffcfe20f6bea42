import { createHash } from 'node:crypto';

/** One name of a directory, in Latin-1, with its cookie. */
export interface ListedName {
  readonly name: string;
  readonly cookie: number;
}

/** `.` and `..` have the first cookies. */
export const dotCookies = { '.': 1, '..': 2 } as const;
const cookieMin = 3;

/**
 * A cookie made from the name alone: it stays good while other names come and go, and over a restart, so a cookie never goes bad.
 * 52 bits: of 100,000 names two have the same with a chance of one in a million, and such two are told apart by never ending a
 * reply between them.
 */
export function cookieOf(name: string): number {
  const digest = createHash('sha256').update(name, 'latin1').digest();
  return cookieMin + Number(digest.readBigUInt64BE() >> 12n);
}

/** In the order of their cookies. */
export const listed = (names: readonly string[]): readonly ListedName[] =>
  names
    .map((name) => ({ name, cookie: cookieOf(name) }))
    .sort((one, other) => one.cookie - other.cookie || (one.name < other.name ? -1 : 1));

/** How many of the first `count` entries make a reply that does not end between two of the same cookie. */
export function cutBetweenCookies(entries: readonly { readonly cookie: number }[], count: number): number {
  let cut = Math.min(count, entries.length);
  while (cut > 0 && cut < entries.length && entries[cut]!.cookie === entries[cut - 1]!.cookie) cut -= 1;
  return cut;
}
