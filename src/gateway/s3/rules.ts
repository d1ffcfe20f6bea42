import { Fault } from '../../fault.ts';
import type { BucketRules } from '../../namespace/version.ts';
import { S3Error } from './errors.ts';
import { bucketOf } from './members.ts';
import type { S3Context } from './operation.ts';

/** Changes what holds in the bucket; `refusal` says why it cannot when that is its state. */
export async function changingRules(
  context: S3Context,
  change: Partial<BucketRules>,
  refusal: string,
): Promise<void> {
  try {
    await context.parts.objects.changeBucketRules(bucketOf(context), change);
  } catch (failure) {
    if (!(failure instanceof Fault) || failure.code !== 'conflict') throw failure;
    throw new S3Error('InvalidBucketState', { message: refusal });
  }
}
