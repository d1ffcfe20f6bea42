import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Actor, AuditRow } from '../../src/audit/event.ts';
import { shownLock } from '../../src/audit/log-line.ts';
import type { Caller, ObjectStore } from '../../src/namespace/namespace.ts';
import type { BucketRules } from '../../src/namespace/version.ts';
import { faultOf } from './fault-of.ts';
import { bytes, openWorld, put, root as superuser, type World } from './world.ts';

const by: Actor = { door: 's3', operation: 'Op', client: '10.0.0.1', principal: 'arn:alice', requestId: 'R' };
const nfs: Caller = { ...superuser, client: { address: '10.0.0.2', uid: 7 } };
const defaultRetention = { mode: 'COMPLIANCE', unit: 'days', amount: 1 } as const;
const rules: BucketRules = { versioning: 'enabled', objectLock: { defaultRetention } };
const soon = { seconds: 1_700_001_000, nanoseconds: 0 };
const later = { seconds: 1_700_002_000, nanoseconds: 0 };

async function rowsOf({ namespace }: World): Promise<readonly AuditRow[]> {
  const { rows } = await namespace.audit.page({ rowsMax: 1000 });
  return [...rows].reverse();
}

const shown = ({ kind, actor, bucket, key, detail }: AuditRow): string => {
  const who = actor?.principal ?? (actor === undefined ? 'gateway' : `uid ${actor.uid} at ${actor.client}`);
  const object = key === undefined ? `${bucket}` : `${bucket}/${Buffer.from(key).toString()}`;
  return `${kind}: ${who}: ${actor?.operation ?? '-'} ${object}: ${detail}`;
};

test('each refusal of object lock through either door is in the trail: who, what, and what kept it', async () => {
  const world = await openWorld();
  const { files, objects } = world.namespace;
  const bucket = await objects.createBucket(superuser, 'b', { rules });
  const { versionId, attributes } = await put(world, bucket, 'd/k', 'kept');
  const directory = (await files.lookup(superuser, { directory: bucket.ino, name: bytes('d') })).attributes
    .ino;
  const free = await files.create(
    superuser,
    { directory, name: bytes('free') },
    { mode: { how: 'guarded' }, wish: {} },
  );
  const at = { bucket: bucket.ino, key: bytes('d/k'), versionId, by };
  const place = { directory, name: bytes('k') };
  const elsewhere = { directory, name: bytes('elsewhere') };
  const { ino } = attributes;
  const refused = [
    () => objects.removeKey({ ...at, expect: {} }),
    () => objects.removeKey({ ...at, expect: {}, bypassesGovernance: true }),
    () => objects.setLock(at, { retention: 'none', bypassesGovernance: true }),
    () => files.write(nfs, ino, { offset: 0, data: bytes('x'), stable: true }),
    () => files.setAttributes(nfs, ino, { wish: { size: 0 } }),
    () => files.create(nfs, place, { mode: { how: 'unchecked' }, wish: { size: 0 } }),
    () => files.remove(nfs, place),
    () => files.rename(nfs, { from: place, to: elsewhere }),
    () => files.rename(nfs, { from: { directory, name: bytes('free') }, to: place }),
    () =>
      files.rename(nfs, {
        from: { directory: bucket.ino, name: bytes('d') },
        to: { directory: bucket.ino, name: bytes('e') },
      }),
  ];
  for (const attempt of refused) assert.equal(await faultOf(attempt()), 'access-denied');
  const rows = (await rowsOf(world)).filter(({ kind }) => kind === 'refused');
  const where = 'uid 7 at 10.0.0.2';
  assert.deepEqual(rows.map(shown), [
    'refused: arn:alice: Op b/d/k: the version is retained in COMPLIANCE mode',
    'refused: arn:alice: Op b/d/k: COMPLIANCE mode cannot be shortened',
    `refused: ${where}: WRITE b/d/k: the version is locked`,
    `refused: ${where}: SETATTR b/d/k: the version is locked`,
    `refused: ${where}: CREATE b/d/k: the version is locked`,
    `refused: ${where}: REMOVE b/d/k: the version is locked`,
    `refused: ${where}: RENAME b/d/k: the version is locked`,
    `refused: ${where}: RENAME b/d/: where object lock is on, directories move only while empty`,
  ]);
  assert.deepEqual(
    rows.map(({ count }) => count),
    [2, 1, 1, 1, 1, 1, 2, 1],
  );
  for (const { lock, versionId: id, detail } of rows) {
    if (detail.includes('directories')) continue;
    assert.equal(id, versionId);
    assert.match(lock === undefined ? '' : shownLock(lock), /^COMPLIANCE until 2023-11-15T/);
  }
  assert.equal(free.attributes.kind, 'file');
});

test('what the gateway itself is refused, and what is no refusal of object lock, leaves no row', async () => {
  const world = await openWorld();
  const { objects } = world.namespace;
  const bucket = await objects.createBucket(superuser, 'b', { rules });
  const { versionId } = await put(world, bucket, 'k', 'kept');
  const at = { bucket: bucket.ino, key: bytes('k') };
  const before = (await rowsOf(world)).length;
  assert.equal(await faultOf(objects.removeKey({ ...at, versionId, expect: {} })), 'access-denied');
  const expect = { ifMatch: ['another'] };
  assert.equal(await faultOf(objects.removeKey({ ...at, expect, by })), 'precondition-failed');
  assert.equal(await faultOf(objects.removeKey({ ...at, expect: {}, by })), 'done');
  assert.equal((await rowsOf(world)).length, before);
});

const changes: readonly {
  readonly name: string;
  readonly change: (objects: ObjectStore, at: Parameters<ObjectStore['setLock']>[0]) => Promise<unknown>;
  readonly want: string;
}[] = [
  {
    name: 'retention',
    change: (objects, at) =>
      objects.setLock(at, { retention: { mode: 'GOVERNANCE', until: later }, bypassesGovernance: true }),
    want: 'lock-changed: GOVERNANCE until 2023-11-14T22:30:00Z -> GOVERNANCE until 2023-11-14T22:46:40Z',
  },
  {
    name: 'a legal hold',
    change: (objects, at) => objects.setLock(at, { legalHold: true, bypassesGovernance: false }),
    want: 'lock-changed: GOVERNANCE until 2023-11-14T22:30:00Z -> GOVERNANCE until 2023-11-14T22:30:00Z, legal hold',
  },
  {
    name: 'a bypass that loosens',
    change: (objects, at) => objects.setLock(at, { retention: 'none', bypassesGovernance: true }),
    want: 'bypassed: GOVERNANCE until 2023-11-14T22:30:00Z -> none',
  },
  {
    name: 'a bypass that removes',
    change: (objects, at) => objects.removeKey({ ...at, expect: {}, bypassesGovernance: true }),
    want: 'bypassed: GOVERNANCE until 2023-11-14T22:30:00Z',
  },
];
for (const { name, change, want } of changes)
  test(`${name} has its row in the transaction that makes it`, async () => {
    const world = await openWorld();
    const { objects } = world.namespace;
    const bucket = await objects.createBucket(superuser, 'b', {
      rules: { versioning: 'enabled', objectLock: { defaultRetention: undefined } },
    });
    const { versionId } = await put(world, bucket, 'k', 'kept');
    const at = { bucket: bucket.ino, key: bytes('k'), versionId, by };
    await objects.setLock(at, { retention: { mode: 'GOVERNANCE', until: soon }, bypassesGovernance: false });
    await change(objects, at);
    const row = (await rowsOf(world)).at(-1);
    assert(row?.lock !== undefined);
    const becomes = row.becomes === undefined ? '' : ` -> ${shownLock(row.becomes)}`;
    assert.equal(`${row.kind}: ${shownLock(row.lock)}${becomes}`, want);
    assert.deepEqual([row.bucket, row.versionId, row.actor?.requestId], ['b', versionId, 'R']);
  });

test('a bypass that was not needed leaves no row', async () => {
  const world = await openWorld();
  const { objects } = world.namespace;
  const bucket = await objects.createBucket(superuser, 'b', {
    rules: { versioning: 'enabled', objectLock: { defaultRetention: undefined } },
  });
  const { versionId } = await put(world, bucket, 'k', 'free');
  const at = { bucket: bucket.ino, key: bytes('k'), versionId, by };
  await objects.removeKey({ ...at, expect: {}, bypassesGovernance: true });
  assert.deepEqual(
    (await rowsOf(world)).map(({ kind }) => kind),
    ['configuration-changed'],
  );
});

test('the default retention of a version that NFS may still change has a row when a lock begins it', async () => {
  const world = await openWorld();
  const { files, objects } = world.namespace;
  const bucket = await objects.createBucket(superuser, 'b', { rules });
  await files.create(
    nfs,
    { directory: bucket.ino, name: bytes('k') },
    { mode: { how: 'guarded' }, wish: {} },
  );
  const at = { bucket: bucket.ino, key: bytes('k'), by };
  const open = await objects.head(at);
  const locked = await objects.setLock(at, { legalHold: false, bypassesGovernance: false });
  assert.equal(locked?.lock.retention?.mode, 'COMPLIANCE');
  const [, row, ...more] = await rowsOf(world);
  assert.deepEqual([row?.kind, row?.lock, row?.becomes], ['lock-changed', open?.lock, locked.lock]);
  await objects.setLock(at, { legalHold: false, bypassesGovernance: false });
  assert.deepEqual([more.length, (await rowsOf(world)).length], [0, 2], 'the same lock again has none');
});

test('the lock configuration of a bucket: its changes, and what it refuses', async () => {
  const world = await openWorld();
  const { objects } = world.namespace;
  const { ino, name } = await objects.createBucket(superuser, 'b', {
    ...{ rules: { versioning: 'enabled', objectLock: { defaultRetention: undefined } }, by },
  });
  await objects.createBucket(superuser, 'plain', { by });
  await objects.changeBucketRules({ ino, name, by }, { objectLock: { defaultRetention } });
  const suspended = objects.changeBucketRules({ ino, name, by }, { versioning: 'suspended' });
  assert.equal(await faultOf(suspended), 'conflict');
  assert.deepEqual((await rowsOf(world)).map(shown), [
    'configuration-changed: arn:alice: Op b: object lock without default retention; before: no object lock',
    'configuration-changed: arn:alice: Op b: object lock with a default retention of 1 days in COMPLIANCE mode; before: object lock without default retention',
    'refused: arn:alice: Op b: b: object lock needs versioning',
  ]);
});
