import { fileURLToPath } from 'node:url';
import type { Piscina } from 'piscina';
import { Fault } from '../fault.ts';
import { POOL_IDLE_MS_MAX, POOL_JOB_BYTES_MIN, POOL_JOBS_WAITING_MAX } from '../limits.ts';
import type { Closable } from '../scope.ts';
import type { PackItem, Reduction } from './reduction.ts';
import { isShared, Slabs, type Slab } from './slabs.ts';
import type * as tasks from './tasks/reduction.ts';

export interface PoolOptions {
  /** Workers at most; they start when there is work and end when there is none. */
  readonly threads: number;
  /** What does small work, on the thread of the caller. */
  readonly inline: Reduction;
}

type Task = 'cut' | 'pack' | 'rebuild';
type Value<K extends Task> = Extract<Awaited<ReturnType<(typeof tasks)[K]>>, { value: unknown }>['value'];

/**
 * `Reduction` on worker threads: jobs of `POOL_JOB_BYTES_MIN` and more, each one native call there. Their input is copied
 * into a slab of shared memory, unless it is shared memory already; their results are shared memory of their own, which
 * belongs to the caller. As many jobs as there are threads run, a few wait with their input laid out, further callers
 * wait before theirs is: so memory is bounded. `close` waits for what runs.
 */
export function reductionPool({ threads, inline }: PoolOptions): Reduction & Closable {
  let pool: Promise<Piscina> | undefined;
  const slabs = new Slabs(threads * (1 + POOL_JOBS_WAITING_MAX));
  const run = async <K extends Task>(
    name: K,
    inputs: readonly Uint8Array[],
    job: (slab: Slab) => Parameters<(typeof tasks)[K]>[0],
  ): Promise<Value<K>> =>
    slabs.with(bytesToCopy(inputs), async (slab) => {
      const piscina = await (pool ??= openPool(threads));
      const answer = (await piscina.run(job(slab), { name })) as tasks.Answer<Value<K>>;
      if ('value' in answer) return answer.value;
      throw new Fault(answer.code, answer.subject, answer.detail);
    });
  return {
    ...inline,
    cut: (chunking, bytes) =>
      bytes.length < POOL_JOB_BYTES_MIN
        ? inline.cut(chunking, bytes)
        : run('cut', [bytes], (slab) => ({ chunking: plainCopy(chunking), bytes: slab.share(bytes) })),
    pack: (packing, items) => {
      const inputs = items.flatMap(inputsOf);
      if (lengthOf(inputs) < POOL_JOB_BYTES_MIN) return inline.pack(packing, items);
      return run('pack', inputs, (slab) => ({
        packing: plainCopy(packing),
        items: items.map((item) => sharedItem(slab, item)),
      }));
    },
    rebuild: (present, wanted) =>
      lengthOf(present) < POOL_JOB_BYTES_MIN
        ? inline.rebuild(present, wanted)
        : run('rebuild', present, (slab) => ({ present: present.map((it) => slab.share(it)), wanted })),
    close: async () => (await pool)?.close(),
  };
}

/** The library is read here, at the first large job: a gateway without lower tiers starts sooner. */
async function openPool(threads: number): Promise<Piscina> {
  const { Piscina } = await import('piscina');
  return new Piscina({
    filename: fileURLToPath(new URL('./tasks/reduction.js', import.meta.url)),
    minThreads: 0,
    maxThreads: threads,
    idleTimeout: POOL_IDLE_MS_MAX,
    recordTiming: false,
  });
}

/** A piece of a larger buffer takes all of that along when it is cloned; so small ones are copied out first. */
function plainCopy<T extends object>(settings: T): T {
  const entries = Object.entries(settings).map(([name, value]: [string, unknown]): [string, unknown] => {
    if (value instanceof Uint8Array) return [name, Uint8Array.from(value)];
    return [name, typeof value === 'object' && value !== null ? plainCopy(value) : value];
  });
  return Object.fromEntries(entries) as T;
}

/** All byte strings of an item, in the order in which `sharedItem` takes them. */
function inputsOf(item: PackItem): readonly Uint8Array[] {
  if (item.kind === 'frame') return [item.bytes];
  const { plain, fingerprint, salts, label, base } = item;
  return [plain, fingerprint, salts, label, ...(base === undefined ? [] : [base.plain, base.fingerprint])];
}

function sharedItem(slab: Slab, item: PackItem): PackItem {
  if (item.kind === 'frame') return { kind: 'frame', bytes: slab.share(item.bytes) };
  const { kind, plain, fingerprint, salts, label, base } = item;
  const shared = {
    kind,
    plain: slab.share(plain),
    fingerprint: slab.share(fingerprint),
    salts: slab.share(salts),
    label: slab.share(label),
  };
  if (base === undefined) return shared;
  return {
    ...shared,
    base: { plain: slab.share(base.plain), fingerprint: slab.share(base.fingerprint) },
  };
}

const lengthOf = (parts: readonly Uint8Array[]): number => parts.reduce((sum, part) => sum + part.length, 0);

const bytesToCopy = (parts: readonly Uint8Array[]): number =>
  lengthOf(parts.filter((part) => !isShared(part)));
