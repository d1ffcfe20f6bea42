import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryBackend } from '../src/memory.ts';
import { unchanged } from './support/client.ts';
import { serve } from './support/serve.ts';

const dirpath = (text: string): { dirpath: Uint8Array } => ({ dirpath: Buffer.from(text) });
test('MNT gives the handle of an export and of a directory below it', async (context) => {
  const { client } = await serve(context);
  const root = await client.root('/');
  const made = await client.ok('MKDIR', {
    where: { dir: root, name: Buffer.from('below') },
    attributes: unchanged,
  });
  assert.deepEqual(await client.root('/below'), made.obj);
  const result = await client.mount('MNT', dirpath('/'));
  assert.deepEqual(result.status === 'MNT3_OK' && result.ok.auth_flavors, [1, 0]);
});

test('MNT of what is not there, or is no directory, says so', async (context) => {
  const { client } = await serve(context);
  const dir = await client.root('/');
  await client.ok('CREATE', {
    where: { dir, name: Buffer.from('file') },
    how: { mode: 'GUARDED', obj_attributes: unchanged },
  });
  assert.deepEqual(await client.mount('MNT', dirpath('/none')), { status: 'MNT3ERR_NOENT' });
  assert.deepEqual(await client.mount('MNT', dirpath('/file')), { status: 'MNT3ERR_NOTDIR' });
});

test('DUMP lists what was mounted until it is unmounted', async (context) => {
  const { client } = await serve(context);
  const dump = async (): Promise<string[]> =>
    (await client.mount('DUMP', {})).map(
      (line) => `${Buffer.from(line.ml_hostname).toString()} ${Buffer.from(line.ml_directory).toString()}`,
    );
  await client.root('/');
  await client.root('//');
  await client.root('/');
  assert.deepEqual(await dump(), ['127.0.0.1 /', '127.0.0.1 //']);
  await client.mount('UMNT', dirpath('//'));
  assert.deepEqual(await dump(), ['127.0.0.1 /']);
  await client.mount('UMNTALL', {});
  assert.deepEqual(await dump(), []);
});

test('a refused MNT is not listed, and the list is bounded', async (context) => {
  const { client } = await serve(context, memoryBackend(), { limits: { mountEntriesMax: 3 } });
  await client.mount('MNT', dirpath('/none'));
  for (let count = 1; count < 10; count++) await client.root('/'.repeat(count));
  const dumped = await client.mount('DUMP', {});
  assert.deepEqual(
    dumped.map((line) => line.ml_directory.length),
    [7, 8, 9],
  );
});

test('EXPORT lists the exports', async (context) => {
  const { client } = await serve(context);
  const exports = await client.mount('EXPORT', {});
  assert.deepEqual(
    exports.map(({ ex_dir, ex_groups }) => [Buffer.from(ex_dir).toString(), ex_groups.length]),
    [['/', 0]],
  );
});
