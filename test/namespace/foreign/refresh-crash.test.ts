import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytes, get } from '../world.ts';
import { AttachedBed } from './attached-bed.ts';

const keys = ['a/1', 'a/2', 'a/b/3', 'c/4', 'd/5', 'e', 'f'];
const after = ['a/1', 'a/b/3', 'a/b/new', 'd/5', 'e', 'f', 'g/h/new'];

/** All changes there, and an order to look again that was acknowledged. */
async function begun(): Promise<AttachedBed> {
  const bed = await AttachedBed.open(keys);
  assert.deepEqual(await bed.listed(), keys);
  for (const key of keys) await get(bed.world, bed.bucket, key);
  await bed.upload('a/b/new');
  await bed.upload('g/h/new');
  await bed.upload('e', 'other bytes');
  for (const gone of ['a/2', 'c/4']) await bed.remove(gone);
  await bed.world.namespace.attachments.refresh({ bucket: bed.bucket.ino, key: bytes('') });
  return bed;
}

async function stepsOf(bed: AttachedBed): Promise<number> {
  for (let steps = 0; ; steps += 1)
    if ((await bed.world.namespace.attachments.step()) === 'idle') return steps;
}

test('a refresh that a crash cuts short behind any step, once or behind each, ends as one that was not', async () => {
  const steps = await stepsOf(await begun());
  assert.ok(steps > 3, `${steps} steps`);
  for (let cut = 0; cut <= steps; cut += 1) {
    const bed = await begun();
    for (let step = 0; step < cut; step += 1) await bed.world.namespace.attachments.step();
    // What was not durable yet is lost or not, as the seed says.
    await bed.crash(cut + 1);
    await bed.work();
    await check(bed, `after a crash behind step ${cut}`);
  }
  const bed = await begun();
  for (let step = 0; step <= steps; step += 1) {
    await bed.world.namespace.attachments.step();
    await bed.crash(step + 1);
  }
  await bed.work();
  await check(bed, 'after a crash behind each step');
});

async function check(bed: AttachedBed, when: string): Promise<void> {
  const [state] = await bed.world.namespace.attachments.list();
  assert.equal(state?.foldersWaiting, 0, when);
  assert.deepEqual(await bed.listed(), after, when);
  assert.equal((await get(bed.world, bed.bucket, 'e'))?.toString(), 'other bytes', when);
  assert.equal((await get(bed.world, bed.bucket, 'g/h/new'))?.toString(), 'content of g/h/new', when);
  assert.deepEqual(await bed.listed('', '/'), ['a/', 'd/', 'e', 'f', 'g/'], when);
}
