import { NATIVE_BLOCK_BYTES } from '../../limits/tiering.ts';
import type { Compute } from '../../workers/compute.ts';

const CHECKSUM_BYTES = 4;

/** CRC32C of each block of a blob, one behind the other: what an object of S3 does not say of its parts. */
export function checksumsOf(compute: Compute, bytes: Uint8Array): Uint8Array {
  const blocks = Math.ceil(bytes.length / NATIVE_BLOCK_BYTES);
  const checksums = new Uint8Array(blocks * CHECKSUM_BYTES);
  for (let block = 0; block < blocks; block += 1) {
    checksums.set(checksumOf(compute, bytes, block * NATIVE_BLOCK_BYTES), block * CHECKSUM_BYTES);
  }
  return checksums;
}

/** Whether these are the bytes of the blob from `first`, the number of a block, on; the last block may be short as it is there. */
export function areSound(compute: Compute, checksums: Uint8Array, first: number, bytes: Uint8Array): boolean {
  const found = checksumsOf(compute, bytes);
  const wanted = checksums.subarray(first * CHECKSUM_BYTES, first * CHECKSUM_BYTES + found.length);
  return Buffer.compare(found, wanted) === 0;
}

/** Whole blocks around a range of a blob. */
export function blocksAround(
  { offset, length }: { readonly offset: number; readonly length: number },
  blobLength: number,
): { readonly first: number; readonly start: number; readonly end: number } {
  const first = Math.floor(offset / NATIVE_BLOCK_BYTES);
  const end = Math.ceil((offset + length) / NATIVE_BLOCK_BYTES) * NATIVE_BLOCK_BYTES;
  return { first, start: first * NATIVE_BLOCK_BYTES, end: Math.min(blobLength, end) };
}

function checksumOf(compute: Compute, bytes: Uint8Array, start: number): Uint8Array {
  const { crc32c = new Uint8Array(0) } = compute.digest(
    ['crc32c'],
    [bytes.subarray(start, start + NATIVE_BLOCK_BYTES)],
  );
  return crc32c;
}
