import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryEngine } from '../../src/kv/memory.ts';
import { seededRandom } from '../kv/seeded-random.ts';
import { faultOf } from './fault-of.ts';
import { bytes, memoryDevice, openStack, put, root, silent, TestClock } from './world.ts';

test('each refusal of object lock leaves a line in the log: who, through which door, what', async () => {
  const lines: unknown[] = [];
  const log = { ...silent, warn: (event: string, about: unknown) => void lines.push([event, about]) };
  const clock = new TestClock();
  const environment = { clock, random: seededRandom(1), log };
  const stack = await openStack({ engine: new MemoryEngine(), device: memoryDevice(), environment });
  const { files, objects } = stack.namespace;
  const defaultRetention = { mode: 'COMPLIANCE', unit: 'days', amount: 1 } as const;
  const rules = { versioning: 'enabled', objectLock: { defaultRetention } } as const;
  const bucket = await objects.createBucket(root, 'b', { rules });
  const { versionId, attributes } = await put(stack, bucket, 'k', 'kept');
  const at = { bucket: bucket.ino, key: bytes('k'), versionId };
  const place = { directory: bucket.ino, name: bytes('k') };
  const request = { offset: 0, data: bytes('x'), stable: true };
  const refused = [
    () => objects.removeKey({ ...at, expect: {} }),
    () => objects.setLock(at, { retention: 'none', bypassesGovernance: true }),
    () => files.write(root, attributes.ino, request),
    () => files.setAttributes(root, attributes.ino, { wish: { size: 0 } }),
    () => files.remove(root, place),
    () => files.rename(root, { from: place, to: { ...place, name: bytes('elsewhere') } }),
  ];
  for (const attempt of refused) assert.equal(await faultOf(attempt()), 'access-denied');
  const shown = lines.map((line) => {
    const [event, about] = line as [string, { door: string; operation: string; why: string }];
    assert.match(about.why, /retained|locked|shortened/);
    return `${event} ${about.door} ${about.operation}`;
  });
  assert.deepEqual(shown, [
    'object-lock.refused s3 removeKey',
    'object-lock.refused s3 setLock',
    'object-lock.refused nfs write',
    'object-lock.refused nfs setAttributes',
    'object-lock.refused nfs remove',
    'object-lock.refused nfs rename',
  ]);
  assert.equal(await faultOf(objects.removeKey({ ...at, versionId: undefined, expect: {} })), 'done');
});
