import { isUtf8 } from 'node:buffer';
import { Fault } from '../../fault.ts';
import { parsePolicy } from '../../policy/parse.ts';
import { compilePattern, matches, type Pattern } from '../../policy/pattern.ts';
import type { Policy, Statement } from '../../policy/policy.ts';
import { bucketActions, objectActions } from './actions.ts';
import { isKnownKey } from './condition-keys.ts';
import { S3Error } from './errors.ts';

/** A policy that may be kept for the bucket. MalformedPolicy with AWS's message; AWS API reference, PutBucketPolicy. */
export function checkedBucketPolicy(
  document: readonly Uint8Array[],
  bucketName: string,
): { readonly text: string; readonly policy: Policy } {
  const text = textOf(Buffer.concat(document));
  const policy = parsed(text);
  for (const statement of policy.statements) checkStatement(statement, bucketName);
  return { text, policy };
}

/** Only what is UTF-8 can be given back byte for byte. */
function textOf(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw malformed('This policy contains invalid Json');
  return bytes.toString('utf8');
}

function parsed(text: string): Policy {
  try {
    return parsePolicy(text, 'resource');
  } catch (failure) {
    if (failure instanceof Fault && failure.subject === 'policy') throw malformed(failure.detail);
    throw failure;
  }
}

const malformed = (message: string): S3Error => new S3Error('MalformedPolicy', { message });

const noValues = (): undefined => undefined;

interface Actions {
  readonly ofBucket: readonly string[];
  readonly ofObjects: readonly string[];
}

function checkStatement({ actions, resources, conditions }: Statement, bucketName: string): void {
  const named = actions.patterns.map(actionsNamed);
  if (named.some(({ ofBucket, ofObjects }) => ofBucket.length + ofObjects.length === 0))
    throw malformed('Policy has invalid action');
  const places = resources.patterns.map((pattern) => placesOf(pattern, bucketName));
  const isBucketMeant = places.some(({ isBucket }) => isBucket);
  const areObjectsMeant = places.some(({ areObjects }) => areObjects);
  // What is left out by NotAction or NotResource need not fit together.
  const isPlain = !actions.isNegated && !resources.isNegated;
  const applies = ({ ofBucket, ofObjects }: Actions): boolean =>
    (isBucketMeant && ofBucket.length > 0) || (areObjectsMeant && ofObjects.length > 0);
  if (isPlain && !named.every(applies))
    throw malformed('Action does not apply to any resource(s) in statement');
  if (conditions.some(({ key }) => !isKnownKey(key))) throw malformed('Policy has an invalid condition key');
  const canList = isBucketMeant && named.some(({ ofBucket }) => ofBucket.some((it) => listing.has(it)));
  if (isPlain && !canList && conditions.some(({ key }) => listingKeys.has(key)))
    throw malformed('Conditions do not apply to combination of actions and resources in statement');
}

const listing: ReadonlySet<string> = new Set([
  's3:listbucket',
  's3:listbucketmultipartuploads',
  's3:listbucketversions',
]);
const listingKeys: ReadonlySet<string> = new Set(['s3:delimiter', 's3:max-keys', 's3:prefix']);

function actionsNamed(pattern: Pattern): Actions {
  const named = (all: ReadonlySet<string>): readonly string[] =>
    [...all].filter((action) => matches(pattern, action, noValues));
  return { ofBucket: named(bucketActions), ofObjects: named(objectActions) };
}

const arnPrefix = 'arn:aws:s3:::';

/** Whether a resource speaks of the bucket, of objects in it, or both. One that cannot is a mistake. */
function placesOf(
  { text }: Pattern,
  bucketName: string,
): { readonly isBucket: boolean; readonly areObjects: boolean } {
  const path = text.startsWith(arnPrefix) ? text.slice(arnPrefix.length) : '';
  const slash = path.indexOf('/');
  const names = compilePattern(slash < 0 ? path : path.slice(0, slash), {
    hasWildcards: true,
    hasVariables: false,
  });
  const isOfBucket = matches(names, bucketName, noValues);
  if (slash >= 0 && isOfBucket) return { isBucket: false, areObjects: path.length > slash + 1 };
  // A star may reach over the slash: `buck*` is the bucket and all that is in it.
  const star = path.indexOf('*');
  const areObjects = star >= 0 && `${bucketName}/`.startsWith(path.slice(0, star));
  if (!isOfBucket && !areObjects) throw malformed('Policy has invalid resource');
  return { isBucket: slash < 0 && isOfBucket, areObjects };
}
