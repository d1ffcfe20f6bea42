import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import type { Kv } from '../../src/kv/kv.ts';
import { openRocksdb } from '../../src/kv/rocksdb.ts';
import { bytes, everything, openAppending } from './rows.ts';

// Not a test: prints what the store costs on this machine. `node dist/test/kv/measure.js [directory]`

const rowCount = 200_000;
const key = (index: number): Uint8Array => bytes(`dentry/${String(index % 997).padStart(6, '0')}/${index}`);
const keys = Array.from({ length: rowCount }, (_, index) => key(index));
const value = Buffer.alloc(200, 'v');
const randomKey = (): Uint8Array => keys[Math.floor(Math.random() * rowCount)] as Uint8Array;

interface Cost {
  readonly name: string;
  readonly perSecond: number;
  readonly wallMicroseconds: number;
  readonly cpuMicroseconds: number;
}

/** Runs `step` from `callers` callers for about `ms`; costs are those of one step. */
async function measure(
  name: string,
  callers: number,
  step: () => Promise<unknown>,
  ms = 2000,
): Promise<Cost> {
  const cpu = process.cpuUsage();
  const start = performance.now();
  let count = 0;
  const caller = async (): Promise<void> => {
    while (performance.now() - start < ms) {
      await step();
      count += 1;
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  const wall = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  return {
    name,
    perSecond: Math.round((count * 1000) / wall),
    wallMicroseconds: Number(((wall * 1000) / count).toFixed(2)),
    cpuMicroseconds: Number(((user + system) / count).toFixed(2)),
  };
}

async function fill(kv: Kv): Promise<void> {
  for (let from = 0; from < rowCount; from += 1000) {
    await kv.transact('buffered', async (tx) =>
      keys.slice(from, from + 1000).forEach((one) => tx.put(one, value)),
    );
  }
  await kv.sync();
}

const directory = await mkdtemp(path.join(process.argv[2] ?? tmpdir(), 'terrace-kv-'));
const filling = openAppending(await openRocksdb(directory));
await fill(filling);
await filling.close();

const engine = await openRocksdb(directory);
const kv = openAppending(engine, { bounds: { cacheBytesMax: 1 << 20 } });
const costs: Cost[] = [];
const hot = keys.slice(0, 500);
let turn = 0;
const hotKey = (): Uint8Array => hot[turn++ % hot.length] as Uint8Array;
for await (const page of kv.scan(everything, { pageEntries: 1000 })) page.at(0);

costs.push(await measure('get, hot', 1, () => kv.get(hotKey())));
costs.push(
  await measure('get, hot, in transactions of 100', 1, () =>
    kv.transact('durable', async (tx) => {
      for (let count = 0; count < 100; count++) await tx.get(hotKey());
    }),
  ),
);
costs.push(await measure('get, from the engine in memory', 1, () => kv.get(randomKey())));
costs.push(
  await measure('getMany of 10, from the engine in memory', 1, () =>
    kv.getMany(Array.from({ length: 10 }, randomKey)),
  ),
);
costs.push(
  await measure('scan page of 1,000', 1, async () => {
    for await (const page of kv.scan({ start: randomKey(), end: everything.end }, { pageEntries: 1000 }))
      return page.length;
    return 0;
  }),
);
const write = (): Promise<void> =>
  kv.transact('durable', async (tx) => {
    for (let count = 0; count < 10; count++) tx.put(randomKey(), value);
  });
for (const callers of [1, 16, 64])
  costs.push(await measure(`durable transaction of 10 rows, ${callers} callers`, callers, write));
const readWrite = (): Promise<void> =>
  kv.transact('durable', async (tx) => {
    await tx.getMany([hotKey(), randomKey(), randomKey()]);
    for (let count = 0; count < 4; count++) tx.put(randomKey(), value);
    tx.merge(bytes(`counter/${turn++ % 8}`), bytes('!'));
  });
costs.push(await measure('durable transaction, 3 reads, 4 rows, 1 merge, 64 callers', 64, readWrite));
await kv.close();

const cold = openAppending(await openRocksdb(directory, { blockCacheBytes: 1 }), {
  bounds: { cacheBytesMax: 1 },
});
costs.push(await measure('get, by way of an asynchronous read', 1, () => cold.get(randomKey())));
costs.push(await measure('get, by way of an asynchronous read, 16 callers', 16, () => cold.get(randomKey())));
await cold.close();
await rm(directory, { recursive: true });
console.table(costs);
