import { Type, type Static } from '@sinclair/typebox';
import { Fault } from '../../../fault.ts';
import type { Expectation } from '../../../namespace/namespace.ts';
import { etagsOf, secondsOf } from '../conditions.ts';
import { invalidArgument } from '../errors.ts';
import { bucketOf, header, keyBytes, objectMembers, readConditionMembers, text } from '../members.ts';
import { operation } from '../operation.ts';
import { decodePercent } from '../../../signing/percent.ts';
import { failedCondition, noSuchKey } from '../publish.ts';

const input = Type.Object({
  ...objectMembers.input,
  ...readConditionMembers.input,
  renameSource: Type.String({ minLength: 1 }),
  sourceIfMatch: text,
  sourceIfNoneMatch: text,
  sourceIfModifiedSince: text,
  sourceIfUnmodifiedSince: text,
  clientToken: Type.Optional(
    Type.String({
      pattern: '^[\\x21-\\x7e]{1,64}$',
      s3: { message: 'Invalid x-amz-client-token header.', argument: 'x-amz-client-token' },
    }),
  ),
});

/**
 * AWS API reference, RenameObject. AWS has it for directory buckets; here it is there for every bucket. Content and
 * everything known about the object stay as they are, also its time of modification.
 */
export const renameObject = operation({
  name: 'RenameObject',
  route: { method: 'PUT', level: 'object', query: { renameObject: true } },
  action: 's3:PutObject',
  input,
  bindings: {
    ...objectMembers.bindings,
    ...readConditionMembers.bindings,
    renameSource: header('x-amz-rename-source'),
    sourceIfMatch: header('x-amz-rename-source-if-match'),
    sourceIfNoneMatch: header('x-amz-rename-source-if-none-match'),
    sourceIfModifiedSince: header('x-amz-rename-source-if-modified-since'),
    sourceIfUnmodifiedSince: header('x-amz-rename-source-if-unmodified-since'),
    clientToken: header('x-amz-client-token'),
  },
  success: 200,
  async handle(context, wish) {
    const from = sourceKey(wish);
    const { objects } = context.parts;
    try {
      await objects.renameKey(context.principal.caller, bucketOf(context).ino, {
        from: { key: keyBytes(from), expect: sourceExpectation(wish) },
        to: { key: keyBytes(wish.key), expect: expectation(wish) },
        token: wish.clientToken,
      });
    } catch (failure) {
      throw refusal(failure, from);
    }
    return { headers: [] };
  },
});

/**
 * The key, percent-encoded, with or without a slash before it. AWS User Guide, "Renaming objects in directory buckets": keys
 * that end in a slash are not renamed.
 */
function sourceKey({ renameSource, key }: Static<typeof input>): string {
  const decoded = decodePercent(renameSource.startsWith('/') ? renameSource.slice(1) : renameSource);
  if (decoded === '' || decoded.endsWith('/') || key.endsWith('/'))
    throw invalidArgument(
      'The source and the destination of a rename must be keys that do not end in a slash.',
      'x-amz-rename-source',
      renameSource,
    );
  return decoded;
}

/** Conditions as the namespace checks them; dates that are none are ignored, as by RFC 9110 §13.1.3. */
function expectation(conditions: {
  readonly ifMatch?: string;
  readonly ifNoneMatch?: string;
  readonly ifModifiedSince?: string;
  readonly ifUnmodifiedSince?: string;
}): Expectation {
  const { ifMatch, ifNoneMatch } = conditions;
  const after = secondsOf(conditions.ifModifiedSince ?? '');
  const before = secondsOf(conditions.ifUnmodifiedSince ?? '');
  return {
    ...(ifMatch === undefined ? {} : { ifMatch: etagsOf(ifMatch) }),
    ...(ifNoneMatch === undefined ? {} : { ifNoneMatch: etagsOf(ifNoneMatch) }),
    ...(Number.isNaN(after) ? {} : { ifModifiedSince: after }),
    ...(Number.isNaN(before) ? {} : { ifUnmodifiedSince: before }),
  };
}

const sourceExpectation = (wish: Static<typeof input>): Expectation =>
  expectation({
    ...(wish.sourceIfMatch === undefined ? {} : { ifMatch: wish.sourceIfMatch }),
    ...(wish.sourceIfNoneMatch === undefined ? {} : { ifNoneMatch: wish.sourceIfNoneMatch }),
    ...(wish.sourceIfModifiedSince === undefined ? {} : { ifModifiedSince: wish.sourceIfModifiedSince }),
    ...(wish.sourceIfUnmodifiedSince === undefined
      ? {}
      : { ifUnmodifiedSince: wish.sourceIfUnmodifiedSince }),
  });

function refusal(failure: unknown, from: string): unknown {
  if (!(failure instanceof Fault)) return failure;
  if (failure.code === 'precondition-failed') return failedCondition(failure);
  return failure.code === 'not-found' && failure.subject === 'object' ? noSuchKey(from) : failure;
}
