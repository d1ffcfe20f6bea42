import { stat } from 'node:fs/promises';
import { Fault } from '../fault.ts';
import { loadNative } from '../native.ts';
import { contentOf, eraseDisk } from '../tiering/warm/block/disk-content.ts';
import { openDisk } from '../tiering/warm/local-devices.ts';

/** What was found on a disk, in words (`undefined`: it was empty), and whether that was erased. */
export interface DiskErasure {
  readonly content: string | undefined;
  readonly isErased: boolean;
}

/**
 * Makes a disk one that a warm pool takes: zeros where partition tables, file systems and pools leave their marks. Without `isSure` it
 * only looks. Fault('unavailable', 'device') for one that is mounted or in use, 'invalid-argument' for a directory.
 */
export async function eraseWarmDisk(
  place: string,
  { isSure }: { readonly isSure: boolean },
): Promise<DiskErasure> {
  const found = await stat(place).catch(() => undefined);
  if (found?.isDirectory() === true) {
    throw new Fault('invalid-argument', 'device', `${place} is a directory: delete what is in it yourself.`);
  }
  const { disk } = await openDisk(loadNative(), place);
  try {
    const content = await contentOf(disk);
    const isErased = isSure && content !== undefined;
    if (isErased) await eraseDisk(disk);
    return { content, isErased };
  } finally {
    await disk.close();
  }
}
