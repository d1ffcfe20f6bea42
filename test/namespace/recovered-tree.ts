import assert from 'node:assert/strict';
import { envelopeKeys } from '../../src/keyring/envelope.ts';
import { SECRETS_KEY_BYTES } from '../../src/limits.ts';
import { blobIdOf, BLOB_TABLES, tableRange } from '../../src/tiering/hot/blob-records.ts';
import type { BlobId } from '../../src/tiering/blobs.ts';
import { RecoveredBlobs } from '../../src/tiering/reduction/recover-blobs.ts';
import type { SegmentStore } from '../../src/tiering/segment-store.ts';
import { referenceCipher } from '../../src/workers/reference-cipher.ts';
import { recoverTree, type RecoveredFile } from '../../src/namespace/recover-tree.ts';
import { recoveryOf } from '../tiering/reduction/recovered.ts';
import type { Stack } from './world.ts';

/** What opens the envelopes of test-keyring.ts. */
export const keysOfTests = envelopeKeys({
  cipher: referenceCipher(),
  secretsKey: Buffer.alloc(SECRETS_KEY_BYTES, 7),
});

export interface ReadFile extends Pick<RecoveredFile, 'label' | 'isNewest' | 'isMixed' | 'missing'> {
  readonly bytes: Buffer;
}

/** All files that segments give to who has nothing else but the master key, read to their ends. */
export async function recoveredTree(segments: SegmentStore): Promise<readonly ReadFile[]> {
  const parts = recoveryOf(segments, keysOfTests);
  const tiers = [await RecoveredBlobs.open(parts)];
  const files: ReadFile[] = [];
  for await (const { label, isNewest, isMixed, missing, content } of recoverTree({ ...parts, tiers })) {
    const whole = Buffer.alloc(label.size);
    for await (const { offset, bytes } of content()) whole.set(bytes, offset);
    files.push({ label, isNewest, isMixed, missing, bytes: whole });
  }
  return files;
}

/** Everything that is in the hot tier goes to the warm one. */
export async function moveAllDown({ kv, tiering }: Stack): Promise<void> {
  const ids: BlobId[] = [];
  for (const table of [BLOB_TABLES.device, BLOB_TABLES.inline]) {
    for await (const page of kv.scan(tableRange(table, 0 as BlobId), { pageEntries: 100 }))
      ids.push(...page.map(({ key }) => blobIdOf(key)));
  }
  if (ids.length === 0) return;
  const migrating = tiering.tiers.migrate({ blobs: ids, to: 'warm', trigger: 'order' });
  for (let isOver = false; !isOver;) {
    await new Promise((resolve) => setImmediate(resolve));
    isOver = (await tiering.steps.migrate()) === 'idle';
  }
  assert.equal((await migrating).outcome, 'completed');
}
