import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import fc from 'fast-check';
import { procedures } from '../src/nfs3.ts';
import { fitReaddir, fitReaddirplus } from '../src/readdir.ts';
import { XdrWriter } from '../src/xdr.ts';
import { unchanged, type NfsClient } from './support/client.ts';
import { serve } from './support/serve.ts';

const cookieverf = new Uint8Array(8);
async function plant(
  context: TestContext,
  count: number,
): Promise<{ client: NfsClient; dir: Uint8Array; names: string[] }> {
  const { client } = await serve(context);
  const dir = await client.root('/');
  const names = Array.from({ length: count }, (_, index) => `${'n'.repeat(index % 50)}${index}`);
  await Promise.all(
    names.map((text) =>
      client.ok('MKDIR', { where: { dir, name: Buffer.from(text) }, attributes: unchanged }),
    ),
  );
  return { client, dir, names };
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

function bytesOf(name: 'READDIR' | 'READDIRPLUS', ok: unknown): number {
  const writer = new XdrWriter();
  writer.begin();
  (procedures[name].resok as { write(to: XdrWriter, value: unknown): void }).write(writer, ok);
  return 4 + writer.length;
}

test('READDIR pages through a directory, each reply within count', async (context) => {
  const { client, dir, names } = await plant(context, 200);
  const seen: string[] = [];
  let cookie = 0;
  for (let eof = false; !eof;) {
    const ok = await client.ok('READDIR', { dir, cookie, cookieverf, count: 1000 });
    assert.equal(bytesOf('READDIR', ok) <= 1000, true);
    seen.push(...ok.reply.entries.map((entry) => text(entry.name)));
    cookie = ok.reply.entries.at(-1)!.cookie;
    ({ eof } = ok.reply);
  }
  assert.deepEqual(seen, ['.', '..', ...names]);
});

test('READDIRPLUS pages within maxcount and dircount, with attributes and handles', async (context) => {
  const { client, dir, names } = await plant(context, 200);
  const seen: string[] = [];
  let cookie = 0;
  for (let eof = false; !eof;) {
    const ok = await client.ok('READDIRPLUS', { dir, cookie, cookieverf, dircount: 400, maxcount: 4000 });
    assert.equal(bytesOf('READDIRPLUS', ok) <= 4000, true);
    const dirBytes = ok.reply.entries.reduce((sum, { name }) => sum + 20 + ((name.length + 3) & ~3), 0);
    assert.equal(dirBytes <= 400, true);
    for (const entry of ok.reply.entries) assert.equal(entry.name_attributes!.fileid, entry.fileid);
    seen.push(...ok.reply.entries.map((entry) => text(entry.name)));
    cookie = ok.reply.entries.at(-1)!.cookie;
    ({ eof } = ok.reply);
  }
  assert.deepEqual(seen, ['.', '..', ...names]);
});

test('a cookie stays good when its entry is gone', async (context) => {
  const { client, dir, names } = await plant(context, 20);
  const { reply } = await client.ok('READDIR', { dir, cookie: 0, cookieverf, count: 500 });
  const last = reply.entries.at(-1)!;
  await client.ok('RMDIR', { object: { dir, name: last.name } });
  const rest = await client.ok('READDIR', { dir, cookie: last.cookie, cookieverf, count: 4096 });
  const got = [...reply.entries, ...rest.reply.entries].map((entry) => text(entry.name));
  assert.deepEqual(got, ['.', '..', ...names]);
});

test('a count that holds no entry is TOOSMALL', async (context) => {
  const { client, dir } = await plant(context, 1);
  assert.equal(
    (await client.call('READDIR', { dir, cookie: 0, cookieverf, count: 100 })).status,
    'NFS3ERR_TOOSMALL',
  );
  const plus = { dir, cookie: 0, cookieverf, dircount: 1000, maxcount: 200 };
  assert.equal((await client.call('READDIRPLUS', plus)).status, 'NFS3ERR_TOOSMALL');
});

test('a dircount of nothing still gives one entry', async (context) => {
  const { client, dir } = await plant(context, 5);
  const { reply } = await client.ok('READDIRPLUS', {
    dir,
    cookie: 0,
    cookieverf,
    dircount: 0,
    maxcount: 4096,
  });
  assert.equal(reply.entries.length, 1);
});

const listedName = fc.uint8Array({ minLength: 1, maxLength: 255 }).map((name) => ({ name }));
const attributesFull = {
  ...{ type: 'NF3REG', mode: 0, nlink: 1, uid: 0, gid: 0, size: 0, used: 0 },
  ...{ rdev: { specdata1: 0, specdata2: 0 }, fsid: 1, fileid: 1 },
  ...{
    atime: { seconds: 0, nseconds: 0 },
    mtime: { seconds: 0, nseconds: 0 },
    ctime: { seconds: 0, nseconds: 0 },
  },
} as const;

test('as many entries are chosen as fit to the byte, never more', () =>
  fc.assert(
    fc.property(fc.array(listedName, { maxLength: 30 }), fc.nat({ max: 6000 }), (entries, count) => {
      const ok = (fitting: number): unknown => ({
        dir_attributes: attributesFull,
        cookieverf,
        reply: {
          entries: entries.slice(0, fitting).map(({ name }) => ({ fileid: 1, name, cookie: 3 })),
          eof: true,
        },
      });
      const fitting = fitReaddir(entries, { count });
      if (fitting > 0) assert.equal(bytesOf('READDIR', ok(fitting)) <= count, true);
      if (fitting < entries.length) assert.equal(bytesOf('READDIR', ok(fitting + 1)) > count, true);
    }),
  ));

test('READDIRPLUS: as many entries are chosen as fit to the byte, never more', () =>
  fc.assert(
    fc.property(fc.array(listedName, { maxLength: 30 }), fc.nat({ max: 9000 }), (entries, maxcount) => {
      const name_handle = new Uint8Array(29);
      const ok = (fitting: number): unknown => ({
        dir_attributes: attributesFull,
        cookieverf,
        reply: {
          entries: entries.slice(0, fitting).map(({ name }) => ({
            fileid: 1,
            name,
            cookie: 3,
            name_attributes: attributesFull,
            name_handle,
          })),
          eof: true,
        },
      });
      const fitting = fitReaddirplus(entries, { dircount: 1e6, maxcount, handleLength: 29 });
      if (fitting > 0) assert.equal(bytesOf('READDIRPLUS', ok(fitting)) <= maxcount, true);
      if (fitting < entries.length) assert.equal(bytesOf('READDIRPLUS', ok(fitting + 1)) > maxcount, true);
    }),
  ));
