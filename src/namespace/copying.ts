import { Fault } from '../fault.ts';
import type { KvTransaction } from '../kv/kv.ts';
import { attempting } from './attempts.ts';
import { ifStale } from './attributes.ts';
import { FileDraft } from './draft.ts';
import type { HeldContent } from './extents.ts';
import { addHolders } from './holders.ts';
import type { Ino } from './namespace.ts';
import type { Parts } from './parts.ts';
import type { Inode } from './records.ts';
import { openCommitted } from './snapshot.ts';

/** Gives a second inode, whose number it says, the committed content of the first: its extents hold references of their own. */
export type CopyContent = (tx: KvTransaction, inode: Inode) => Promise<HeldContent & Pick<Inode, 'ino'>>;

/** A content whose extents have rows of their own, too many to be copied within a transaction. */
class Uncopied extends Error {
  readonly inode: Inode;

  constructor(inode: Inode) {
    super('the content is copied first');
    this.inode = inode;
  }
}

/**
 * A durable transaction in which contents may be copied, by reference. Long lists of extents are copied before it, under
 * draft rows, and the transaction runs again; what it does not use in the end is given up.
 */
export async function transactCopying<Result>(
  parts: Parts,
  body: (tx: KvTransaction, copy: CopyContent) => Promise<Result>,
): Promise<Result> {
  const drafts: { readonly key: string; readonly draft: FileDraft }[] = [];
  const used = new Set<FileDraft>();
  const copy: CopyContent = async (tx, inode) => {
    if (inode.extents !== undefined) {
      const ino = parts.sequence.next() as Ino;
      for (const { blob } of inode.extents) await parts.blobs.retain(tx, blob);
      await addHolders(tx, ino, inode.extents);
      return { extents: inode.extents, contentId: 0, below: inode.below, ino };
    }
    const ready = drafts.find(({ key, draft }) => key === contentOf(inode) && !used.has(draft));
    if (ready === undefined) throw new Uncopied(inode);
    used.add(ready.draft);
    return { ...(await ready.draft.attachTo(tx)), ino: ready.draft.ino() };
  };
  const attempt = async (): Promise<{ readonly result: Result } | undefined> => {
    try {
      const result = await parts.kv.transact('durable', (tx) => {
        used.clear();
        return body(tx, copy);
      });
      for (const draft of used) draft.attached();
      return { result };
    } catch (failure) {
      if (!(failure instanceof Uncopied)) throw failure;
      const draft = await copied(parts, failure.inode);
      if (draft !== undefined) drafts.push({ key: contentOf(failure.inode), draft });
      return undefined;
    }
  };
  try {
    return (await attempting('object', attempt)).result;
  } finally {
    // Those that were attached are closed, and this does nothing to them.
    for (const { draft } of drafts) await draft.discard();
  }
}

const contentOf = ({ ino, contentGeneration }: Inode): string => `${ino}:${contentGeneration}`;

/** `undefined`: the content has changed meanwhile. */
async function copied(parts: Parts, { ino, contentGeneration }: Inode): Promise<FileDraft | undefined> {
  const snapshot = await openCommitted(parts, ino).catch(ifStale);
  if (snapshot === undefined) return undefined;
  const { attributes, encryption } = snapshot.found;
  // The copy is by reference and keeps its key, which nobody needs here.
  const draft = new FileDraft(parts, encryption && { encryption, secret: undefined });
  try {
    if (attributes.contentGeneration !== contentGeneration) return undefined;
    await draft.splice(snapshot, 0, attributes.size);
    await draft.finish();
    return draft;
  } catch (failure) {
    await draft.discard();
    if (failure instanceof Fault && failure.code === 'conflict') return undefined;
    throw failure;
  } finally {
    await snapshot.close();
  }
}
