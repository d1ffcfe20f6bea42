import assert from 'node:assert/strict';
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { openRocksdb } from '../../src/kv/rocksdb.ts';
import { kvContract, type Bed } from './contract.ts';
import { between, bytes, openAppending, put, rows, text } from './rows.ts';

async function withDirectory<T>(use: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(path.join(tmpdir(), 'terrace-kv-'));
  try {
    return await use(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

async function openBed(): Promise<Bed> {
  const directory = await mkdtemp(path.join(tmpdir(), 'terrace-kv-'));
  const engine = await openRocksdb(directory);
  return { engine, reopen: () => openRocksdb(directory), dispose: () => rm(directory, { recursive: true }) };
}

kvContract('RocksDB', openBed);

test('rows that need the disk are read by a promise, hot ones at once', () =>
  withDirectory(async (directory) => {
    const first = await openRocksdb(directory);
    for (let index = 0; index < 20; index++) {
      const key = bytes(`k${String(index).padStart(2, '0')}`);
      await first.write([{ key, value: Buffer.alloc(60_000, index) }], true);
    }
    await first.close();
    const engine = await openRocksdb(directory, { blockCacheBytes: 1 });
    const keys = ['k03', 'k99', 'k04'].map(bytes);
    const points = engine.getMany(keys);
    assert(points instanceof Promise);
    assert.deepEqual(
      (await points).map((value) => value?.[0]),
      [3, undefined, 4],
    );
    const options = { reverse: true, entriesMax: 3, bytesMax: 1 << 20 };
    const page = engine.page(between('k', 'l'), options);
    assert(page instanceof Promise);
    assert.deepEqual(
      (await page).entries.map(({ key, value }) => [text(key), value[0]]),
      [
        ['k19', 19],
        ['k18', 18],
        ['k17', 17],
      ],
    );
    await engine.write([{ key: bytes('hot'), value: bytes('1') }], false);
    const hot = engine.getMany([bytes('hot')]);
    assert(!(hot instanceof Promise));
    assert.deepEqual(hot.map(text), ['1']);
    await engine.close();
  }));

test('writes resolve in the order of the calls and the last one of a key wins', () =>
  withDirectory(async (directory) => {
    const engine = await openRocksdb(directory);
    const order: number[] = [];
    const writes = Array.from({ length: 200 }, async (_, index) => {
      await engine.write([{ key: bytes('a'), value: bytes(String(index)) }], index % 3 === 0);
      order.push(index);
    });
    await Promise.all(writes);
    assert.deepEqual(
      order,
      Array.from({ length: 200 }, (_, index) => index),
    );
    assert.deepEqual((await engine.getMany([bytes('a')])).map(text), ['199']);
    await engine.close();
  }));

const failures = [
  {
    name: 'a missing library',
    options: { library: '/nonexistent.so' },
    detail: /cannot load RocksDB from \/nonexistent\.so/,
  },
  { name: 'a directory that cannot be made', directory: '/proc/nowhere/kv', detail: /\/proc\/nowhere\/kv/ },
];
for (const { name, options, directory: given, detail } of failures) {
  // The library is loaded once for a process, so another path for it only counts in a fresh one.
  test(`${name} is a fault with a sentence`, () =>
    withDirectory(async (directory) => {
      const child = start(['open', given ?? directory, options?.library ?? '']);
      const [message] = (await once(child, 'message')) as [{ code: string; text: string }];
      assert.equal(message.code, 'unavailable');
      assert.match(message.text, detail);
      child.kill('SIGKILL');
    }));
}

test('a directory that another process has open is refused in one sentence', () =>
  withDirectory(async (directory) => {
    const engine = await openRocksdb(directory);
    const child = start(['open', directory, '']);
    const [message] = (await once(child, 'message')) as [{ code: string; text: string }];
    assert.equal(message.code, 'unavailable');
    assert(message.text.endsWith(`${directory} is in use by another process`), message.text);
    child.kill('SIGKILL');
    await engine.close();
  }));

test('after SIGKILL under load every acknowledged row is there, and no transaction by halves', () =>
  withDirectory(async (directory) => {
    const acknowledged = new Map<string, number>();
    for (let round = 0; round < 3; round++) {
      const child = start(['write', directory, String(round)]);
      child.on('message', ({ client, count }: { client: string; count: number }) =>
        acknowledged.set(client, count),
      );
      const before = acknowledged.size;
      while (acknowledged.size < before + 16 || Math.max(...acknowledged.values()) < 40)
        await once(child, 'message');
      child.kill('SIGKILL');
      await once(child, 'exit');
      const kv = openAppending(await openRocksdb(directory));
      assert(acknowledged.size >= 16);
      for (const [client, count] of acknowledged) {
        const found = await rows(kv, { range: between(`${client}/`, `${client}0`), pageEntries: 1000 });
        const [left, right] = ['left', 'right'].map(
          (side) => found.filter((row) => row.includes(side)).length,
        );
        assert.equal(left, right, 'both rows of a transaction or neither');
        assert((left ?? 0) >= count, `${client}: ${left} rows, ${count} acknowledged`);
      }
      await kv.close();
    }
  }));

test('RocksDB keeps few log files of its own over many starts', () =>
  withDirectory(async (directory) => {
    const kv = openAppending(await openRocksdb(directory));
    await put(kv, { a: '1' });
    await kv.close();
    for (let count = 0; count < 5; count++) await (await openRocksdb(directory)).close();
    const logs = (await readdir(directory)).filter((name) => name.startsWith('LOG'));
    assert(logs.length <= 3, logs.join());
  }));

test('what RocksDB says about a damaged table reaches the caller as a fault', () =>
  withDirectory(async (directory) => {
    const first = await openRocksdb(directory);
    await first.write([{ key: bytes('a'), value: Buffer.alloc(100_000, 'x') }], true);
    await first.close();
    const reopened = await openRocksdb(directory);
    await reopened.close();
    await damageTables(directory);
    const engine = await openRocksdb(directory);
    await assert.rejects(async () => engine.getMany([bytes('a')]), { code: 'corrupt', subject: 'store' });
    await engine.close();
  }));

async function damageTables(directory: string): Promise<void> {
  const tables = (await readdir(directory)).filter((name) => name.endsWith('.sst'));
  assert(tables.length > 0);
  for (const table of tables) {
    const file = await open(path.join(directory, table), 'r+');
    await file.write(Buffer.alloc(64, 7), 0, 64, 0);
    await file.close();
  }
}

function start(args: readonly string[]): ChildProcess {
  return fork(fileURLToPath(new URL('rocksdb-child.js', import.meta.url)), args, {
    serialization: 'advanced',
  });
}
