import assert from 'node:assert/strict';
import type { DeviceBlob } from './blob-records.ts';
import { BLOCK_BYTES, type DeviceExtent } from './device.ts';

/** Pieces of a blob that lie where they should not, in the order of the blob, with the checksums of their blocks. */
export interface Misplaced {
  readonly extents: readonly DeviceExtent[];
  readonly checksums: Uint32Array;
  readonly bytes: number;
}

/** Whether something lies in a unit that shall be emptied, by the offset of the unit. */
export interface Emptying {
  readonly unitBytes: number;
  readonly has: (index: number) => boolean;
}

interface Piece extends DeviceExtent {
  readonly isMisplaced: boolean;
}

/** What of a blob lies in units that shall be empty; `undefined` when nothing does. */
export function misplacedOf(blob: DeviceBlob, emptying: Emptying): Misplaced | undefined {
  const extents: DeviceExtent[] = [];
  const checksums: number[] = [];
  let block = 0;
  for (const { isMisplaced, ...extent } of piecesOf(blob, emptying)) {
    const end = block + extent.length / BLOCK_BYTES;
    if (isMisplaced) {
      extents.push(extent);
      checksums.push(...blob.checksums.subarray(block, end));
    }
    block = end;
  }
  if (extents.length === 0) return undefined;
  return { extents, checksums: Uint32Array.from(checksums), bytes: checksums.length * BLOCK_BYTES };
}

/** The same blob with `places`, which have the size of what was misplaced, in the stead of that. */
export function withPlaces(
  blob: DeviceBlob,
  emptying: Emptying,
  places: readonly DeviceExtent[],
): DeviceBlob {
  const left = [...places];
  const extents: DeviceExtent[] = [];
  for (const { isMisplaced, ...extent } of piecesOf(blob, emptying)) {
    if (isMisplaced) for (const taken of takeBytes(left, extent.length)) append(extents, taken);
    else append(extents, extent);
  }
  assert(left.length === 0, 'all of the new places are used');
  return { ...blob, extents };
}

/** The extents of a blob, cut where units begin that are treated differently. */
function* piecesOf({ extents }: DeviceBlob, { unitBytes, has }: Emptying): Generator<Piece, void> {
  for (const { offset, length } of extents) {
    for (let at = offset; at < offset + length;) {
      const isMisplaced = has(Math.floor(at / unitBytes));
      let end = at;
      while (end < offset + length && has(Math.floor(end / unitBytes)) === isMisplaced) {
        end = Math.min(offset + length, (Math.floor(end / unitBytes) + 1) * unitBytes);
      }
      yield { offset: at, length: end - at, isMisplaced };
      at = end;
    }
  }
}

function takeBytes(left: DeviceExtent[], bytes: number): readonly DeviceExtent[] {
  const taken: DeviceExtent[] = [];
  for (let missing = bytes; missing > 0;) {
    const first = left.shift();
    assert(first !== undefined, 'the new places are too small');
    const { offset } = first;
    const length = Math.min(missing, first.length);
    taken.push({ offset, length });
    if (length < first.length) left.unshift({ offset: offset + length, length: first.length - length });
    missing -= length;
  }
  return taken;
}

/** What happens to touch becomes one. */
function append(extents: DeviceExtent[], { offset, length }: DeviceExtent): void {
  const last = extents.at(-1);
  if (last === undefined || last.offset + last.length !== offset) extents.push({ offset, length });
  else extents[extents.length - 1] = { offset: last.offset, length: last.length + length };
}
