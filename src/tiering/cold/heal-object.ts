import assert from 'node:assert/strict';
import type { Compute } from '../../workers/compute.ts';
import type { Erasure, ShardPart } from '../../workers/erasure.ts';
import { frameBytes, readFrameHead, viewOf } from '../../workers/frame.ts';
import type { Reduction } from '../../workers/reduction.ts';
import { SHARD_HEADER_BYTES, type SegmentFooter } from '../../workers/segment.ts';
import { coldForm, type CodedForm } from './cold-object.ts';
import { withoutScatteredDamage } from './scattered-damage.ts';

export interface Checking {
  readonly reduction: Reduction;
  readonly erasure: Erasure;
  readonly compute: Compute;
}

/** `sound`: every byte is what was written; `healed`: it was not, and this is what was; `lost`: nothing gives it back. */
export type Checked =
  | { readonly state: 'sound' }
  | { readonly state: 'healed'; readonly bytes: Uint8Array }
  | { readonly state: 'lost' };

/** Compares all of an object with its checksums. What comes back as healed was compared as well. */
export async function checkObject(parts: Checking, object: Uint8Array, id: Uint8Array): Promise<Checked> {
  const form = coldForm(object, id);
  if (form === undefined) return { state: 'lost' };
  if (form.kind === 'plain') return { state: isPlainSound(parts, object, form.footer) ? 'sound' : 'lost' };
  return checkCoded(parts, object, form);
}

async function checkCoded(parts: Checking, object: Uint8Array, form: CodedForm): Promise<Checked> {
  const { header, headerBlock, headersAt, shardsAt } = form;
  const damaged: (readonly number[])[] = [];
  for (const [index, at] of shardsAt.entries()) {
    const bytes = object.subarray(at, at + header.shardBytes);
    damaged.push(await parts.reduction.damaged(headerBlock, 0, { index, bytes }));
  }
  const areHeadersSound = headersAt.every(
    (at) => Buffer.compare(object.subarray(at, at + SHARD_HEADER_BYTES), headerBlock) === 0,
  );
  if (areHeadersSound && damaged.every((it) => it.length === 0)) return { state: 'sound' };
  const bytes = Buffer.from(object);
  for (const at of headersAt) bytes.set(headerBlock, at);
  for (const block of new Set(damaged.flat())) {
    const wrong = shardsAt.flatMap((_, index) => (damaged[index]?.includes(block) === true ? [index] : []));
    if (!(await healRow(parts, form, { block, wrong, bytes }))) return { state: 'lost' };
  }
  return { state: 'healed', bytes };
}

interface Row {
  /** The same one of all shards. */
  readonly block: number;
  /** The shards whose block it is that is damaged. */
  readonly wrong: readonly number[];
  /** The object, which is healed in place. */
  readonly bytes: Uint8Array;
}

/** Makes the damaged blocks of a row anew: from the others, or, where these are too few, byte by byte. */
async function healRow(parts: Checking, form: CodedForm, { block, wrong, bytes }: Row): Promise<boolean> {
  const { header, headerBlock, shardsAt } = form;
  const { shape, blockBytes, shardBytes } = header;
  const from = block * blockBytes;
  const to = Math.min(from + blockBytes, shardBytes);
  const row = shardsAt.map((at, index) => ({ index, bytes: bytes.subarray(at + from, at + to) }));
  const left = new Set(wrong);
  if (left.size > shape.parity) await healScattered(parts, form, { block, row, left });
  const present = row.filter(({ index }) => !left.has(index)).slice(0, shape.data);
  if (present.length < shape.data) return false;
  const recovered = await parts.reduction.recover({ header: headerBlock, firstBlock: block, present }, [
    ...left,
  ]);
  recovered?.forEach((it, at) => row[[...left][at] ?? 0]?.bytes.set(it));
  return recovered !== undefined;
}

interface ScatteredRow {
  readonly block: number;
  /** Views of the object, which is healed in place. */
  readonly row: readonly ShardPart[];
  /** The shards that are still damaged; those that were healed are taken out. */
  readonly left: Set<number>;
}

/** Heals one block after the other, as long as that makes the next one possible. */
async function healScattered(
  { erasure, reduction }: Checking,
  { header, headerBlock }: CodedForm,
  { block, row, left }: ScatteredRow,
): Promise<void> {
  const { shape } = header;
  for (let before = Infinity; left.size < before && left.size > shape.parity;) {
    before = left.size;
    for (const index of left) {
      // Sound ones first: with more parity than 2 not all are needed.
      const others = row
        .filter((it) => it.index !== index)
        .sort((a, b) => Number(left.has(a.index)) - Number(left.has(b.index)));
      const shard = row[index] ?? assert.fail();
      const bytes = await withoutScatteredDamage({ erasure, shape }, shard, others);
      if (bytes === undefined) return;
      if ((await reduction.damaged(headerBlock, block, { index, bytes })).length > 0) continue;
      shard.bytes.set(bytes);
      left.delete(index);
    }
  }
}

/** Without parity there are the checksums of the frames only: between them nothing is compared, and nothing lies there. */
function isPlainSound({ compute }: Checking, object: Uint8Array, { entries }: SegmentFooter): boolean {
  return entries.every(({ start, head }) => {
    const frame = object.subarray(start, start + frameBytes(head));
    const found = readFrameHead(frame);
    if (found?.checksum !== head.checksum || found.headBytes !== head.headBytes) return false;
    const { crc32c } = compute.digest(['crc32c'], [frame.subarray(head.headBytes)]);
    return crc32c !== undefined && viewOf(crc32c).getUint32(0) === head.checksum;
  });
}
