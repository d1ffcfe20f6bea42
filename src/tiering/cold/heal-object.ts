import type { Compute } from '../../workers/compute.ts';
import { frameBytes, readFrameHead, viewOf } from '../../workers/frame.ts';
import type { Reduction } from '../../workers/reduction.ts';
import { SHARD_HEADER_BYTES, type SegmentFooter } from '../../workers/segment.ts';
import { coldForm, type CodedForm } from './cold-object.ts';

export interface Checking {
  readonly reduction: Reduction;
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

async function checkCoded({ reduction }: Checking, object: Uint8Array, form: CodedForm): Promise<Checked> {
  const { header, headerBlock, headersAt, shardsAt } = form;
  const damaged: (readonly number[])[] = [];
  for (const [index, at] of shardsAt.entries()) {
    const bytes = object.subarray(at, at + header.shardBytes);
    damaged.push(await reduction.damaged(headerBlock, 0, { index, bytes }));
  }
  const areHeadersSound = headersAt.every(
    (at) => Buffer.compare(object.subarray(at, at + SHARD_HEADER_BYTES), headerBlock) === 0,
  );
  if (areHeadersSound && damaged.every((it) => it.length === 0)) return { state: 'sound' };
  const bytes = Buffer.from(object);
  for (const at of headersAt) bytes.set(headerBlock, at);
  for (const block of new Set(damaged.flat())) {
    const wanted = shardsAt.flatMap((_, index) => (damaged[index]?.includes(block) === true ? [index] : []));
    if (!(await healRow(reduction, form, { block, wanted, bytes }))) return { state: 'lost' };
  }
  return { state: 'healed', bytes };
}

interface Row {
  /** The same one of all shards. */
  readonly block: number;
  /** The shards whose block it is that is damaged. */
  readonly wanted: readonly number[];
  /** The object, which is healed in place. */
  readonly bytes: Uint8Array;
}

/** Decodes one block of each damaged shard from the others; false when too few are left. */
async function healRow(
  reduction: Reduction,
  form: CodedForm,
  { block, wanted, bytes }: Row,
): Promise<boolean> {
  const { header, headerBlock, shardsAt } = form;
  const from = block * header.blockBytes;
  const to = Math.min(from + header.blockBytes, header.shardBytes);
  const present = shardsAt
    .map((at, index) => ({ index, bytes: bytes.subarray(at + from, at + to) }))
    .filter(({ index }) => !wanted.includes(index))
    .slice(0, header.shape.data);
  if (present.length < header.shape.data) return false;
  const recovered = await reduction.recover({ header: headerBlock, firstBlock: block, present }, wanted);
  recovered?.forEach((it, at) => bytes.set(it, (shardsAt[wanted[at] ?? 0] ?? 0) + from));
  return recovered !== undefined;
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
