import type { Time } from '../environment.ts';
import type { KvReader } from '../kv/kv.ts';
import { attempting } from './attempts.ts';
import { loadNamed } from './attributes.ts';
import { transactCopying } from './copying.ts';
import { editOf } from './create.ts';
import type { Ino } from './namespace.ts';
import type { Parts } from './parts.ts';
import { putInode } from './put-inode.ts';
import { countingOf } from './quota/counting.ts';
import type { Inode } from './records.ts';
import { needsFork, openVersion, requireUnlocked } from './seal.ts';
import { keepUnder, rulesOf, type KeyChange } from './versions.ts';

/** Must the version be kept before the content changes? Fault('access-denied') for what is locked. */
export async function mustFork(reader: KvReader, inode: Inode, now: Time): Promise<boolean> {
  requireUnlocked(inode, now);
  return needsFork(inode, await rulesOf(reader, inode.bucket), now);
}

/** Runs a change of the content of a file in place, which says `undefined` when a version must be begun first. */
export async function inOpenVersion<Result>(
  parts: Parts,
  ino: Ino,
  change: () => Promise<Result | undefined>,
): Promise<Result> {
  return attempting('inode', async () => {
    const result = await change();
    if (result === undefined) await fork(parts, ino);
    return result;
  });
}

/**
 * The file as it is becomes an old version, by reference, and goes on as a new one, which NFS may change until it pauses.
 * The inode stays: handles lead to what the name leads to.
 */
async function fork(parts: Parts, ino: Ino): Promise<void> {
  await transactCopying(parts, async (tx, copy) => {
    const inode = await loadNamed(tx, ino);
    const rules = await rulesOf(tx, inode.bucket);
    const edit = editOf(parts, tx);
    if (!needsFork(inode, rules, edit.now)) return;
    // What has been written already was let in.
    if (parts.files.get(ino) !== undefined) countingOf(tx).admit();
    const change: KeyChange = { parts, edit, copy, rules, door: 'nfs' };
    await keepUnder(change, inode, inode.names);
    await putInode(tx, { ...inode, ...openVersion(parts, rules, edit.now) });
  });
}
