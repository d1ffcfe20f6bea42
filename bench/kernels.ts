import { loadNative } from '../src/native.ts';
import { SHARD_HEADER_BYTES } from '../src/workers/segment.ts';
import { nativeReduction } from '../src/workers/native-reduction.ts';
import type { ChunkItem, Packing } from '../src/workers/reduction.ts';
import { chunkStoreRows } from './chunk-store.ts';
import { deviceRows } from './device-io.ts';
import { similarityRows } from './similarity.ts';
import { codecLimit, isalLimit } from './limits.ts';
import { noise, text } from './samples.ts';
import { row, type KernelOptions, type KernelRow } from './kernel-rows.ts';

/** The work of the tiers without servers: `npm run bench -- --only erasure`, `reduction`, `chunks` or `device`. */
export const kernelBenches = {
  erasure: erasureRows,
  reduction: reductionRows,
  device: deviceRows,
  chunks: async (options) => [...(await chunkStoreRows(options)), ...(await similarityRows(options))],
} as const satisfies Readonly<Record<string, (options: KernelOptions) => KernelRows | Promise<KernelRows>>>;

type KernelRows = readonly KernelRow[];

const mebibyte = 1 << 20;

function fastest(seconds: number, bytes: number, work: () => unknown): number {
  let least = Infinity;
  const end = performance.now() + seconds * 1000;
  do {
    const start = performance.now();
    work();
    least = Math.min(least, performance.now() - start);
  } while (performance.now() < end);
  return bytes / least / 1e6;
}

function copied(seconds: number, bytes: number): number {
  const [source, target] = [Buffer.alloc(bytes, 1), Buffer.alloc(bytes)];
  return fastest(seconds, bytes, () => source.copy(target));
}

function erasureRows({ seconds, isal }: KernelOptions): readonly KernelRow[] {
  const addon = loadNative();
  const copy = copied(seconds, 2 * mebibyte);
  return [
    { data: 4, parity: 2 },
    { data: 10, parity: 4 },
  ].flatMap((shape) => {
    const { data, parity } = shape;
    const shardBytes = Math.floor((2 * mebibyte) / data / 64) * 64;
    const plain = noise(shardBytes * data);
    const shards = Array.from({ length: data }, (_, at) =>
      plain.subarray(at * shardBytes, (at + 1) * shardBytes),
    );
    const indexes = (from: number, count: number): Uint8Array =>
      Uint8Array.from({ length: count }, (_, at) => from + at);
    const made = indexes(0, parity).reduce<Uint8Array[]>((all) => [...all, new Uint8Array(shardBytes)], []);
    const decode = (present: Uint8Array, sources: readonly Uint8Array[], wanted: Uint8Array): number =>
      fastest(seconds, plain.length, () => addon.erasureDecode(shape, present, sources, wanted, made));
    const encode = decode(indexes(0, data), shards, indexes(data, parity));
    const all = [...shards, ...made.map((shard) => Uint8Array.from(shard))];
    const verify = fastest(seconds, plain.length, () => addon.erasureVerify(shape, all));
    const lost = decode(indexes(parity, data), all.slice(parity), indexes(0, parity));
    const isaL = isal === undefined ? undefined : isalLimit(isal, { ...shape, shardBytes });
    const title = `${data}+${parity}, 2 MiB`;
    return [
      row(`encode ${title}`, encode, 'ISA-L', isaL?.encode),
      row(`decode ${parity} lost of ${title}`, lost, 'ISA-L', isaL?.decode),
      row(`encode ${title}`, encode, 'memory copy', copy),
      row(`verify ${title}`, verify, 'memory copy', copy),
    ];
  });
}

const chunkBytes = 65_536;
const secret = Buffer.alloc(32, 1);

const packing = (codec: Packing['compression']['codec'], level: number): Packing => ({
  shape: { data: 4, parity: 2 },
  imageBytesMax: 2 * mebibyte,
  id: Buffer.alloc(16),
  generation: 1,
  compression: { codec, level },
  seal: { cipher: 'aes-256-gcm', secret, keyId: 1 },
});

const itemsOf = (plain: Uint8Array): readonly ChunkItem[] =>
  Array.from({ length: Math.floor(plain.length / chunkBytes) }, (_, at) => ({
    kind: 'chunk',
    plain: plain.subarray(at * chunkBytes, (at + 1) * chunkBytes),
    fingerprint: Buffer.alloc(32, at),
    salts: Buffer.alloc(32, at),
    label: Buffer.from('bucket/key'),
  }));

function reductionRows({ seconds }: KernelOptions): readonly KernelRow[] {
  const reduction = nativeReduction(loadNative());
  const sample = text(mebibyte);
  const random = noise(mebibyte);
  const copy = copied(seconds, mebibyte);
  const chunking = {
    bytesMin: 32_768,
    bytesAverage: 65_536,
    bytesMax: 524_288,
    seed: Buffer.alloc(8),
    fingerprintKey: secret,
    hasSuperFeatures: false,
  };
  const cut = fastest(seconds, mebibyte, () => reduction.cut(chunking, random));
  const packed = (settings: Packing, plain: Uint8Array): number => {
    const items = itemsOf(plain);
    return fastest(seconds, mebibyte, () => reduction.pack(settings, items));
  };
  const limits = { lz4: codecLimit('lz4', 1, { bytes: sample, blockBytes: chunkBytes }) };
  const levels = [1, 3].map((level) => ({
    level,
    limit: codecLimit('zstd', level, { bytes: sample, blockBytes: chunkBytes }),
  }));
  return [
    row('cut and fingerprint, 1 MiB', cut, 'memory copy', copy),
    row('pack, random, AES, 4+2', packed(packing('lz4', 1), random), 'memory copy', copy),
    row('pack, text, LZ4, AES, 4+2', packed(packing('lz4', 1), sample), 'lz4 -b1', limits.lz4?.compress),
    ...levels.map(({ level, limit }) =>
      row(
        `pack, text, zstd ${level}, AES, 4+2`,
        packed(packing('zstd', level), sample),
        `zstd -b${level}`,
        limit?.compress,
      ),
    ),
    row('open 64 KiB, text, LZ4, AES', openedAt(seconds, 'lz4', sample), 'lz4 -b1', limits.lz4?.decompress),
    row(
      'open 64 KiB, text, zstd 3, AES',
      openedAt(seconds, 'zstd', sample),
      'zstd -b3',
      levels[1]?.limit?.decompress,
    ),
    row('open 64 KiB, random, AES', openedAt(seconds, 'plain', random), 'memory copy', copy),
  ];
}

/** The first frame of a segment, again and again, on the thread that asks. */
function openedAt(seconds: number, codec: Packing['compression']['codec'], plain: Uint8Array): number {
  const addon = loadNative();
  const packed = nativeReduction(addon).pack(packing(codec, 3), itemsOf(plain));
  if (packed instanceof Promise) throw new Error('the native one packs at once');
  const length = packed.placed[0]?.length ?? 0;
  const frame = packed.shards[0]?.subarray(SHARD_HEADER_BYTES, SHARD_HEADER_BYTES + length);
  if (frame === undefined) throw new Error('nothing was packed');
  const [none, target] = [new Uint8Array(), new Uint8Array(chunkBytes)];
  return fastest(seconds, chunkBytes, () => addon.openFrame(secret, none, frame, target));
}
