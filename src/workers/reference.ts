import assert from 'node:assert/strict';
import { createHash, type Hash } from 'node:crypto';
import type { Compute, CrcAlgorithm, DigestAlgorithm, Digests, Hasher } from './compute.ts';
import { xxhash } from './xxhash.ts';
import { crcBytes, crcCombine, crcStart, crcUpdate } from './crc.ts';

/** One digest of a stream; `finish` leaves it as it was, so that more bytes can follow. */
interface Digester {
  update(bytes: Uint8Array): void;
  finish(): Uint8Array;
}

/** Bytes of a digest in the form that S3 prints. */
const DIGEST_BYTES: Readonly<Record<DigestAlgorithm, number>> = {
  md5: 16,
  sha1: 20,
  sha256: 32,
  crc32: 4,
  crc32c: 4,
  crc64nvme: 8,
  sha512: 64,
  xxhash64: 8,
  xxhash3: 8,
  xxhash128: 16,
};

/** `Compute` in plain TypeScript: the oracle of the native one, and the one that simulations run. */
export function referenceCompute(): Compute {
  return { hasher, digest, combine };
}

function hasher(algorithms: readonly DigestAlgorithm[]): Hasher {
  const digesters = algorithms.map((algorithm) => [algorithm, digester(algorithm)] as const);
  return {
    update: (parts) => {
      for (const part of parts) for (const [, each] of digesters) each.update(part);
    },
    digests: () => Object.fromEntries(digesters.map(([algorithm, each]) => [algorithm, each.finish()])),
  };
}

function digest(algorithms: readonly DigestAlgorithm[], parts: readonly Uint8Array[]): Digests {
  const all = hasher(algorithms);
  void all.update(parts);
  return all.digests();
}

function combine(
  algorithm: CrcAlgorithm,
  crcOfA: Uint8Array,
  crcOfB: Uint8Array,
  lengthOfB: number,
): Uint8Array {
  assert(crcOfA.length === DIGEST_BYTES[algorithm], `CRC of A has ${crcOfA.length} bytes`);
  assert(crcOfB.length === DIGEST_BYTES[algorithm], `CRC of B has ${crcOfB.length} bytes`);
  assert(Number.isSafeInteger(lengthOfB) && lengthOfB >= 0, `length ${lengthOfB}`);
  return crcCombine({ algorithm, crcOfA, crcOfB, lengthOfB });
}

function digester(algorithm: DigestAlgorithm): Digester {
  switch (algorithm) {
    case 'md5':
    case 'sha1':
    case 'sha256':
    case 'sha512':
      return hashDigester(createHash(algorithm));
    case 'crc32':
    case 'crc32c':
    case 'crc64nvme': {
      const state = crcStart(algorithm);
      return { update: (bytes) => crcUpdate(state, bytes), finish: () => crcBytes(state) };
    }
    case 'xxhash64':
    case 'xxhash3':
    case 'xxhash128': {
      const parts: Uint8Array[] = [];
      return {
        update: (bytes) => void parts.push(Uint8Array.from(bytes)),
        finish: () => xxhash(algorithm, Buffer.concat(parts)),
      };
    }
  }
}

function hashDigester(hash: Hash): Digester {
  return {
    update: (bytes) => void hash.update(bytes),
    finish: () => new Uint8Array(hash.copy().digest()),
  };
}
