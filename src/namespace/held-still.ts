import { attempting } from './attempts.ts';
import type { Expectation, Ino, ObjectKey } from './namespace.ts';
import type { Parts } from './parts.ts';
import type { Inode } from './records.ts';
import { resolve } from './resolve.ts';

/** What must hold of what a key leads to. */
export interface Condition {
  readonly key: ObjectKey;
  readonly expect: Expectation;
}

/** To be called in the transaction with each inode that `expect` is checked against. */
export type Held = (inode: Inode | undefined, expect: Expectation) => void;

/** A key leads to another file by now than the one that is held. */
class LeadsElsewhere extends Error {}

/**
 * Runs `change`, a transaction that checks conditions, while nobody writes over NFS to the files that they are about. What is
 * written and not committed is in no row, so the transaction alone would not notice what comes between the check and the commit.
 */
export async function heldStill<Result>(
  parts: Parts,
  { bucket, conditions }: { readonly bucket: Ino; readonly conditions: readonly Condition[] },
  change: (held: Held) => Promise<Result>,
): Promise<Result> {
  const keys = conditions.filter(({ expect }) => isAboutContent(expect)).map(({ key }) => key);
  if (keys.length === 0) return change(() => undefined);
  const done = await attempting('object', async () => {
    const resolved = await Promise.all(keys.map((key) => resolve(parts.kv, bucket, key)));
    const inos = [...new Set(resolved.flatMap((it) => it?.dentry.ino ?? []))].sort(
      (one, other) => one - other,
    );
    const held: Held = (inode, expect) => {
      if (inode !== undefined && isAboutContent(expect) && !inos.includes(inode.ino))
        throw new LeadsElsewhere();
    };
    try {
      return { result: await holding(parts, inos, () => change(held)) };
    } catch (failure) {
      if (failure instanceof LeadsElsewhere) return undefined;
      throw failure;
    }
  });
  return done.result;
}

/** All locks at once, in the order of their numbers, so that nobody waits in a circle. */
function holding<Result>(
  parts: Parts,
  [first, ...rest]: readonly Ino[],
  work: () => Promise<Result>,
): Promise<Result> {
  return first === undefined ? work() : parts.files.exclusive(first, () => holding(parts, rest, work));
}

/** Whether there is an object is in the store. */
function isAboutContent({ ifMatch = [], ifNoneMatch = [], ...others }: Expectation): boolean {
  const isEtag = (text: string): boolean => text !== '*';
  return (
    ifMatch.some(isEtag) || ifNoneMatch.some(isEtag) || Object.values(others).some((it) => it !== undefined)
  );
}
