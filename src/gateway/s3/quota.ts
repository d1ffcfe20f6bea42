import type { ObjectStore } from '../../namespace/namespace.ts';
import { bucketOf, keyBytes } from './members.ts';
import type { S3Context } from './operation.ts';

/**
 * Refuses what a quota will not take before its content comes (RFC 9110 §10.1.1: instead of 100 Continue), so that nobody
 * sends 5 GiB for nothing. Without a length, which a form has, the end of the content decides.
 */
export async function requireQuota(
  context: S3Context,
  {
    key,
    length,
    part,
  }: Pick<Parameters<ObjectStore['requireQuota']>[1], 'part'> & { key: string; length: number | undefined },
): Promise<void> {
  if (length === undefined) return;
  const at = { bucket: bucketOf(context).ino, key: keyBytes(key), ...(part !== undefined && { part }) };
  await context.parts.objects.requireQuota(context.principal.caller, at, length);
}
