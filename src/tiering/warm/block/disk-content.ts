import { BLOCK_BYTES } from '../../hot/device.ts';
import type { RawDisk } from '../../raw-disk.ts';
import { REGION_BYTES } from './superblock.ts';

/** A mark that others leave: at `offset` from the start of the disk, or from its end where that is negative. */
interface Signature {
  readonly what: string;
  readonly offset: number;
  readonly bytes: readonly number[] | string;
}

const KIB = 1024;
const zeros = new Uint8Array(REGION_BYTES);

/** The first one that is there names the content; what blkid(8) and wipefs(8) know is longer. */
const signatures: readonly Signature[] = [
  { what: 'a warm device of Terrace', offset: 0, bytes: 'TERRACEw' },
  { what: 'a hot device of Terrace', offset: 0, bytes: 'TERRACEh' },
  { what: 'an XFS file system', offset: 0, bytes: 'XFSB' },
  { what: 'an ext2, ext3 or ext4 file system', offset: KIB + 56, bytes: [0x53, 0xef] },
  { what: 'a btrfs file system', offset: 64 * KIB + 64, bytes: '_BHRfS_M' },
  { what: 'an F2FS file system', offset: KIB, bytes: [0x10, 0x20, 0xf5, 0xf2] },
  { what: 'an NTFS file system', offset: 3, bytes: 'NTFS    ' },
  { what: 'an exFAT file system', offset: 3, bytes: 'EXFAT   ' },
  { what: 'a FAT file system', offset: 54, bytes: 'FAT1' },
  { what: 'a FAT file system', offset: 82, bytes: 'FAT32' },
  { what: 'an ISO 9660 file system', offset: 32 * KIB + 1, bytes: 'CD001' },
  { what: 'a ZFS pool', offset: 128 * KIB, bytes: [0x0c, 0xb1, 0xba, 0x00] },
  { what: 'a bcache or bcachefs device', offset: 4 * KIB + 24, bytes: [0xc6, 0x85, 0x73, 0xf6] },
  { what: 'a BlueStore device of Ceph', offset: 0, bytes: 'bluestore block device' },
  { what: 'encrypted content (LUKS)', offset: 0, bytes: 'LUKS' },
  { what: 'swap space', offset: 4 * KIB - 10, bytes: 'SWAPSPACE2' },
  ...[0, 1, 2, 3].map((sector) => ({
    what: 'a physical volume of LVM',
    offset: sector * 512,
    bytes: 'LABELONE',
  })),
  { what: 'a member of a RAID', offset: 0, bytes: [0xfc, 0x4e, 0x2b, 0xa9] },
  { what: 'a member of a RAID', offset: 4 * KIB, bytes: [0xfc, 0x4e, 0x2b, 0xa9] },
  { what: 'a member of a RAID', offset: -8 * KIB, bytes: [0xfc, 0x4e, 0x2b, 0xa9] },
  { what: 'a member of a RAID', offset: -64 * KIB, bytes: [0xfc, 0x4e, 0x2b, 0xa9] },
  { what: 'a partition table (GPT)', offset: 512, bytes: 'EFI PART' },
  { what: 'a partition table (GPT)', offset: 4 * KIB, bytes: 'EFI PART' },
  { what: 'a partition table (GPT)', offset: -512, bytes: 'EFI PART' },
  { what: 'a partition table (GPT)', offset: -4 * KIB, bytes: 'EFI PART' },
  { what: 'a partition table or a boot sector', offset: 510, bytes: [0x55, 0xaa] },
];

/**
 * What lies on a disk, in words; `undefined` when its first and last mebibyte, where partition tables, file systems, volume managers
 * and RAIDs leave their marks, are zero.
 */
export async function contentOf(disk: RawDisk): Promise<string | undefined> {
  const head = await disk.readUnchecked(0, REGION_BYTES);
  const tail = await disk.readUnchecked(tailOffset(disk), REGION_BYTES);
  if ([head, tail].every((bytes) => Buffer.compare(bytes, zeros) === 0)) return undefined;
  const found = signatures.find(({ offset, bytes }) => {
    const wanted = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : Buffer.from(bytes);
    const [part, at] = offset < 0 ? [tail, tail.length + offset] : [head, offset];
    return Buffer.compare(part.subarray(at, at + wanted.length), wanted) === 0;
  });
  return found?.what ?? 'content of an unknown kind';
}

/** Makes a disk one that `contentOf` finds nothing on; durable. What identifies it goes last. */
export async function eraseDisk(disk: RawDisk): Promise<void> {
  for (const offset of [tailOffset(disk), 0]) {
    await disk.write(offset, [new Uint8Array(REGION_BYTES)]);
    await disk.flush();
  }
}

const tailOffset = (disk: RawDisk): number => {
  const last = disk.bytes() - REGION_BYTES;
  return last - (last % BLOCK_BYTES);
};
