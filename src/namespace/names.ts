import { INODE_NAMES_MAX } from '../limits.ts';
import type { Ino } from './namespace.ts';
import type { EntryName, Inode } from './records.ts';

const isSame = (one: EntryName, other: EntryName): boolean =>
  one.parent === other.parent && Buffer.compare(one.name, other.name) === 0;

/** The names of the inode with one more. */
export const withName = ({ names }: Inode, name: EntryName): Inode['names'] =>
  names.length < INODE_NAMES_MAX ? [...names, name] : names;

/** The names of the inode without one of them. */
export const withoutName = ({ names }: Inode, name: EntryName): Inode['names'] =>
  names.filter((known) => !isSame(known, name));

/** Where `..` of a directory leads; the root's to itself. */
export const parentOf = ({ ino, names }: Inode): Ino => names[0]?.parent ?? ino;
