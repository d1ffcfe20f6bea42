import { Fault } from '../../../fault.ts';
import { BLOCK_BYTES } from '../../hot/device.ts';
import type { RawDisk } from '../../raw-disk.ts';
import type { DeviceIdentity } from '../shard-device.ts';
import {
  decodeSuperblock,
  encodeSuperblock,
  SUPERBLOCK_OFFSETS,
  type Superblock,
  type SuperblockCopy,
} from './superblock.ts';

/** Both copies; one that cannot be read counts as damaged, as long as the other one can. */
export async function readCopies(disk: RawDisk): Promise<readonly SuperblockCopy[]> {
  const settled = await Promise.allSettled(
    SUPERBLOCK_OFFSETS.map(async (offset) => decodeSuperblock(await disk.readUnchecked(offset, BLOCK_BYTES))),
  );
  const failures = settled.flatMap((it) => (it.status === 'rejected' ? [it.reason as unknown] : []));
  if (failures.length === settled.length || failures.some((cause) => !(cause instanceof Fault))) {
    throw failures[0];
  }
  return settled.map((it) => (it.status === 'fulfilled' ? it.value : { state: 'damaged' }));
}

/** The newer one of those that are sound. */
export function newestOf(copies: readonly SuperblockCopy[]): Superblock | undefined {
  const [newest] = copies
    .flatMap((copy) => (copy.state === 'ours' ? [copy.superblock] : []))
    .toSorted((a, b) => b.generation - a.generation);
  return newest;
}

/** Whether both copies say the same. */
export const isWhole = (copies: readonly SuperblockCopy[]): boolean => {
  const [first, second] = copies;
  return (
    first?.state === 'ours' &&
    second?.state === 'ours' &&
    first.superblock.generation === second.superblock.generation
  );
};

/** One copy after the other, each durable before the next. */
export async function writeCopies(disk: RawDisk, superblock: Superblock): Promise<void> {
  for (const offset of SUPERBLOCK_OFFSETS) {
    await disk.write(offset, [encodeSuperblock(superblock)]);
    await disk.flush();
  }
}

/** Whether the disk is the one of this identity, read from the medium. */
export async function isStillThere(disk: RawDisk, { pool, device }: DeviceIdentity): Promise<boolean> {
  const found = newestOf(await readCopies(disk));
  return found?.pool === pool && found.device === device;
}
