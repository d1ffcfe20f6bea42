import { randomBytes } from 'node:crypto';
import { realEnvironment } from '../src/environment-real.ts';
import { MemoryEngine } from '../src/kv/memory.ts';
import { openOptimistic } from '../src/kv/optimistic.ts';
import { loadNative } from '../src/native.ts';
import { mergeCounts } from '../src/tiering/counts.ts';
import type { BlobId } from '../src/tiering/blobs.ts';
import { packedImage } from '../src/tiering/packed-image.ts';
import type { SegmentId, SegmentStore } from '../src/tiering/segment-store.ts';
import type { ChunkStore, StoredBlob } from '../src/tiering/reduction/chunk-store.ts';
import { openChunkStore } from '../src/tiering/reduction/open-chunk-store.ts';
import { reductionSettings, type ReductionChoices } from '../src/tiering/reduction/settings.ts';
import type { Packed } from '../src/workers/reduction.ts';
import { nativeReduction } from '../src/workers/native-reduction.ts';
import { row, type KernelOptions, type KernelRow } from './kernel-rows.ts';
import { text } from './samples.ts';

const mebibyte = 1 << 20;
const blobs = 16;
const choicesDefault: ReductionChoices = {
  codec: 'lz4',
  level: 3,
  cipher: 'aes-256-gcm',
  similarity: 'off',
  sparsePercent: 50,
  background: 'none',
  backgroundLevel: 3,
  backgroundAfter: 1,
};
const settings = reductionSettings(choicesDefault);

export interface Stores {
  readonly store: ChunkStore;
  /** Makes segments of blobs that share a label. */
  readonly stage: (contents: readonly Uint8Array[]) => Promise<readonly StoredBlob[]>;
  /** Stages them and makes them known. */
  readonly put: (contents: readonly Uint8Array[]) => Promise<void>;
}

let lastId = 0;

/** Keeps what it is given without a copy, so that only the work above it is measured. */
function keptSegments(): SegmentStore {
  const kept = new Map<SegmentId, readonly Uint8Array[]>();
  const none = async (): Promise<never> => {
    throw new Error('not measured');
  };
  return {
    traits: {
      tier: 'warm',
      shape: { data: 4, parity: 2 },
      access: 'immediate',
      imageBytesMax: 2 * mebibyte,
    },
    put: async (id, packed) => void kept.set(id, packedImage(packed).data),
    read: async (id, offset, length) => {
      const shards = kept.get(id) ?? [];
      const shardBytes = shards[0]?.length ?? 0;
      const first = Math.floor(offset / shardBytes);
      const from = offset - first * shardBytes;
      const inOne = shards[first]?.subarray(from, from + length);
      return inOne?.length === length
        ? inOne
        : Buffer.concat(shards.slice(first)).subarray(from, from + length);
    },
    delete: none,
    imageBytes: none,
    list: async function* () {},
    scrub: none,
    recall: none,
    usage: () => ({ bytesTotal: Infinity, bytesFree: Infinity }),
    close: async () => undefined,
  };
}

export async function openStores(choices: Partial<ReductionChoices> = {}): Promise<Stores> {
  const kv = openOptimistic(new MemoryEngine(), { merge: mergeCounts });
  const secret = Buffer.alloc(32, 1);
  const store = await openChunkStore({
    kv,
    environment: realEnvironment({ level: 'silent', format: 'json', write: () => undefined }),
    segments: keptSegments(),
    reduction: nativeReduction(loadNative()),
    dataKeys: { current: () => ({ keyId: 1, secret }), secretOf: () => secret, envelopeOf: () => secret },
    tier: 'warm',
    settings: reductionSettings({ ...choicesDefault, ...choices }),
  });
  const label = Buffer.from('bucket/key');
  const stage: Stores['stage'] = (contents) =>
    store.store(contents.map((bytes) => ({ id: (lastId += 1) as BlobId, bytes, label })));
  const put = async (contents: readonly Uint8Array[]): Promise<void> => {
    for (const stored of await stage(contents)) {
      await kv.transact('durable', (tx) => store.attach(tx, stored));
    }
  };
  return { store, stage, put };
}

/** GB of plain data in a second of CPU, of the round with the least. */
async function leastCpu(
  seconds: number,
  bytes: number,
  round: () => Promise<() => unknown>,
): Promise<number> {
  let least = Infinity;
  const end = performance.now() + seconds * 1000;
  do {
    const work = await round();
    const start = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(start);
    least = Math.min(least, user + system);
  } while (performance.now() < end);
  return bytes / least / 1e3;
}

/** Text of which no two blobs share a line. */
const distinctTexts = (): readonly Uint8Array[] =>
  Array.from({ length: blobs }, (_, blob) => {
    const lines = text(mebibyte)
      .toString('latin1')
      .replaceAll('\n', `\n${blob.toString(36)}`);
    return Buffer.from(lines, 'latin1').subarray(0, mebibyte);
  });

/** Stages alone. */
async function stages(
  seconds: number,
  contents: readonly Uint8Array[],
): Promise<{ readonly cut: number; readonly pack: number; readonly open: number }> {
  const reduction = nativeReduction(loadNative());
  const [secret, label] = [Buffer.alloc(32, 1), Buffer.from('bucket/key')];
  const chunking = {
    ...settings.chunkLengths,
    seed: Buffer.alloc(8),
    fingerprintKey: secret,
    hasSuperFeatures: false,
  };
  const packing = {
    shape: { data: 4, parity: 2 },
    imageBytesMax: 2 * mebibyte,
    id: Buffer.alloc(16),
    generation: 1,
    compression: settings.compression,
    seal: { cipher: 'aes-256-gcm', secret, keyId: 1 },
  } as const;
  const items = contents.map((plain) =>
    Array.from({ length: 16 }, (_, at) => ({
      kind: 'chunk' as const,
      plain: plain.subarray(at << 16, (at + 1) << 16),
      fingerprint: Buffer.alloc(32, at),
      salts: Buffer.alloc(32, at),
      label,
    })),
  );
  const each = <Item>(all: readonly Item[], work: (item: Item) => unknown) =>
    leastCpu(seconds, blobs * mebibyte, async () => () => all.forEach(work));
  return {
    cut: await each(contents, (bytes) => reduction.cut(chunking, bytes)),
    pack: await each(items, (some) => reduction.pack(packing, some)),
    open: await leastCpu(seconds, blobs * mebibyte, async () => {
      const frames = (
        await Promise.all(items.map(async (some) => framesOf(await reduction.pack(packing, some))))
      ).flat();
      return async () => {
        for (const frame of frames) await reduction.open({ secret, base: new Uint8Array() }, frame);
      };
    }),
  };
}

function framesOf(packed: Packed): readonly Uint8Array[] {
  const image = Buffer.concat(packedImage(packed).data);
  return packed.placed.map(({ start, length }) => image.subarray(start, start + length));
}

/** How much of content is unique when it is stored once more with something before each mebibyte. */
async function uniquePercent(contents: readonly Uint8Array[]): Promise<number> {
  const { put, store } = await openStores();
  await put(contents);
  await put(contents.map((bytes) => Buffer.concat([Buffer.from('moved'), bytes])));
  const { bytesUnique, bytesLogical } = store.usage();
  return Math.round((100 * bytesUnique) / bytesLogical);
}

async function readingRow(seconds: number, contents: readonly Uint8Array[]): Promise<number> {
  const { put, store } = await openStores();
  const first = lastId + 1;
  await put(contents);
  return leastCpu(seconds, blobs * mebibyte, async () => async () => {
    for (let at = 0; at < blobs; at += 1) await store.read((first + at) as BlobId, 0, mebibyte);
  });
}

/**
 * What a chunk store adds to its stages: all in one thread, rows and segments in memory, 16 blobs of a mebibyte a batch. The
 * limits are stages alone in the same session, by the CPU that they take, too.
 */
export async function chunkStoreRows({ seconds }: KernelOptions): Promise<readonly KernelRow[]> {
  const texts = distinctTexts();
  const random = texts.map(() => randomBytes(mebibyte));
  const both = (stage: { readonly cut: number; readonly pack: number }): number =>
    1 / (1 / stage.cut + 1 / stage.pack);
  const stored = (contents: readonly Uint8Array[]): Promise<number> =>
    leastCpu(seconds, blobs * mebibyte, async () => {
      const { stage } = await openStores();
      return () => stage(contents);
    });
  const again = await openStores();
  await again.put(random);
  const onceMore = await leastCpu(seconds, blobs * mebibyte, async () => () => again.stage(random));
  const alone = { random: await stages(seconds, random), text: await stages(seconds, texts) };
  const percent = await uniquePercent(texts);
  return [
    row('store, random', await stored(random), 'cut, then pack', both(alone.random)),
    row('store, text', await stored(texts), 'pack', alone.text.pack),
    row('store what is there', onceMore, 'cut', alone.random.cut),
    row(
      `read, text (stored twice, moved: ${percent} % unique)`,
      await readingRow(seconds, texts),
      'open, one after another',
      alone.text.open,
    ),
  ];
}
