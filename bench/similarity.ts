import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openStores, type Stores } from './chunk-store.ts';
import { row, type KernelOptions, type KernelRow } from './kernel-rows.ts';
import { noise } from './samples.ts';

/** The content of blobs, in two versions. */
interface Versions {
  readonly name: string;
  readonly before: readonly Uint8Array[];
  readonly after: readonly Uint8Array[];
}

interface Stored {
  /** GB of the later version in a second of CPU. */
  readonly gigabytesPerSecond: number;
  /** What its frames take, of its bytes. */
  readonly share: number;
}

const mebibyte = 1 << 20;
/** A store takes no larger batches. */
const batchBytes = 16 * mebibyte;
/** One line in so many is another one in the later version. */
const linesEach = 150;
/** The same of random bytes, for a few of them. */
const bytesEach = 32_768;
const bytesChanged = 64;
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/**
 * The next version of content that is there: sources as one blob and as one blob a file, and bytes that nothing compresses, each
 * changed everywhere, so that hardly a chunk stays the same. What similarity costs beside a store without it, and what it gains
 * beside zstd -19 --patch-from, which has the whole earlier version in its window.
 */
export async function similarityRows({ seconds }: KernelOptions): Promise<readonly KernelRow[]> {
  const rows: KernelRow[] = [];
  for (const versions of corpora()) {
    const without = await stored(versions, { similarity: 'off', codec: 'lz4' }, seconds);
    const zstd = await stored(versions, { similarity: 'off', codec: 'zstd' }, seconds);
    const similar = await stored(versions, { similarity: 'on', codec: 'lz4' }, seconds);
    const patch = patchShare(versions);
    const others = `LZ4 ${percent(without.share)}, zstd -3 ${percent(zstd.share)}, patch ${patch ?? 'not measured'}`;
    const name = `similarity, ${versions.name}: kept as ${percent(similar.share)} (${others})`;
    rows.push(row(name, similar.gigabytesPerSecond, 'LZ4 alone', without.gigabytesPerSecond));
  }
  return rows;
}

function corpora(): readonly Versions[] {
  const files = readdirSync('src', { recursive: true }).map((file) => path.join('src', String(file)));
  const sources = files.filter((file) => file.endsWith('.ts')).sort();
  const before = sources.map((file) => readFileSync(file));
  const after = before.map((bytes, index) => edited(bytes.toString('latin1'), index));
  const random = noise(8 * mebibyte);
  const changed = Uint8Array.from(random);
  for (let at = 0; at < changed.length; at += bytesEach) {
    changed.set(
      changed.subarray(at, at + bytesChanged).map((byte) => byte ^ 255),
      at,
    );
  }
  return [
    { name: 'sources in one blob', before: [Buffer.concat(before)], after: [Buffer.concat(after)] },
    { name: 'sources, each file a blob', before, after },
    { name: 'random bytes', before: [random], after: [changed] },
  ];
}

const edited = (text: string, file: number): Buffer => {
  const lines = text
    .split('\n')
    .map((line, at) => ((at + file) % linesEach === 7 ? `${line} // ${at}` : line));
  return Buffer.from(lines.join('\n'), 'latin1');
};

async function stored(
  { before, after }: Versions,
  choices: Parameters<typeof openStores>[0],
  seconds: number,
): Promise<Stored> {
  let least = Infinity;
  let share = 0;
  const bytes = lengthOf(after);
  const end = performance.now() + seconds * 1000;
  do {
    const stores = await openStores(choices);
    await putAll(stores, before);
    const live = stores.store.usage().bytesLive;
    const start = process.cpuUsage();
    await putAll(stores, after);
    const { user, system } = process.cpuUsage(start);
    least = Math.min(least, user + system);
    share = (stores.store.usage().bytesLive - live) / bytes;
  } while (performance.now() < end);
  return { gigabytesPerSecond: bytes / least / 1e3, share };
}

async function putAll({ put }: Stores, contents: readonly Uint8Array[]): Promise<void> {
  let batch: Uint8Array[] = [];
  for (const each of contents) {
    if (lengthOf(batch) + each.length > batchBytes) {
      await put(batch);
      batch = [];
    }
    batch.push(each);
  }
  await put(batch);
}

const lengthOf = (parts: readonly Uint8Array[]): number => parts.reduce((sum, part) => sum + part.length, 0);

/** Of the later version, by the program of Zstandard where there is one. */
function patchShare({ before, after }: Versions): string | undefined {
  const folder = mkdtempSync(path.join(tmpdir(), 'terrace-bench-'));
  try {
    const [one, other] = [path.join(folder, 'before'), path.join(folder, 'after')];
    writeFileSync(one, Buffer.concat(before));
    writeFileSync(other, Buffer.concat(after));
    const options = ['-19', '--long=27', '-q', '-c', `--patch-from=${one}`, other];
    const { length } = execFileSync('zstd', options, { maxBuffer: 256 * mebibyte });
    return percent(length / lengthOf(after));
  } catch {
    return undefined;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
