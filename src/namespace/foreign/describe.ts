import type { ObjectFacts } from '../../tiering/cold/object-store.ts';
import type { BindingId } from '../../tiering/foreign/foreign-records.ts';
import { ifStale, loadInode } from '../attributes.ts';
import { editOf } from '../create.ts';
import { extentsWithin } from '../extents.ts';
import { broughtKey, folderKey } from '../keys.ts';
import type { Ino } from '../namespace.ts';
import { putInode } from '../put-inode.ts';
import { countingOf } from '../quota/counting.ts';
import type { Inode } from '../records.ts';
import { headersOf, isDescribed, objectOf, renew, type ForeignParts } from './bring.ts';
import { removeGone } from './gone.ts';
import { textOf } from './key-text.ts';
import { pruneUpwards } from './prune.ts';
import { decodeBrought, decodeFolder } from './records.ts';

/** The object that an inode was made of. */
interface Origin {
  readonly binding: BindingId;
  readonly key: string;
  readonly etag: string;
}

/** Asks the object that a file was made of what a listing does not say, unless that is known. Faults of the store. */
export async function describe(parts: ForeignParts, ino: Ino): Promise<void> {
  const inode = await loadInode(parts.kv, ino).catch(ifStale);
  if (inode?.facet === undefined || isDescribed(inode.facet)) return;
  const origin = await originOf(parts, inode);
  if (origin === undefined) return;
  const mark = parts.sequence.next();
  const facts = await parts.foreign.head(origin.binding, origin.key);
  if (facts?.etag !== origin.etag) return keyAgain(parts, origin, { facts, mark });
  const { headers: _told, metadata, checksums } = facts.description;
  await parts.kv.transact('durable', async (tx) => {
    const now = await loadInode(tx, ino).catch(ifStale);
    const facet = now?.facet;
    if (now === undefined || facet === undefined || isDescribed(facet)) return;
    const isTheirs = facet.contentGeneration === now.contentGeneration;
    const told = { headers: headersOf(facts.description), metadata, checksums: isTheirs ? checksums : [] };
    await putInode(tx, { ...now, facet: { ...facet, ...told } });
  });
}

/** By its name, or when it has another one by now, by its content. */
async function originOf({ kv, foreign }: ForeignParts, inode: Inode): Promise<Origin | undefined> {
  const [entry] = inode.names;
  const row = entry && (await kv.get(folderKey(entry.parent)));
  const name = entry && textOf(entry.name);
  if (row !== undefined && name !== undefined) {
    const { binding, prefix } = decodeFolder(row);
    const key = prefix + name;
    const known = await kv.get(broughtKey(inode.bucket, 'object', key));
    const brought = known && decodeBrought(known);
    if (brought?.ino === inode.ino) return { binding, key, etag: brought.etag };
  }
  const [first] = await extentsWithin(kv, inode, { start: 0, end: 1 });
  return first && foreign.rangeOf(kv, first.blob);
}

/** Somebody has met an object that is not what it was: what was made of it becomes what it is now, or goes with it. */
export async function changedOutside(
  parts: ForeignParts,
  origin: Pick<Origin, 'binding' | 'key'>,
): Promise<void> {
  const mark = parts.sequence.next();
  await keyAgain(parts, origin, { facts: await parts.foreign.head(origin.binding, origin.key), mark });
}

/** What the store has answered of a key; rows with a content generation behind the mark are younger than that. */
interface Look {
  readonly facts: ObjectFacts | undefined;
  readonly mark: number;
}

async function keyAgain(
  parts: ForeignParts,
  { binding, key }: Pick<Origin, 'binding' | 'key'>,
  { facts, mark }: Look,
): Promise<void> {
  const bucket = parts.bindings.byId(binding)?.bucket;
  if (bucket === undefined) return;
  const rowKey = broughtKey(bucket, 'object', key);
  await parts.kv.transact('durable', async (tx) => {
    countingOf(tx).admit();
    const edit = editOf(parts, tx);
    const row = await tx.get(rowKey);
    if (row === undefined) return;
    const brought = decodeBrought(row);
    if (brought.contentGeneration > mark) return;
    if (facts === undefined) {
      for (const parent of await removeGone({ parts, edit }, { bucket, key, mark }))
        await pruneUpwards(edit, parent);
    } else if (facts.etag !== brought.etag)
      await renew({ parts, edit, binding }, brought, { rowKey, object: objectOf(key, facts) });
    edit.finish();
  });
}
