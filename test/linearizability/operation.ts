import type { Random } from '../../src/environment.ts';
import type { Ino } from '../../src/namespace/namespace.ts';
import type { ModelDirectory } from '../namespace/model/tree.ts';
import type { Doors } from './doors.ts';
import type { Parts } from './history.ts';
import { outcomeOf } from './tree-specification.ts';

/** One operation on the model and through a door; both answer what it comes to, or throw the fault. */
export interface Operation {
  readonly name: string;
  /** Answers nothing for what merely succeeds. */
  apply(tree: ModelDirectory, seen: string | undefined): string | void;
  run(): Promise<string | void>;
  /** Hears of the outcome. */
  readonly learn?: (outcome: string) => void;
  /** It changes nothing. */
  readonly isPure?: boolean;
  /** What a list says of each thing that it could show: it may come by them one after the other. */
  readonly partsOf?: (outcome: string) => Parts<ModelDirectory> | undefined;
}

/** Who makes operations: the doors, the handles that a client has come by, and chance. */
export interface Maker {
  readonly doors: Doors;
  readonly random: Random;
  /** Of contents, in bytes. */
  readonly lengths: readonly number[];
  /** Another one with each call, over all clients. */
  readonly nextContent: () => number;
  /** Directories and files that a LOOKUP or CREATE led to, perhaps gone by now. */
  readonly directories: Ino[];
  readonly files: Ino[];
  /** What it has read lately: what a condition may ask for. */
  readonly contents: string[];
}

const CONTENTS_KEPT = 4;

export const pick = <T>({ random }: Maker, choices: readonly T[]): T =>
  choices[random.below(choices.length)] as T;

export const freshContent = (maker: Maker): string =>
  `${maker.nextContent()}`.padEnd(pick(maker, maker.lengths), '.');

export function remember({ contents }: Maker, content: string): void {
  contents.push(content);
  if (contents.length > CONTENTS_KEPT) contents.shift();
}

/** A content as it is printed. */
export const brief = (content: string): string =>
  content.length > 12 ? `${content.slice(0, 8).replace(/[.\0]+$/, '')}[${content.length}]` : content;

/**
 * Whether each of `names` is in a list: what is there all the time is shown, and what never is, is not. Of what is renamed
 * meanwhile a list may show both names, or none.
 */
export const memberships =
  (
    name: string,
    names: readonly string[],
    shown: (tree: ModelDirectory) => readonly string[],
  ): NonNullable<Operation['partsOf']> =>
  (outcome) => {
    if (outcome.startsWith('!')) return undefined;
    const listed = new Set(outcome.split(' ').filter((one) => one !== ''));
    return [...new Set([...names, ...listed])].map((one) => ({
      name: `${name}: ${one}`,
      outcome: String(listed.has(one)),
      apply(tree) {
        const found = outcomeOf(() => String(shown(tree).includes(one)));
        // A directory that goes while it is listed is listed as empty, as POSIX has it.
        return found === '!stale-handle' ? 'false' : found;
      },
    }));
  };
