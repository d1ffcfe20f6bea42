import type { Time } from '../../environment.ts';
import { abortOf, expirationOf } from '../../lifecycle/due.ts';
import type { Found } from '../../namespace/namespace.ts';
import { encodePercent } from '../../signing/percent.ts';
import { bucketOf, keyBytes } from './members.ts';
import type { S3Context } from './operation.ts';
import { httpDate } from './timestamp.ts';

/** When the object expires and by which rule, for every answer about a current version. AWS API reference, GetObject. */
export async function expirationHeaders(
  context: S3Context,
  key: string,
  { attributes, facet }: Found,
): Promise<readonly string[]> {
  const terms = await context.parts.lifecycle.rules.terms(bucketOf(context));
  if (terms === undefined) return [];
  const { size, mtime: modifiedAt } = attributes;
  const planned = expirationOf(terms, { key: keyBytes(key), size, tags: facet.tags, modifiedAt });
  if (planned === undefined) return [];
  const { atSeconds, rule } = planned;
  return ['x-amz-expiration', `expiry-date="${dateOf(atSeconds)}", rule-id="${headerSafe(rule.id)}"`];
}

/** When an upload is given up unless it is completed before. AWS API reference, CreateMultipartUpload. */
export async function abortHeaders(
  context: S3Context,
  key: string,
  { initiatedAt }: { readonly initiatedAt: Time },
): Promise<readonly string[]> {
  const terms = await context.parts.lifecycle.rules.terms(bucketOf(context));
  const planned = terms && abortOf(terms, { key: keyBytes(key), initiatedAt });
  if (planned === undefined) return [];
  const { atSeconds, rule } = planned;
  return ['x-amz-abort-date', dateOf(atSeconds), 'x-amz-abort-rule-id', headerSafe(rule.id)];
}

const dateOf = (seconds: number): string => httpDate({ seconds, nanoseconds: 0 });

/** What would end the quotes or is no text of a header. */
const unsafe = /[^\x20-\x7e]|["%]/gu;

/** S3 sends ids as they are, spaces too; what a header cannot carry is percent-encoded, as the reference says of all. */
const headerSafe = (id: string): string => id.replace(unsafe, encodePercent);
