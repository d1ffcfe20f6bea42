import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BLOB_LABEL_BYTES_MAX } from '../../src/limits/tiering.ts';
import { decodeBlobLabel, encodeBlobLabel, type LabelledFile } from '../../src/namespace/blob-label.ts';
import type { Ino } from '../../src/namespace/namespace.ts';
import type { VersionId } from '../../src/namespace/version.ts';

const time = { seconds: 1, nanoseconds: 0 };

/** A file under a key of its own, with so long a context. */
const sealedFile = (number: number, contextBytes: number): LabelledFile => ({
  ...{ bucket: 'bucket', keys: [Buffer.alloc(1000, 'k')], kind: 'current', upload: 0, part: 0 },
  ...{ ino: number as Ino, contentGeneration: number, versionId: 0 as VersionId },
  ...{ size: 10, mode: 0o644, uid: 0, gid: 0, mtime: time, ctime: time },
  pieces: [{ offset: 0, length: 10, blobOffset: 0 }],
  encryption: {
    ...{ mode: 'aws:kms', contentKeyId: new Uint8Array(16).fill(1), keyId: 'key', keyVersion: 1 },
    ...{ sealed: Buffer.alloc(60, 2), context: 'c'.repeat(contextBytes), bucketKey: false },
  },
  ...{ etag: 'e', storageClass: 'STANDARD', checksums: [], headers: {}, metadata: {}, tags: [] },
});

for (const contextBytes of [100, 1100, 1900, 2500]) {
  test(`a label that has too little room never calls sealed content plain: contexts of ${contextBytes} bytes`, () => {
    const files = [1, 2, 3, 4, 5, 6, 7, 8].map((number) => sealedFile(number, contextBytes));
    const bytes = encodeBlobLabel(files);
    assert.ok(bytes.length <= BLOB_LABEL_BYTES_MAX);
    const shown = decodeBlobLabel(bytes)?.files ?? [];
    assert.equal(shown.length, contextBytes < 2000 ? 8 : 0);
    for (const [index, { encryption }] of shown.entries()) {
      assert.deepEqual(encryption?.contentKeyId, files[index]?.encryption?.contentKeyId);
    }
  });
}
