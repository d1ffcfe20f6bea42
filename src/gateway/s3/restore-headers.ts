import type { Found } from '../../namespace/namespace.ts';
import type { S3Context } from './operation.ts';
import { httpDate } from './timestamp.ts';

/** Whether content is being brought back, or until when it is. AWS API reference, HeadObject. */
export async function restoreHeaders(
  { parts }: Pick<S3Context, 'parts'>,
  { attributes }: Found,
): Promise<readonly string[]> {
  const status = await parts.restores.statusOf(attributes.ino);
  if (status === undefined) return [];
  const { until } = status;
  if (until === undefined) return ['x-amz-restore', 'ongoing-request="true"'];
  const date = httpDate({ seconds: until, nanoseconds: 0 });
  return ['x-amz-restore', `ongoing-request="false", expiry-date="${date}"`];
}
