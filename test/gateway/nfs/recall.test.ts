import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Restores } from '../../../src/storage-policy/restores.ts';
import { put, silent } from '../../namespace/world.ts';
import { archiveWorld, HOUR_MS } from '../archive-world.ts';
import { name, openNfs } from './nfs-world.ts';

test('a READ of what lies in an archive has it brought back, and is JUKEBOX until it is there', async (context) => {
  const world = await archiveWorld();
  const { namespace, clock, tiering, kv } = world;
  const restores = await Restores.open({
    ...{ kv, objects: namespace.objects, tiers: tiering.tiers, wake: () => undefined },
    environment: { clock, log: silent },
    wish: { days: 3, speed: 'Bulk' },
  });
  const wanted = (ino: Parameters<typeof restores.wanted>[0]): void => restores.wanted(ino);
  const { client, top } = await openNfs(context, undefined, { world: () => Promise.resolve(world), wanted });
  const content = 'x'.repeat(1 << 20);
  const bucket = (await namespace.objects.bucket('bucket')) ?? assert.fail();
  const { attributes } = await put(world, bucket, 'f', content);
  await world.archive(attributes.ino);
  const file = (await client.ok('LOOKUP', { what: { dir: top, name: name('f') } })).object;
  const args = { file, offset: 0, count: 4096 };
  const work = async (): Promise<void> => {
    clock.ms += 60_000;
    while ((await restores.step()) === 'busy');
  };
  for (let count = 0; count < 3; count += 1) {
    assert.equal((await client.call('READ', args)).status, 'NFS3ERR_JUKEBOX');
    await work();
  }
  clock.ms += HOUR_MS;
  await work();
  const { data } = await client.ok('READ', args);
  assert.equal(Buffer.concat(data).toString(), content.slice(0, 4096));
  const expected = Math.ceil((clock.ms / 1000 + 3 * 86_400) / 86_400) * 86_400;
  assert.deepEqual(await restores.statusOf(attributes.ino), { until: expected });
});
