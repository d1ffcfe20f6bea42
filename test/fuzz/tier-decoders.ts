import { encodeBlobLabel, decodeBlobLabel } from '../../src/namespace/blob-label.ts';
import type { Ino } from '../../src/namespace/namespace.ts';
import type { VersionId } from '../../src/namespace/version.ts';
import type { BlobId } from '../../src/tiering/blobs.ts';
import { coldForm } from '../../src/tiering/cold/cold-object.ts';
import type { SegmentId } from '../../src/tiering/segment-store.ts';
import { decodeDescription, encodeDescription } from '../../src/tiering/reduction/description.ts';
import { readKeyFrame } from '../../src/tiering/reduction/key-frames.ts';
import { fingerprintText } from '../../src/tiering/reduction/tables.ts';
import {
  emptyBlock,
  entryAt,
  readBlockHead,
  sealedBlock,
} from '../../src/tiering/warm/block/catalogue-block.ts';
import { decodeSuperblock, encodeSuperblock, geometryOf } from '../../src/tiering/warm/block/superblock.ts';
import { crc32c } from '../../src/workers/crc.ts';
import { readFrameHead } from '../../src/workers/frame.ts';
import { loadNative } from '../../src/native.ts';
import { nativeReduction } from '../../src/workers/native-reduction.ts';
import { openReferenceFrame, referenceFrame } from '../../src/workers/reference-frame.ts';
import type { FrameOpening } from '../../src/workers/reduction.ts';
import { referenceReduction } from '../../src/workers/reference-reduction.ts';
import { footerBytes, readFooter, readShardHeader, SHARD_HEADER_BYTES } from '../../src/workers/segment.ts';
import { imageOf, mixed, packingOf } from '../workers/segments.ts';
import { plain, type Decoder } from './decoder.ts';

/** Puts the CRC32C of all before it at `at`, counted from the end when negative. */
const resealing =
  (at: number) =>
  (damaged: Uint8Array): Uint8Array => {
    const place = at < 0 ? damaged.length + at : at;
    if (place < 0 || place + 4 > damaged.length) return damaged;
    const sealed = Buffer.from(damaged);
    sealed.writeUInt32LE(crc32c(sealed.subarray(0, place)), place);
    return sealed;
  };

const secret = Buffer.alloc(32, 1);
const item = {
  kind: 'chunk' as const,
  plain: mixed(600, 3),
  fingerprint: Buffer.alloc(32, 2),
  salts: Buffer.alloc(32, 3),
  label: Buffer.from('label'),
};
const frames = (['none', 'aes-256-gcm'] as const).flatMap((cipher) =>
  (['plain', 'lz4'] as const).map((codec) =>
    referenceFrame(
      item,
      packingOf({ cipher, codec, secret: cipher === 'none' ? new Uint8Array(0) : secret }),
    ),
  ),
);

/** As the readers of segments give it: they look at the head first. */
const opening = (input: Uint8Array): FrameOpening => ({
  secret: readFrameHead(input)?.cipher === 'none' ? new Uint8Array(0) : secret,
  base: new Uint8Array(0),
});

const description = encodeDescription({
  id: 7 as BlobId,
  making: 'ab'.repeat(16) as SegmentId,
  recipe: { length: 10, chunks: [{ length: 10, fingerprint: fingerprintText(Buffer.alloc(32, 4)) }] },
} as never);

const time = { seconds: 1_700_000_000, nanoseconds: 3 };
const label = encodeBlobLabel([
  {
    ...{ bucket: 'b', keys: [Buffer.from('a/b')], kind: 'current', upload: 0, part: 0, ino: 5 as Ino },
    ...{ contentGeneration: 3, versionId: 0 as VersionId, size: 9, mode: 0o644, uid: 1, gid: 2 },
    ...{ mtime: time, ctime: time, pieces: [{ offset: 0, length: 9, blobOffset: 0 }], encryption: undefined },
    ...{ etag: 'e', storageClass: 'STANDARD', checksums: [], headers: { a: 'b' }, metadata: {} },
    tags: [{ key: 'k', value: 'v' }],
  },
]);

const geometry = geometryOf(128 << 20)!;
const superblock = encodeSuperblock({
  ...{ pool: 'a'.repeat(32), device: 'b'.repeat(32), generation: 3, geometry },
});
const block = sealedBlock(emptyBlock(), { device: 'b'.repeat(32), number: 1, sequence: 2 });
/** An entry with one extent in the middle of the space. */
const entry = Buffer.from(block);
entry.writeUInt16LE(1, 128 + 26);
entry.writeUInt32LE(4096, 128 + 28);
entry.writeUIntLE(geometry.dataStart / 4096, 128 + 40, 5);
entry.writeUIntLE(1, 128 + 45, 3);

/** What lies on devices of the warm pool and in cold stores. */
export async function tierDecoders(): Promise<readonly Decoder[]> {
  const reduction = referenceReduction();
  const native = nativeReduction(loadNative());
  const packed = await reduction.pack(packingOf({ shape: { data: 2, parity: 1 } }), [item]);
  const image = imageOf(packed, 2);
  const header = Buffer.from(packed.shards[0]!.subarray(0, SHARD_HEADER_BYTES));
  const id = Buffer.from('a segment of one');
  return [
    plain('frame-head', frames, readFrameHead, { reseal: resealing(85) }),
    plain('frame', frames, (input) => openReferenceFrame(opening(input), input)),
    plain('frame-native', frames, (input) => native.open(opening(input), input)),
    plain('segment-footer', [image.subarray(-4096), image], readFooter, { reseal: resealing(-4) }),
    plain('segment-trailer', [image.subarray(-64)], footerBytes, { reseal: resealing(-4) }),
    plain('shard-header', [header], readShardHeader, { reseal: resealing(SHARD_HEADER_BYTES - 4) }),
    plain('cold-object', [image, Buffer.concat([image, header])], (input) => coldForm(input, id)),
    plain('description', [description], decodeDescription),
    plain('key-frame', frames, readKeyFrame),
    plain('blob-label', [label], decodeBlobLabel),
    plain('superblock', [superblock], decodeSuperblock, { reseal: resealing(72) }),
    plain('catalogue-block', [block], readBlockHead),
    plain('catalogue-entries', [entry], (input) => {
      if (input.length !== entry.length) return;
      for (let position = 0; position < 31; position += 1) entryAt(input, position, geometry);
    }),
  ];
}
