import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  applyDelta,
  decodeDirectory,
  encodeDelta,
  encodeDirectory,
  mergeDirectory,
} from '../../src/namespace/directory-row.ts';
import type { Encryption } from '../../src/keyring/encryption.ts';
import type { AccessControl } from '../../src/namespace/access-control.ts';
import type { Checksum, Ino, Kind } from '../../src/namespace/namespace.ts';
import { newInode } from '../../src/namespace/new-inode.ts';
import * as records from '../../src/namespace/records.ts';
import * as uploadRecords from '../../src/namespace/upload-records.ts';
import type { BucketRules, ObjectLock, Retention, VersionId } from '../../src/namespace/version.ts';
import type { BlobId } from '../../src/tiering/blobs.ts';

const number = fc.oneof(fc.nat(300), fc.maxSafeInteger().map(Math.abs));
const ino = number.map((value) => value as Ino);
const nanoseconds = fc.integer({ min: 0, max: 999_999_999 });
const time = fc.record({ seconds: fc.integer({ min: -(2 ** 40), max: 2 ** 40 }), nanoseconds });
const bytes = fc.uint8Array({ maxLength: 300 });
const kind = fc.constantFrom<Kind[]>('file', 'directory', 'symlink', 'fifo', 'socket', 'block', 'character');
const text = fc.string({ unit: 'binary', maxLength: 20 });
const memberName = fc.oneof(text, fc.constantFrom('__proto__', 'constructor', ''));
const map = fc
  .array(fc.tuple(memberName, text), { maxLength: 4 })
  .map((entries) => Object.fromEntries(entries) as Record<string, string>);
const checksum: fc.Arbitrary<Checksum> = fc.record({
  algorithm: fc.constantFrom('CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256', 'SHA512', 'XXHASH128'),
  value: text,
  type: fc.constantFrom('FULL_OBJECT', 'COMPOSITE'),
});
const acl: fc.Arbitrary<AccessControl> = fc.record({
  owner: text,
  grants: fc.array(
    fc.record({
      grantee: text,
      permission: fc.constantFrom('READ', 'WRITE', 'READ_ACP', 'WRITE_ACP', 'FULL_CONTROL'),
    }),
    { maxLength: 3 },
  ),
});
const facet = fc.record(
  {
    etag: text,
    headers: map,
    metadata: map,
    checksums: fc.array(checksum, { maxLength: 3 }),
    parts: fc.array(fc.record({ length: number, checksums: fc.array(checksum, { maxLength: 2 }) }), {
      maxLength: 5,
    }),
    storageClass: fc.constantFrom('STANDARD', 'GLACIER'),
    tags: fc.array(fc.record({ key: memberName, value: text }), { maxLength: 3 }),
    contentGeneration: number,
    acl,
  },
  {
    requiredKeys: [
      'etag',
      'headers',
      'metadata',
      'checksums',
      'parts',
      'storageClass',
      'tags',
      'contentGeneration',
    ],
  },
);
const retention = fc.record({
  mode: fc.constantFrom<Retention['mode'][]>('GOVERNANCE', 'COMPLIANCE'),
  until: time,
});
const lock: fc.Arbitrary<ObjectLock> = fc.record({
  retention: fc.option(retention, { nil: undefined }),
  legalHold: fc.boolean(),
});
const defaultRetention = fc.record({
  mode: fc.constantFrom<Retention['mode'][]>('GOVERNANCE', 'COMPLIANCE'),
  unit: fc.constantFrom<('days' | 'years')[]>('days', 'years'),
  amount: number,
});
const rules: fc.Arbitrary<BucketRules> = fc.oneof(
  fc.constant<BucketRules>(records.NO_RULES),
  fc.record({
    versioning: fc.constantFrom<BucketRules['versioning'][]>('enabled', 'suspended'),
    objectLock: fc.option(fc.record({ defaultRetention: fc.option(defaultRetention, { nil: undefined }) }), {
      nil: undefined,
    }),
  }),
);
const extents = fc
  .array(
    fc.record({ gap: fc.nat(1 << 20), length: fc.nat(1 << 20), blob: number, blobOffset: fc.nat(1 << 20) }),
    {
      maxLength: 16,
    },
  )
  .map((list) => {
    let end = 0;
    return list.map(({ gap, length, blob, blobOffset }) => {
      const offset = end + gap;
      end = offset + length;
      return { offset, length, blob: blob as BlobId, blobOffset };
    });
  });
const place = fc.oneof(
  extents.map((list) => ({ extents: list, contentId: 0 })),
  number.map((contentId) => ({ extents: undefined, contentId })),
);
const rare = fc.record({
  target: bytes,
  createVerifier: fc.constantFrom(new Uint8Array(0), Buffer.from('verifier')),
  xattrs: fc.array(fc.tuple(text, bytes), { maxLength: 3 }).map((entries) => new Map(entries)),
  device: fc.record({ major: fc.nat(5000), minor: fc.nat(5000) }),
});
const encryption: fc.Arbitrary<Encryption> = fc.record({
  ...{ mode: fc.constantFrom('AES256', 'aws:kms', 'aws:kms:dsse', 'customer'), contentKeyId: bytes },
  ...{ keyId: text, keyVersion: number, sealed: bytes, context: text, bucketKey: fc.boolean() },
});
const inode: fc.Arbitrary<records.Inode> = fc
  .tuple(
    fc.record({
      ...{ ino, bucket: ino, kind, mode: fc.nat(0o7777), uid: fc.nat(2 ** 31), gid: fc.nat(2 ** 31) },
      ...{ linkCount: fc.nat(65000), size: number, atime: time, mtime: time, ctime: time },
      ...{
        contentGeneration: number,
        version: fc.record({ id: number.map((id) => id as VersionId), openUntil: number }),
        lock,
        rules,
        below: fc.record({ warm: number, cold: number }),
        names: fc.array(fc.record({ parent: ino, name: bytes }), { maxLength: 2 }),
        facet: fc.option(facet, { nil: undefined }),
        encryption: fc.option(encryption, { nil: undefined }),
      },
    }),
    place,
    fc.oneof(fc.constant(records.NOTHING_RARE), rare),
  )
  .map(([common, where, seldom]) => ({ ...common, ...where, ...seldom }));

/** Bytes compare as bytes, whichever class holds them; members by name, whatever name that is. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (value instanceof Map) return plain([...value]);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return members.map(([name, member]) => [name, plain(member)]).sort();
}

const check = (read: unknown, written: unknown): void => assert.deepEqual(plain(read), plain(written));

test('an inode is read as it was written', () =>
  fc.assert(
    fc.property(inode, (each) => check(records.decodeInode(each.ino, records.encodeInode(each)), each)),
    { numRuns: 1000 },
  ));

test('an inode record of another version, or with bytes behind its end, is refused', () =>
  fc.assert(
    fc.property(inode, (each) => {
      const record = Buffer.from(records.encodeInode(each));
      assert.throws(() => records.decodeInode(each.ino, Buffer.concat([record, Buffer.of(0)])));
      assert.throws(() => records.decodeInode(each.ino, record.subarray(0, record.length - 1)));
      record[0] = 2;
      assert.throws(() => records.decodeInode(each.ino, record), /unknown version/);
    }),
    { numRuns: 300 },
  ));

test('the other records are read as they were written', () =>
  fc.assert(
    fc.property(
      inode,
      facet,
      time,
      bytes,
      fc.boolean(),
      (each, { contentGeneration, ...given }, at, key, is) => {
        const dentry = { ino: each.ino, kind: each.kind, ordinal: contentGeneration };
        check(records.decodeDentry(records.encodeDentry(dentry)), dentry);
        check(records.decodeOrder(records.encodeOrder(key, each.ino)), { ino: each.ino, entry: key });
        for (const extent of each.extents ?? []) {
          const end = extent.offset + extent.length;
          check(records.decodeExtent(end, records.encodeExtent(extent)), extent);
        }
        for (const owner of [undefined, '123456789012']) {
          const bucket = {
            ino: each.ino,
            createdAt: at,
            configurations: ['acl', 'cors'] as const,
            owner,
            rules: each.rules,
          };
          for (const objectOwnership of [undefined, 'ObjectWriter'] as const) {
            const whole = { ...bucket, objectOwnership };
            check(records.decodeBucket(records.encodeBucket(whole)), whole);
          }
        }
        const checksum = { algorithm: 'CRC32C', type: 'COMPOSITE' } as const;
        const upload = {
          ...{ uploadId: 'id', initiatedAt: at, checksum: is ? checksum : undefined },
          ...{ facet: given, encryption: each.encryption, completed: is ? undefined : each },
          lock: is ? each.lock : undefined,
          owner: { uid: each.uid, gid: each.gid },
          ...(is ? { initiator: '123456789012' } : {}),
        };
        const { facet: read, ...rest } = uploadRecords.decodeUpload(uploadRecords.encodeUpload(upload));
        check({ ...rest, facet: { ...given, ...read, contentGeneration: undefined } }, upload);
        const part = {
          ino: each.ino,
          etag: 'e',
          size: each.size,
          modifiedAt: at,
          checksums: given.checksums,
        };
        check(uploadRecords.decodePart(uploadRecords.encodePart(part)), part);
        const finished = { uploadKey: key, at };
        check(uploadRecords.decodeFinished(uploadRecords.encodeFinished(finished)), finished);
      },
    ),
    { numRuns: 500 },
  ));

const count = fc.nat(1000);
const row = fc.record({
  ...{ entries: count, subdirectories: count, clashes: count },
  ...{ mtime: time, ctime: time, contentGeneration: number },
});
const delta = fc.record({
  ...{ entries: count, subdirectories: count, clashes: count, now: time, contentGeneration: number },
});

test('a directory row is read as it was written; a merge adds counts and moves time and generation on', () =>
  fc.assert(
    fc.property(row, delta, (each, change) => {
      check(decodeDirectory(encodeDirectory(each)), each);
      const merged = mergeDirectory(Buffer.of(0), encodeDirectory(each), encodeDelta(change));
      assert(merged !== undefined);
      const after = decodeDirectory(merged);
      check(after, applyDelta(each, change));
      assert.equal(after.entries, each.entries + change.entries);
      assert(after.contentGeneration >= each.contentGeneration);
      const order =
        after.ctime.seconds - each.ctime.seconds || after.ctime.nanoseconds - each.ctime.nanoseconds;
      assert(order > 0);
    }),
    { numRuns: 500 },
  ));

test('an inode is decoded once from the bytes of a row that stay, and anew from any others', () => {
  const inode = newInode({
    ...{ ino: 7 as Ino, bucket: 1 as Ino, kind: 'file', mode: 0o644, uid: 1, gid: 2 },
    ...{ now: { seconds: 5, nanoseconds: 6 }, contentGeneration: 9 },
  });
  const row = records.encodeInode(inode);
  const first = records.decodeInode(inode.ino, row);
  assert.equal(records.decodeInode(inode.ino, row), first);
  assert.deepEqual(first, inode);
  const later = records.encodeInode({ ...inode, size: 3 });
  assert.equal(records.decodeInode(inode.ino, later).size, 3);
  assert.equal(records.decodeInode(8 as Ino, later).ino, 8);
  const page = Buffer.concat([Buffer.alloc(10), row]).subarray(10);
  assert.deepEqual(records.decodeInode(inode.ino, page), inode);
  assert.equal(records.decodeInode(8 as Ino, later).size, 3);
});
