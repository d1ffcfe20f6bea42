import assert from 'node:assert/strict';
import type { BlobId } from '../../src/tiering/blobs.ts';
import type { ObjectFailure } from '../../src/tiering/cold/memory-object-store.ts';
import { BLOB_TABLES, blobKey, decodeDeviceBlob } from '../../src/tiering/hot/blob-records.ts';
import { BLOCK_BYTES, type DeviceExtent } from '../../src/tiering/hot/device.ts';
import type { DeviceOperation } from '../../src/tiering/hot/memory-device.ts';
import type { ShardOperation } from '../../src/tiering/warm/memory-shard-devices.ts';
import { imageOf } from '../namespace/store-image.ts';
import type { FaultyWorld } from './faulty-world.ts';

/** Something that happens to one part of a gateway, for a while or for good. */
export interface PartFault {
  readonly name: string;
  begin(world: FaultyWorld): Promise<void> | void;
  /** The part works again; what is broken for good stays so. */
  end(world: FaultyWorld): void;
  /** What an alert says meanwhile; absent where nobody needs to know. */
  readonly alert?: RegExp;
  /** The process stops, and another one begins when the fault is over. */
  readonly stops?: true;
  /** Other copies answer meanwhile. */
  readonly isHotOnly?: true;
  /** What an alert may go on saying afterwards. */
  readonly leaves?: RegExp;
}

const hot = (
  what: string,
  failing: (operation: DeviceOperation) => boolean | 'ENOSPC',
  more: Partial<PartFault>,
): PartFault => ({
  name: `hot device: ${what}`,
  begin: ({ device }) => device.failWhen(failing),
  end: ({ device }) => device.failWhen(undefined),
  isHotOnly: true,
  ...more,
});

const failing = { alert: /hot device fails/, leaves: /hot device fails/ };

const hotFaults: readonly PartFault[] = [
  hot('EIO on read', (operation) => operation === 'read', {
    ...failing,
    alert: /hot device fails \(\d+ reads/,
  }),
  hot('EIO on write', (operation) => operation === 'write', failing),
  hot('EIO on read and write', (operation) => operation === 'read' || operation === 'write', failing),
  hot('ENOSPC on write', (operation) => operation === 'write' && 'ENOSPC', {}),
  {
    name: 'hot device: a hang',
    isHotOnly: true,
    begin: ({ slow }) => slow.hang(),
    end: ({ slow }) => slow.resume(),
    alert: /hot device has not answered/,
  },
  {
    name: 'hot device: bits flip at rest',
    isHotOnly: true,
    begin: async (world) => {
      for (const { offset } of await copiedExtents(world)) world.device.corrupt(offset + 9, 3);
    },
    end: () => undefined,
    leaves: /hot device fails/,
  },
  {
    name: 'hot device: blocks that fail for good',
    isHotOnly: true,
    begin: async (world) => {
      const bad = new Set((await copiedExtents(world)).map(({ offset }) => offset));
      // Free ones as well.
      for (let count = 0; count < 20; count += 1) {
        bad.add((200 + world.simulation.random.below(200)) * BLOCK_BYTES);
      }
      world.device.failWhen((operation, { offset, length }) => {
        if (operation !== 'read' && operation !== 'write') return false;
        for (let at = offset; at < offset + length; at += BLOCK_BYTES) if (bad.has(at)) return true;
        return false;
      });
    },
    end: () => undefined,
    leaves: /hot device fail/,
  },
];

const warm = (what: string, failure: 'EIO' | 'ENOSPC' | 'EROFS' | 'hang', at: readonly ShardOperation[]) =>
  [1, 2].map((count) => ({
    name: `${count === 1 ? 'a warm device' : 'two warm devices'}: ${what}`,
    begin: (world: FaultyWorld): void => {
      for (let index = 0; index < count; index += 1) {
        world.place(2 * index + 1).failure = (operation) => (at.includes(operation) ? failure : undefined);
      }
    },
    end: (world: FaultyWorld): void => {
      for (let index = 0; index < count; index += 1) world.place(2 * index + 1).failure = undefined;
    },
  }));

const reads: readonly ShardOperation[] = ['read', 'readWhole', 'lengthOf', 'list'];
const all: readonly ShardOperation[] = [...reads, 'put', 'delete', 'space', 'probe'];

const warmFaults: readonly PartFault[] = [
  ...warm('EIO on read', 'EIO', reads),
  ...warm('EIO on write', 'EIO', ['put', 'delete', 'probe']),
  ...warm('ENOSPC', 'ENOSPC', ['put']),
  ...warm('read-only', 'EROFS', ['put', 'delete', 'probe']),
  ...warm('a hang', 'hang', all),
  {
    name: 'a warm device: bits flip at rest',
    begin: flipShards,
    end: () => undefined,
  },
  {
    name: 'two warm devices: torn shards',
    begin: (world) => {
      for (const index of [0, 3]) {
        const place = world.place(index);
        for (const name of place.names()) place.place(name, place.shard(name)!.slice(0, 5000));
      }
    },
    end: () => undefined,
  },
  {
    name: 'a warm device: another medium in its place',
    begin: (world) => world.place(4).lose(),
    end: () => undefined,
    alert: /\/d5 .* is missing/,
    leaves: /\/d5|warm pool/,
  },
];

function flipShards(world: FaultyWorld): void {
  const place = world.place(2);
  for (const name of place.names()) {
    place.corrupt(name, world.simulation.random.below(place.shard(name)!.length), 4);
  }
}

const cold = (what: string, failure: ObjectFailure, share: number, alert?: RegExp): PartFault => ({
  name: `cold store: ${what}`,
  begin: ({ bucket, simulation: { random } }) =>
    bucket.failWhen(() => (random.below(100) < share ? failure : undefined)),
  end: ({ bucket }) => bucket.failWhen(undefined),
  ...(alert && { alert }),
});

const away = /cold store .* out of reach/;

const coldFaults: readonly PartFault[] = [
  cold('gone', 'gone', 100, away),
  cold('answers 500', 'error', 100, away),
  cold('answers 500 now and then', 'error', 30),
  cold('answers 503', 'slow-down', 100),
  cold('answers nothing', 'silence', 100, away),
  cold('answers nothing now and then', 'silence', 20),
  cold('loses its answers', 'lost-answer', 40),
  cold('gives back other bytes', 'corrupt-answer', 30),
  cold('gives back less', 'short-answer', 30),
  cold('keeps other bytes', 'corrupt-write', 30),
  {
    name: 'cold store: bits flip at rest',
    begin: ({ bucket, simulation: { random } }) => {
      for (const key of bucket.keys().filter((it) => !it.endsWith('.json'))) {
        bucket.corrupt(key, random.below(bucket.lying(key).length));
      }
    },
    end: () => undefined,
  },
];

const metadataFaults: readonly PartFault[] = [
  {
    name: 'metadata: EIO on write',
    begin: (world) => void (world.metadataFails = true),
    end: (world) => void (world.metadataFails = false),
    stops: true,
  },
];

export const partFaults: readonly PartFault[] = [
  ...hotFaults,
  ...warmFaults,
  ...coldFaults,
  ...metadataFaults,
];

export function partFault(name: string): PartFault {
  const found = partFaults.find((fault) => fault.name === name);
  assert(
    found !== undefined,
    `no such fault: ${name}; there are ${partFaults.map((it) => it.name).join(', ')}`,
  );
  return found;
}

/** Where hot copies lie whose blobs have another copy below: some of them. */
async function copiedExtents({ stack: { kv, tiering }, simulation }: FaultyWorld): Promise<DeviceExtent[]> {
  const { blobs } = await imageOf(kv);
  const ids = [...blobs.keys()] as BlobId[];
  const places = await tiering.tiers.placesOf(ids);
  const copied = ids.filter((_, index) => {
    const tiers = places[index]?.tiers ?? [];
    return tiers.length > 1 && tiers[0] === 'hot' && simulation.random.below(3) > 0;
  });
  const rows = await kv.getMany(copied.map((id) => blobKey(BLOB_TABLES.device, id)));
  return rows.flatMap((row) => (row === undefined ? [] : [...decodeDeviceBlob(row).extents]));
}
