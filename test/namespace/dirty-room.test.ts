import assert from 'node:assert/strict';
import { test } from 'node:test';
import { peerGroup } from 'nfs-server-ts/peer-address';
import { Trail } from '../../src/audit/trail.ts';
import { openQuotas } from '../../src/namespace/quota/open-quotas.ts';
import { counting } from '../../src/namespace/quota/counting.ts';
import { MemoryEngine } from '../../src/kv/memory.ts';
import { openSequence } from '../../src/kv/sequence.ts';
import {
  DIRTY_BYTES_MAX,
  DIRTY_CLIENT_BYTES_MAX,
  DIRTY_FILE_BYTES_MAX,
  DIRTY_FILES_MAX,
} from '../../src/limits.ts';
import { attributes } from '../../src/namespace/attributes.ts';
import { createBucket } from '../../src/namespace/buckets.ts';
import { create } from '../../src/namespace/create.ts';
import type { Caller, Ino } from '../../src/namespace/namespace.ts';
import { partsOf, type Parts } from '../../src/namespace/parts.ts';
import { read } from '../../src/namespace/read.ts';
import { NO_RULES } from '../../src/namespace/records.ts';
import { remove } from '../../src/namespace/remove.ts';
import { commit, write } from '../../src/namespace/write.ts';
import { writeOut } from '../../src/namespace/write-out.ts';
import { MemoryDevice } from '../../src/tiering/hot/memory-device.ts';
import { referenceCipher } from '../../src/workers/reference-cipher.ts';
import { seededRandom } from '../kv/seeded-random.ts';
import { bytes, openStack, root, silent, TestClock, text } from './world.ts';

const MIB = 1 << 20;
const from = (address: string): Caller => ({ ...root, client: { address, uid: 0 } });

interface Flooded {
  readonly parts: Parts;
  /** Makes a file. */
  readonly file: (name: string) => Promise<Ino>;
  readonly unlink: (name: string) => Promise<unknown>;
  /** What the device is asked to write waits until it is let through, or fails then, or breaks with what is no Fault. */
  readonly device: { let: 'wait' | 'through' | 'break' };
  readonly release: (how: 'through' | 'fail' | 'break') => void;
}

/** A namespace from inside, over a device that hangs when it is told to. */
async function open(): Promise<Flooded> {
  const inner = new MemoryDevice({ bytes: 256 * MIB });
  const device: Flooded['device'] = { let: 'through' };
  let waiting: (() => void)[] = [];
  const gated = {
    traits: inner.traits,
    bytes: () => inner.bytes(),
    async write(...asked: Parameters<typeof inner.write>) {
      if (device.let === 'wait') await new Promise<void>((resolve) => waiting.push(resolve));
      if (device.let === 'break') throw new TypeError('broken');
      return inner.write(...asked);
    },
    read: inner.read.bind(inner),
    flush: inner.flush.bind(inner),
    discard: inner.discard.bind(inner),
    grow: inner.grow.bind(inner),
    close: inner.close.bind(inner),
  };
  const environment = { clock: new TestClock(), random: seededRandom(1), log: silent };
  const stack = await openStack({ engine: new MemoryEngine(), device: gated, environment });
  const { kv, blobs, keyring } = stack;
  const sequence = await openSequence(kv, Buffer.from('\u0001another'), () => assert.fail());
  for (let skipped = 0; skipped < 1000; skipped += 1) sequence.next();
  const encryption = { cipher: referenceCipher(), keyring, defaultEncryption: undefined };
  const trail = await Trail.open({ kv, sequence, environment, groupOf: peerGroup });
  const quotas = await openQuotas(kv, environment);
  const counted = counting(kv, quotas.ledger);
  const parts = partsOf({ kv: counted, blobs, sequence, environment, trail, quotas, ...encryption });
  const bucket = await createBucket(parts, root, { name: 'b', owner: undefined, rules: NO_RULES });
  const place = (name: string) => ({ directory: bucket.ino, name: bytes(name) });
  return {
    parts,
    device,
    file: async (name) => {
      const made = await create(parts, root, place(name), { mode: { how: 'guarded' }, wish: {} });
      return made.attributes.ino;
    },
    unlink: (name) => remove(parts, root, place(name)),
    release(how) {
      inner.failWhen(how === 'fail' ? (operation) => operation === 'write' : undefined);
      device.let = how === 'break' ? 'break' : 'through';
      for (const go of waiting.splice(0)) go();
      waiting = [];
    },
  };
}

/** Everything that needs no device has had its turn. */
async function idle(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

const data = Buffer.alloc(MIB, 'x');

/** Writes `count` MiB to each file at once, without waiting for the answers. */
function flood(
  { parts }: Flooded,
  caller: Caller,
  { files, count }: { files: readonly Ino[]; count: number },
): readonly Promise<unknown>[] {
  return files.flatMap((ino) =>
    [...Array(count).keys()].map((at) =>
      write(parts, caller, ino, { offset: at * MIB, data, stable: false }),
    ),
  );
}

test('a flood waits, holds no more than its bounds, stops nobody else, and arrives whole', async () => {
  const at = await open();
  const { parts, device } = at;
  const { files } = parts;
  const one = await Promise.all(['a', 'b', 'c', 'd', 'e'].map(at.file));
  const other = await Promise.all(['f', 'g', 'h', 'i'].map(at.file));
  device.let = 'wait';
  const writes = flood(at, from('one'), { files: one, count: 17 });
  await idle();
  assert.ok(files.weightOf('one') <= DIRTY_CLIENT_BYTES_MAX, `${files.weightOf('one')} bytes of one client`);
  assert.ok(files.weight > DIRTY_CLIENT_BYTES_MAX / 2);
  assert.ok(files.memory().waiting > 0);
  for (const file of files.all()) assert.ok(file.weight() <= 2 * DIRTY_FILE_BYTES_MAX + MIB);
  // Another client still has room of its own, and only so much.
  const [first] = flood(at, from('other'), { files: other, count: 1 });
  await first;
  const more = flood(at, from('other'), { files: other, count: 10 });
  await idle();
  assert.ok(files.weight + files.reserved <= DIRTY_BYTES_MAX, `${files.weight} bytes of all`);
  // Who reads, looks or makes names does not wait.
  const [ino = 0 as Ino] = one;
  assert.equal((await attributes(parts, ino)).size > 0, true);
  assert.equal(text((await read(parts, root, ino, { offset: 0, length: 3 })).parts), 'xxx');
  await at.file('z');
  at.release('through');
  await Promise.all([...writes, ...more, ...[...one, ...other].map((each) => commit(parts, each))]);
  for (const each of [...one, ...other]) {
    const count = one.includes(each) ? 17 : 10;
    await writeOut(parts, each);
    const { attributes: now, parts: found } = await read(parts, root, each, {
      offset: (count - 1) * MIB,
      length: MIB,
    });
    assert.equal(now.size, count * MIB);
    assert.ok(Buffer.concat(found).equals(data));
  }
  assert.equal(files.weight, 0);
  assert.equal(files.reserved, 0);
  assert.deepEqual(files.memory(), { bytes: 0, files: 0, waiting: 0, waits: files.memory().waits });
});

test('room that is there when a write-out ends in no known fault is given back', async () => {
  const at = await open();
  const { files } = at.parts;
  const inos = await Promise.all(['a', 'b', 'c'].map(at.file));
  const waitForRoom = files.waitForRoom.bind(files);
  let taken = 0;
  // The news of the room comes later than that of the write-out.
  files.waitForRoom = (take) => {
    const { come, leave } = waitForRoom(() => {
      const isTaken = take();
      if (isTaken) taken += 1;
      return isTaken;
    });
    return { come: come.then(idle), leave };
  };
  at.device.let = 'wait';
  const writes = Promise.allSettled(flood(at, from('one'), { files: inos, count: 16 }));
  await idle();
  await at.unlink('a');
  at.release('break');
  assert.ok((await writes).some((each) => each.status === 'rejected' && each.reason instanceof TypeError));
  assert.ok(taken > 0);
  assert.equal(files.reserved, 0);
});

test('a file that is removed gives its room back at once', async () => {
  const at = await open();
  const { files } = at.parts;
  const inos = await Promise.all(['a', 'b', 'c'].map(at.file));
  at.device.let = 'wait';
  const writes = Promise.allSettled(flood(at, from('one'), { files: inos, count: 16 }));
  await idle();
  const before = files.weight;
  assert.ok(files.memory().waiting > 0);
  await at.unlink('a');
  assert.ok(files.weight < before, 'the room of the file is free');
  await idle();
  at.release('through');
  await writes;
  for (const ino of inos) await writeOut(at.parts, ino);
  assert.equal(files.weight, 0);
});

test('stable writes go through while others wait for room', async () => {
  const at = await open();
  const { parts } = at;
  const inos = await Promise.all(['a', 'b', 'c', 'd'].map(at.file));
  const log = await at.file('log');
  at.device.let = 'wait';
  const writes = flood(at, from('one'), { files: inos, count: 16 });
  await idle();
  assert.ok(parts.files.memory().waiting > 0);
  // Short content needs no device.
  await write(parts, from('one'), log, { offset: 0, data: bytes('committed'), stable: true });
  at.release('through');
  await Promise.all(writes);
});

test('while nothing can be written out memory stays bounded, writers are told, and later all is well', async () => {
  const at = await open();
  const { parts } = at;
  const inos = await Promise.all(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map(at.file));
  at.device.let = 'wait';
  const writes = Promise.allSettled([
    ...flood(at, from('one'), { files: inos.slice(0, 4), count: 16 }),
    ...flood(at, from('other'), { files: inos.slice(4), count: 16 }),
  ]);
  await idle();
  at.release('fail');
  const told = await writes;
  assert.ok(told.some(({ status }) => status === 'rejected'));
  assert.ok(parts.files.weight + parts.files.reserved <= DIRTY_BYTES_MAX, `${parts.files.weight} bytes`);
  at.release('through');
  for (const ino of inos) await commit(parts, ino);
  assert.equal(parts.files.weight, 0);
});

test('many short writes far apart count for what they take, and so do many files', async () => {
  const at = await open();
  const { parts } = at;
  const ino = await at.file('a');
  for (let index = 0; index < 1000; index += 1) {
    await write(parts, root, ino, { offset: index * 10, data: bytes('x'), stable: false });
  }
  assert.ok(parts.files.weight > 100_000);
  assert.ok(DIRTY_FILES_MAX * 1024 <= DIRTY_BYTES_MAX);
});
