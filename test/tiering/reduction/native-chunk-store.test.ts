import assert from 'node:assert/strict';
import { after, suite, test } from 'node:test';
import { loadNative } from '../../../src/native.ts';
import { reductionSettings } from '../../../src/tiering/reduction/settings.ts';
import { decodeSegment } from '../../../src/tiering/reduction/records.ts';
import { nativeReduction } from '../../../src/workers/native-reduction.ts';
import { reductionPool } from '../../../src/workers/pool.ts';
import { noise } from '../../workers/segments.ts';
import { blobOf, ChunkBed, rowsOf, tables } from './chunk-bed.ts';

const MEBIBYTE = 1 << 20;
const text = (length: number, seed: number): Buffer => {
  const words = noise(256, seed);
  const line = (at: number): string =>
    `${at} ${words[at % 251]} ${words[(at * 7) % 251]} the same words again\n`;
  let lines = '';
  for (let at = 0; lines.length < length; at += 1) lines += line(at);
  return Buffer.from(lines.slice(0, length));
};

suite('on native code and worker threads', () => {
  const pool = reductionPool({ threads: 2, inline: nativeReduction(loadNative()) });
  after(() => pool.close());

  test('megabytes are stored, shared, compressed again in the background, compacted, and read back', async () => {
    const choices = {
      codec: 'lz4',
      level: 3,
      cipher: 'aes-256-gcm',
      similarity: 'off',
      sparsePercent: 50,
      background: 'zstd',
      backgroundLevel: 3,
      backgroundAfter: 1000,
    } as const;
    const bed = await ChunkBed.open({
      reduction: pool,
      imageBytesMax: 2 * MEBIBYTE,
      settings: reductionSettings(choices),
    });
    const random = noise(MEBIBYTE, 1);
    const shifted = Buffer.concat([Buffer.from('something before it'), random]);
    const contents = [text(MEBIBYTE, 1), random, shifted.subarray(0, MEBIBYTE), text(MEBIBYTE, 2)];
    for (let seed = 3; seed < 8; seed += 1) contents.push(Buffer.from(text(MEBIBYTE, seed)));
    await bed.put(contents.map((bytes, index) => blobOf(index, bytes)));
    for (const [index, bytes] of contents.entries()) await bed.check(index, bytes);
    const before = bed.chunks.usage();
    assert(
      before.bytesUnique < before.bytesLogical - 0.8 * MEBIBYTE,
      'content that has moved is found again',
    );
    assert(before.bytesLive < 0.6 * before.bytesUnique, 'text is compressed');
    await bed.collectAll();
    await bed.checkCollected();
    const dense = (await rowsOf(bed.kv, tables.segments(undefined))).map(
      ({ value }) => decodeSegment(value).isDense,
    );
    assert(dense.includes(true), 'old segments are compressed again');
    assert(bed.chunks.usage().bytesLive < before.bytesLive);
    for (const [index, bytes] of contents.entries()) await bed.check(index, bytes);
    for (let index = 0; index < contents.length; index += 2) await bed.release(index);
    await bed.collectAll();
    await bed.checkCollected();
    for (let index = 1; index < contents.length; index += 2) await bed.check(index, contents[index]!);
  });
});
