import { Fault } from '../../fault.ts';
import { NATIVE_READS_MAX } from '../../limits/tiering.ts';
import { atMost } from '../at-most.ts';
import type { ObjectRun, WholeObject } from '../whole-objects.ts';
import type { NativeParts } from './native-parts.ts';

/** Reads runs of an object in one state. Fault('stale-handle', 'object') when it has another content meanwhile; else faults of the tiers. */
export const objectBytes =
  (parts: Pick<NativeParts, 'wholes' | 'copies'>, object: WholeObject) =>
  async (start: number, end: number): Promise<Uint8Array> => {
    const runs = await parts.wholes.runs(object, { start, end });
    if (runs === undefined) throw overtaken(object);
    const bytes = new Uint8Array(end - start);
    await atMost(NATIVE_READS_MAX, runs, (run) => fill(parts, object, { bytes, start, run }));
    return bytes;
  };

async function fill(
  { wholes, copies }: Pick<NativeParts, 'wholes' | 'copies'>,
  object: WholeObject,
  { bytes, start, run }: { readonly bytes: Uint8Array; readonly start: number; readonly run: ObjectRun },
): Promise<void> {
  const first = Math.max(start, run.offset);
  const end = Math.min(start + bytes.length, run.offset + run.length);
  const unkeep = copies.hot.keep(run.blob);
  try {
    const range = {
      offset: run.blobOffset + first - run.offset,
      length: end - first,
      extent: 'exact',
    } as const;
    bytes.set((await copies.read(run.blob, range)).bytes, first - start);
  } catch (failure) {
    // A blob that nobody needs any more goes while it is read.
    if (failure instanceof Fault && !(await wholes.isCurrent(copies.kv, object))) throw overtaken(object);
    throw failure;
  } finally {
    unkeep();
  }
}

const overtaken = ({ bucket, key }: WholeObject): Fault =>
  new Fault('stale-handle', 'object', `${bucket}/${key} has changed while it was uploaded`);
