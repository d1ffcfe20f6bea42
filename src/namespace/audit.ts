import { Fault } from '../fault.ts';
import type { Parts } from './parts.ts';

/** Who wanted to change what, for the log. */
export interface Attempt {
  readonly door: 's3' | 'nfs';
  readonly operation: string;
  /** Of the caller in the tree. */
  readonly uid?: number;
  readonly ino?: number;
  readonly bucket?: number;
  /** Of an object, or a name in a directory; UTF-8 as far as it is. */
  readonly name?: string;
}

/** Leaves a line in the log of every change that object lock refuses: the trail that an auditor asks for. */
export async function audited<Result>(
  { environment }: Pick<Parts, 'environment'>,
  attempt: Attempt,
  work: Promise<Result>,
): Promise<Result> {
  try {
    return await work;
  } catch (failure) {
    if (failure instanceof Fault && failure.code === 'access-denied' && failure.subject === 'version')
      environment.log.warn('object-lock.refused', { ...attempt, why: failure.detail });
    throw failure;
  }
}
