import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BlobId } from '../../../src/tiering/blobs.ts';
import { turns } from '../../tiering/hot/blob-bed.ts';
import { bytes, settle } from '../world.ts';
import { AttachedBed } from './attached-bed.ts';

const MEBIBYTE = 1 << 20;

async function readAt(bed: AttachedBed, key: string, offset: number, length: number): Promise<string> {
  const object = await bed.world.namespace.objects.open({ bucket: bed.bucket.ino, key: bytes(key) });
  assert(object !== undefined);
  try {
    const parts: Uint8Array[] = [];
    for await (const part of object.read(offset, length)) parts.push(part);
    return Buffer.concat(parts).toString('latin1');
  } finally {
    await object.close();
  }
}

async function blobsOf(bed: AttachedBed, key: string): Promise<readonly BlobId[]> {
  const { objects } = bed.world.namespace;
  const found = await objects.head({ bucket: bed.bucket.ino, key: bytes(key) });
  assert(found !== undefined);
  const ids: BlobId[] = [];
  for await (const page of objects.blobsOf(found.attributes.ino)) ids.push(...page);
  return ids;
}

async function promoted(bed: AttachedBed): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  while ((await bed.world.tiering.steps.promote()) === 'busy');
  // What a promotion has left to the namespace goes on by itself.
  await turns(100);
  await settle(bed.world);
}

test('without lower tiers, what is read again of an attached bucket is kept here and read while it is away', async () => {
  const bed = await AttachedBed.open(['one']);
  for (const _time of [1, 2, 3]) {
    assert.equal(await readAt(bed, 'one', 0, 14), 'content of one');
    await promoted(bed);
  }
  const [places] = await bed.world.tiering.tiers.placesOf(await blobsOf(bed, 'one'));
  assert.deepEqual(places?.tiers, ['hot', 'cold']);
  bed.theirs.failWhen(() => 'gone');
  assert.equal(await readAt(bed, 'one', 0, 14), 'content of one');
});

test('of a long object the part that is read again is kept here, and the rest is one blob still', async () => {
  const bed = await AttachedBed.open([]);
  const content = Buffer.alloc(40 * MEBIBYTE, 'long ');
  await bed.upload('long', content.toString('latin1'));
  const at = 20 * MEBIBYTE + 5;
  const want = content.toString('latin1', at, at + 10);
  for (const _time of [1, 2, 3, 4, 5]) {
    assert.equal(await readAt(bed, 'long', at, 10), want);
    await promoted(bed);
    // A cut moves nothing: what is here is what was kept of it, and all else is there.
    const { hot, cold } = (await bed.world.namespace.census.now(bed.bucket.ino)).tiers;
    assert.equal(hot.bytes + cold.bytes, BigInt(content.length));
    assert(0n <= hot.bytes && hot.bytes <= BigInt(8 * MEBIBYTE), `${hot.bytes} bytes here`);
  }
  const ids = await blobsOf(bed, 'long');
  assert.equal(new Set(ids).size, 17, 'sixteen pieces and the rest');
  const places = await bed.world.tiering.tiers.placesOf(ids);
  assert.equal(places.filter((each) => each?.tiers[0] === 'hot').length, 1);
  bed.theirs.failWhen(() => 'gone');
  assert.equal(await readAt(bed, 'long', at, 10), want);
  bed.theirs.failWhen(undefined);
  for (const offset of [0, 19 * MEBIBYTE, 37 * MEBIBYTE])
    assert.equal(await readAt(bed, 'long', offset, 9), content.toString('latin1', offset, offset + 9));
});
