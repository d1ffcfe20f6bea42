import assert from 'node:assert/strict';
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { directoryBackend } from '../src/directory.ts';
import { unchanged, type NfsClient } from './support/client.ts';
import { ManualClock } from './support/manual-clock.ts';
import { bytes, temporaryDirectory } from './support/planted.ts';
import { serve } from './support/serve.ts';

interface Served {
  readonly directory: string;
  readonly clock: ManualClock;
  readonly client: NfsClient;
  readonly root: Uint8Array;
  /** The same directory behind another server, as after a restart. */
  readonly restarted: () => Promise<NfsClient>;
}

async function served(context: TestContext): Promise<Served> {
  const directory = await temporaryDirectory(context);
  const clock = new ManualClock();
  const begin = async (): Promise<NfsClient> =>
    (await serve(context, await directoryBackend(directory, { clock }))).client;
  const client = await begin();
  return { directory, clock, client, root: await client.root('/'), restarted: begin };
}

const lookup = async (client: NfsClient, dir: Uint8Array, name: string): Promise<Uint8Array> =>
  Uint8Array.from((await client.ok('LOOKUP', { what: { dir, name: bytes(name) } })).object);

test('handles are good after a restart, also of files in directories that were moved', async (context) => {
  const { directory, client, root, restarted } = await served(context);
  await mkdir(path.join(directory, 'a', 'b'), { recursive: true });
  await writeFile(path.join(directory, 'a', 'b', 'file'), 'content');
  const inner = await lookup(client, await lookup(client, root, 'a'), 'b');
  const file = await lookup(client, inner, 'file');
  await rename(path.join(directory, 'a'), path.join(directory, 'moved'));
  for (const at of [client, await restarted()]) {
    const { data } = await at.ok('READ', { file, offset: 0, count: 100 });
    assert.equal(Buffer.concat(data).toString(), 'content');
    assert.deepEqual(await lookup(at, inner, '..'), await lookup(at, root, 'moved'));
  }
});

test('a handle of a file that another one has replaced is stale', async (context) => {
  const { directory, clock, client, root } = await served(context);
  await writeFile(path.join(directory, 'file'), 'one');
  const file = await lookup(client, root, 'file');
  await writeFile(path.join(directory, 'other'), 'two');
  await rename(path.join(directory, 'other'), path.join(directory, 'file'));
  const statuses = [];
  for (let attempt = 0; attempt < 2; attempt++) {
    statuses.push((await client.call('READ', { file, offset: 0, count: 9 })).status);
    await clock.advance(1000);
  }
  assert.deepEqual(statuses, ['NFS3ERR_STALE', 'NFS3ERR_STALE']);
});

test('nothing outside of the directory can be reached', async (context) => {
  const { directory, client, root } = await served(context);
  const outside = await temporaryDirectory(context);
  await writeFile(path.join(outside, 'secret'), 'secret');
  await mkdir(path.join(directory, 'inside'));
  await symlink(outside, path.join(directory, 'out'));
  await symlink(path.join(outside, 'secret'), path.join(directory, 'leak'));
  assert.deepEqual(await lookup(client, root, '..'), Uint8Array.from(root));
  for (const name of ['../secret', 'out/secret', 'inside/..'])
    assert.equal(
      (await client.call('LOOKUP', { what: { dir: root, name: bytes(name) } })).status,
      'NFS3ERR_ACCES',
      name,
    );
  const leak = await lookup(client, root, 'leak');
  assert.equal((await client.call('READ', { file: leak, offset: 0, count: 9 })).status, 'NFS3ERR_INVAL');
  const out = await lookup(client, root, 'out');
  const what = { dir: out, name: bytes('secret') };
  assert.equal((await client.call('LOOKUP', { what })).status, 'NFS3ERR_NOTDIR');
  const how = { mode: 'UNCHECKED', obj_attributes: { ...unchanged, size: 0 } } as const;
  const over = await client.call('CREATE', { where: { dir: root, name: bytes('leak') }, how });
  assert.equal(over.status, 'NFS3ERR_EXIST');
  for (const asked of ['/out', '/inside/../../x', '/leak'])
    await assert.rejects(client.root(asked), /MNT3ERR_(NOTDIR|INVAL)/, asked);
});

test('a directory that is swapped for a symlink to the outside is not followed', async (context) => {
  const { directory, client, root } = await served(context);
  const outside = await temporaryDirectory(context);
  await writeFile(path.join(outside, 'secret'), 'secret');
  await mkdir(path.join(directory, 'inside'));
  const inside = await lookup(client, root, 'inside');
  await rm(path.join(directory, 'inside'), { recursive: true });
  await symlink(outside, path.join(directory, 'inside'));
  const what = { dir: inside, name: bytes('secret') };
  assert.equal((await client.call('LOOKUP', { what })).status, 'NFS3ERR_STALE');
});

test('an exclusive create succeeds again for its own verifier, also after a restart, until attributes are set', async (context) => {
  const { client, root, restarted } = await served(context);
  const create = async (at: NfsClient, verf: string): Promise<string> => {
    const where = { dir: root, name: bytes('file') };
    return (await at.call('CREATE', { where, how: { mode: 'EXCLUSIVE', verf: bytes(verf) } })).status;
  };
  assert.equal(await create(client, 'verifier'), 'NFS3_OK');
  const again = await restarted();
  assert.deepEqual(
    [await create(again, 'verifier'), await create(again, 'otherone')],
    ['NFS3_OK', 'NFS3ERR_EXIST'],
  );
  const object = await lookup(again, root, 'file');
  const time = { set_it: 'SET_TO_SERVER_TIME' } as const;
  const new_attributes = { ...unchanged, atime: time, mtime: time };
  await again.ok('SETATTR', { object, new_attributes, guard: undefined });
  assert.equal(await create(client, 'verifier'), 'NFS3ERR_EXIST');
});

test('a list of many names comes whole, page by page, while others come and go', async (context) => {
  const { directory, client, root } = await served(context);
  const names = Array.from({ length: 400 }, (_, index) => `name ${index}`);
  for (const name of names) await writeFile(path.join(directory, name), '');
  const seen: string[] = [];
  let cookie = 0;
  for (let isEnd = false, pages = 0; !isEnd; pages++) {
    const { reply, cookieverf } = await client.ok('READDIRPLUS', {
      ...{ dir: root, cookie, cookieverf: new Uint8Array(8), dircount: 1024, maxcount: 8192 },
    });
    assert.equal(Buffer.from(cookieverf).toString('hex'), '0'.repeat(16));
    seen.push(...reply.entries.map((entry) => Buffer.from(entry.name).toString()));
    cookie = reply.entries.at(-1)?.cookie ?? cookie;
    isEnd = reply.eof;
    await writeFile(path.join(directory, `later ${pages}`), '');
    if (pages > 0) await rm(path.join(directory, `later ${pages - 1}`));
  }
  const stayed = seen.filter((name) => name.startsWith('name ')).sort();
  assert.deepEqual(stayed, [...names].sort());
  assert.deepEqual(seen.slice(0, 2), ['.', '..']);
});

test('names that are no UTF-8 go both ways', async (context) => {
  const { client, root } = await served(context);
  const name = Uint8Array.of(0xff, 0x80, 0x41);
  const how = { mode: 'GUARDED', obj_attributes: unchanged } as const;
  await client.ok('CREATE', { where: { dir: root, name }, how });
  const { reply } = await client.ok('READDIR', {
    ...{ dir: root, cookie: 2, cookieverf: new Uint8Array(8), count: 4096 },
  });
  assert.deepEqual(
    reply.entries.map((entry) => Uint8Array.from(entry.name)),
    [name],
  );
});
