import assert from 'node:assert/strict';
import { Type } from '@sinclair/typebox';
import { BODY_SMALL_BYTES_MAX } from '../../../limits.ts';
import type { OpenObject } from '../../../namespace/namespace.ts';
import { lengthOf } from '../chunked.ts';
import { checkReadConditions } from '../conditions.ts';
import { customerKeyMembers, readingKeyOf } from '../customer-key.ts';
import { encryptionHeaders, refuseMethod, unlocked } from '../encryption.ts';
import type { AnswerStream } from '../http.ts';
import {
  bucketOf,
  keyBytes,
  objectMembers,
  readConditionMembers,
  text,
  header,
  query,
  partNumber,
} from '../members.ts';
import { objectHeaders, selectRange, type Selection } from '../object-answer.ts';
import { operation, type S3Answer } from '../operation.ts';
import { noSuchKey } from '../publish.ts';
import type { ByteRange } from '../ranges.ts';
import { checkVersion } from '../version.ts';

/** Members of GetObject and HeadObject alike. */
export const readMembers = {
  input: {
    ...objectMembers.input,
    ...readConditionMembers.input,
    ...customerKeyMembers.input,
    serverSideEncryption: text,
    versionId: text,
    range: text,
    ifRange: text,
    partNumber: Type.Optional(partNumber),
    checksumMode: text,
    responseContentType: text,
    responseContentLanguage: text,
    responseExpires: text,
    responseCacheControl: text,
    responseContentDisposition: text,
    responseContentEncoding: text,
  },
  bindings: {
    ...objectMembers.bindings,
    ...readConditionMembers.bindings,
    ...customerKeyMembers.bindings,
    serverSideEncryption: header('x-amz-server-side-encryption'),
    versionId: query('versionId'),
    range: header('range'),
    ifRange: header('if-range'),
    partNumber: query('partNumber'),
    checksumMode: header('x-amz-checksum-mode'),
    responseContentType: query('response-content-type'),
    responseContentLanguage: query('response-content-language'),
    responseExpires: query('response-expires'),
    responseCacheControl: query('response-cache-control'),
    responseContentDisposition: query('response-content-disposition'),
    responseContentEncoding: query('response-content-encoding'),
  },
} as const;

/** AWS API reference, GetObject. */
export const getObject = operation({
  name: 'GetObject',
  route: { method: 'GET', level: 'object' },
  action: 's3:GetObject',
  input: Type.Object(readMembers.input),
  bindings: readMembers.bindings,
  success: 200,
  async handle(context, input) {
    checkVersion(input.versionId);
    refuseMethod(input.serverSideEncryption);
    const { parts } = context;
    const customerKey = readingKeyOf(parts, input);
    const at = { bucket: bucketOf(context).ino, key: keyBytes(input.key) };
    const object = await parts.objects.open(at, customerKey);
    if (object === undefined) throw noSuchKey(input.key);
    try {
      // Here, because behind the header there is no way to say that a key is missing.
      unlocked(parts, object.found.encryption, customerKey);
      const encryption = encryptionHeaders(parts, object.found.encryption, customerKey);
      const headers = objectHeaders(object.found, input, encryption);
      checkReadConditions(input, object.found, headers.validators);
      const selection = selectRange(object.found, input);
      return await answer(object, selection, headers.all(selection));
    } catch (failure) {
      await object.close();
      throw failure;
    }
  },
});

async function answer(object: OpenObject, selection: Selection, headers: string[]): Promise<S3Answer> {
  const { status, range } = selection;
  if (range.length > BODY_SMALL_BYTES_MAX) return { status, headers, body: new ObjectStream(object, range) };
  const parts: Uint8Array[] = [];
  if (range.length > 0) for await (const part of object.read(range.offset, range.length)) parts.push(part);
  await object.close();
  assert.equal(lengthOf(parts), range.length);
  const [first] = parts;
  return { status, headers, body: parts.length === 1 && first !== undefined ? first : Buffer.concat(parts) };
}

/** Reads while it is sent: what the client does not take is not read. */
class ObjectStream implements AnswerStream {
  readonly #object: OpenObject;
  readonly #range: ByteRange;

  constructor(object: OpenObject, range: ByteRange) {
    this.#object = object;
    this.#range = range;
  }

  get length(): number {
    return this.#range.length;
  }

  pieces(): AsyncIterable<Uint8Array> {
    return this.#object.read(this.#range.offset, this.#range.length);
  }

  close(): Promise<void> {
    return this.#object.close();
  }
}
