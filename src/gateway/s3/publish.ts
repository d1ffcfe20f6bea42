import { Fault } from '../../fault.ts';
import type { Expectation } from '../../namespace/namespace.ts';
import { S3Error } from './errors.ts';
import { bucketOf, keyBytes } from './members.ts';
import type { S3Context } from './operation.ts';

/**
 * Runs a conditional change and gives its failure AWS's name: If-Match on a key that is not there is NoSuchKey, any
 * other condition that does not hold is PreconditionFailed and says which. AWS: "Conditional writes".
 */
export async function publishing<Result>(
  context: S3Context,
  { key, expect }: { readonly key: string; readonly expect: Expectation },
  change: () => Promise<Result>,
): Promise<Result> {
  try {
    return await change();
  } catch (failure) {
    if (!(failure instanceof Fault) || failure.code !== 'precondition-failed') throw failure;
    if (expect.ifMatch === undefined)
      throw new S3Error('PreconditionFailed', { members: { Condition: 'If-None-Match' } });
    const found = await context.parts.objects.head({ bucket: bucketOf(context).ino, key: keyBytes(key) });
    if (found === undefined) throw noSuchKey(key);
    throw new S3Error('PreconditionFailed', { members: { Condition: 'If-Match' } });
  }
}

export const noSuchKey = (key: string, headers: readonly string[] = []): S3Error =>
  new S3Error('NoSuchKey', { members: { Key: key }, headers });
