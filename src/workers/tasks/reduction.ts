import { Fault, type FaultCode, type FaultSubject } from '../../fault.ts';
import { loadNative } from '../../native.ts';
import { nativeReduction } from '../native-reduction.ts';
import type { Chunk, Chunking, Packed, Packing, PackItem } from '../reduction.ts';

/** What workers of the pool run. Arguments are views of slabs, results are in shared memory: only their addresses travel. */
const reduction = nativeReduction(loadNative(), (bytes) => new Uint8Array(new SharedArrayBuffer(bytes)));

/** A fault loses its class on the way between threads; so it travels as data. */
export type Answer<T> =
  | { readonly value: T }
  | { readonly code: FaultCode; readonly subject: FaultSubject; readonly detail: string };

export interface CutJob {
  readonly chunking: Chunking;
  readonly bytes: Uint8Array;
}

export interface PackJob {
  readonly packing: Packing;
  readonly items: readonly PackItem[];
}

export interface RebuildJob {
  readonly present: readonly Uint8Array[];
  readonly wanted: readonly number[];
}

export const cut = ({ chunking, bytes }: CutJob): Promise<Answer<readonly Chunk[]>> =>
  answered(() => reduction.cut(chunking, bytes));

export const pack = ({ packing, items }: PackJob): Promise<Answer<Packed>> =>
  answered(() => reduction.pack(packing, items));

export const rebuild = ({
  present,
  wanted,
}: RebuildJob): Promise<Answer<readonly Uint8Array[] | undefined>> =>
  answered(() => reduction.rebuild(present, wanted));

async function answered<T>(work: () => T | Promise<T>): Promise<Answer<T>> {
  try {
    return { value: await work() };
  } catch (failure) {
    if (!(failure instanceof Fault)) throw failure;
    const { code, subject, detail } = failure;
    return { code, subject, detail };
  }
}
