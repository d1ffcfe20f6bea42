import { Fault } from '../../fault.ts';
import type { BucketRules } from '../../namespace/version.ts';
import { actorOf } from './actor.ts';
import { S3Error } from './errors.ts';
import { bucketOf } from './members.ts';
import type { S3Context } from './operation.ts';

/** Changes what holds in the bucket; `refusal` says why it cannot when that is its state. */
export async function changingRules(
  context: S3Context,
  change: Partial<BucketRules>,
  { operation, refusal }: { readonly operation: string; readonly refusal: string },
): Promise<void> {
  const { ino, name } = bucketOf(context);
  try {
    await context.parts.objects.changeBucketRules({ ino, name, by: actorOf(context, operation) }, change);
  } catch (failure) {
    const isOfState = failure instanceof Fault && failure.code === 'conflict' && failure.subject === 'bucket';
    if (!isOfState) throw failure;
    throw new S3Error('InvalidBucketState', { message: refusal });
  }
}
