import { Fault } from '../../fault.ts';
import type { Expectation } from '../../namespace/namespace.ts';
import { S3Error } from './errors.ts';

/**
 * Runs a conditional change and gives its failure AWS's name: If-Match on a key that is not there is NoSuchKey, any
 * other condition that does not hold is PreconditionFailed and says which; where others change the key again and again, it is
 * ConditionalRequestConflict. AWS: "Conditional writes".
 */
export async function publishing<Result>(
  { key, expect }: { readonly key: string; readonly expect: Expectation },
  change: () => Promise<Result>,
): Promise<Result> {
  try {
    return await change();
  } catch (failure) {
    if (!(failure instanceof Fault)) throw failure;
    if (failure.code === 'not-found' && failure.subject === 'object' && expect.ifMatch !== undefined)
      throw noSuchKey(key);
    const isOutrun = failure.code === 'conflict' && failure.subject === 'store';
    if (isOutrun && isConditional(expect)) throw new S3Error('ConditionalRequestConflict');
    throw failure.code === 'precondition-failed' ? failedCondition(failure) : failure;
  }
}

const isConditional = (expect: Expectation): boolean => Object.keys(expect).length > 0;

/** The namespace's faults say which condition it was that did not hold. */
export const failedCondition = ({ detail }: Fault): S3Error =>
  new S3Error('PreconditionFailed', { members: { Condition: detail } });

export const noSuchKey = (key: string, headers: readonly string[] = []): S3Error =>
  new S3Error('NoSuchKey', { members: { Key: key }, headers });
