import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unchanged, type NfsClient } from 'nfs-server-ts/test/support/client';
import { bytes, put } from '../../namespace/world.ts';
import { name, openNfs, type NfsWorld } from './nfs-world.ts';

const STAYING = 1200;
const LISTINGS = 4;
const CHANGES_AT_A_TIME = 6;
const cookieverf = new Uint8Array(8);

const guarded = { mode: 'GUARDED', obj_attributes: { ...unchanged, mode: 0o644 } } as const;
const create = (client: NfsClient, dir: Uint8Array, text: string): Promise<unknown> =>
  client.ok('CREATE', { where: { dir, name: name(text) }, how: guarded });
const rename = (
  client: NfsClient,
  dir: Uint8Array,
  [from, to]: readonly [string, string],
): Promise<unknown> => client.ok('RENAME', { from: { dir, name: name(from) }, to: { dir, name: name(to) } });

/** All names, in replies of at most `maxcount` bytes; each must have a handle and attributes unless it has just gone. */
async function list(client: NfsClient, dir: Uint8Array, maxcount: number): Promise<string[]> {
  const seen: string[] = [];
  let cookie = 0;
  for (let eof = false; !eof;) {
    const ok = await client.ok('READDIRPLUS', { dir, cookie, cookieverf, dircount: maxcount, maxcount });
    const { entries } = ok.reply;
    for (const entry of entries) assert.equal(entry.name_attributes?.fileid, entry.fileid);
    seen.push(...entries.map((entry) => Buffer.from(entry.name).toString()));
    cookie = entries.at(-1)?.cookie ?? cookie;
    ({ eof } = ok.reply);
  }
  return seen;
}

/** Changes the directory until told to stop, by every means that there is: makes and removes names, moves them, takes them over. */
async function change(
  world: NfsWorld,
  dir: Uint8Array,
  { id, isOver }: { id: number; isOver: () => boolean },
): Promise<void> {
  const { client, namespace } = world;
  const bucket = (await namespace.objects.buckets()).find((one) => one.ino === world.bucket);
  assert(bucket !== undefined);
  for (let turn = 0; !isOver(); turn += 1) {
    const mine = `${id}-${turn}`;
    const staying = `stays${(turn * CHANGES_AT_A_TIME + id) % STAYING}`;
    await create(client, dir, `made-${mine}`);
    await put({ namespace }, bucket, `d/object-${mine}`, 'o');
    await rename(client, dir, [`made-${mine}`, `moved-${mine}`]);
    await rename(client, dir, [`moved-${mine}`, staying]);
    await put({ namespace }, bucket, `d/stays${(turn * 7 + id) % STAYING}`, 'replaced');
    const key = bytes(`d/object-${mine}`);
    if (turn % 2 === 0) await namespace.objects.removeKey({ bucket: bucket.ino, key, expect: {} });
    else await client.ok('REMOVE', { object: { dir, name: name(`object-${mine}`) } });
  }
}

test('a listing misses no name that stays and shows none twice, whatever others do to the directory', async (context) => {
  const world = await openNfs(context);
  const { client, top } = world;
  const made = await client.ok('MKDIR', { where: { dir: top, name: name('d') }, attributes: unchanged });
  const dir = made.obj;
  assert(dir !== undefined);
  const staying = Array.from({ length: STAYING }, (_, index) => `stays${index}`);
  await Promise.all(staying.map((text) => create(client, dir, text)));
  let isOver = false;
  const changes = Array.from({ length: CHANGES_AT_A_TIME }, (_, id) =>
    change(world, dir, { id, isOver: () => isOver }),
  );
  const listings = await Promise.all(
    Array.from({ length: LISTINGS }, (_, index) => list(client, dir, 2048 + index * 1500)),
  );
  isOver = true;
  await Promise.all(changes);
  for (const seen of listings) {
    const distinct = new Set(seen);
    assert.equal(distinct.size, seen.length, 'no name is seen twice');
    assert.deepEqual(
      staying.filter((text) => !distinct.has(text)),
      [],
    );
  }
});
