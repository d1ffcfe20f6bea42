import assert from 'node:assert/strict';
import { Type } from '@sinclair/typebox';
import { BODY_SMALL_BYTES_MAX } from '../../../limits/s3.ts';
import type { OpenObject } from '../../../namespace/namespace.ts';
import { Fault } from '../../../fault.ts';
import { lengthOf } from '../chunked.ts';
import { S3Error } from '../errors.ts';
import type { AnswerPiece, AnswerStream, ReadAhead } from '../http.ts';
import { operation, type S3Answer } from '../operation.ts';
import type { ByteRange } from '../ranges.ts';
import { readingKeyOf } from '../customer-key.ts';
import { unlocked } from '../encryption.ts';
import { readingOf, readMembers, type Reading } from '../reading.ts';
import { isArchived } from '../storage-class.ts';
import { missing, versionAt } from '../version.ts';

/** AWS API reference, GetObject. */
export const getObject = operation({
  name: 'GetObject',
  route: { method: 'GET', level: 'object' },
  action: 's3:GetObject',
  input: Type.Object(readMembers.input),
  bindings: readMembers.bindings,
  success: 200,
  async handle(context, input) {
    const { parts } = context;
    const customerKey = readingKeyOf(parts, input);
    const object = await parts.objects.open(versionAt(context, input), customerKey);
    if (object === undefined) throw await missing(context, input);
    try {
      // Here, because behind the header there is no way to say that a key is missing.
      unlocked(parts, object.found.encryption, customerKey);
      return await answer(object, await readingOf(context, object.found, input));
    } catch (failure) {
      await object.close();
      throw archived(failure, object);
    }
  },
});

async function answer(object: OpenObject, { status, range, headers }: Reading): Promise<S3Answer> {
  if (range.length > BODY_SMALL_BYTES_MAX) return { status, headers, body: new ObjectStream(object, range) };
  const parts: Uint8Array[] = [];
  if (range.length > 0) for await (const part of object.read(range.offset, range.length)) parts.push(part);
  await object.close();
  assert.equal(lengthOf(parts), range.length);
  const [first] = parts;
  return { status, headers, body: parts.length === 1 && first !== undefined ? first : Buffer.concat(parts) };
}

/** AWS names the class of what must be restored first. */
function archived(failure: unknown, { found }: OpenObject): unknown {
  if (!(failure instanceof Fault) || failure.code !== 'recall-pending') return failure;
  return new S3Error('InvalidObjectState', { members: { StorageClass: found.facet.storageClass } });
}

async function* piecesOf(parts: AsyncIterable<Uint8Array>): AsyncIterable<AnswerPiece> {
  for await (const part of parts) yield { parts: [part], letGo: () => undefined };
}

/** Reads while it is sent: what the client does not take is not read, but for the first piece. */
class ObjectStream implements AnswerStream {
  readonly #object: OpenObject;
  readonly #range: ByteRange;
  /** What was read at the beginning, and where the rest comes from. */
  #first: AnswerPiece | undefined;
  #rest: AsyncGenerator<AnswerPiece, void> | undefined;

  constructor(object: OpenObject, range: ByteRange) {
    this.#object = object;
    this.#range = range;
  }

  get length(): number {
    return this.#range.length;
  }

  async begin(readAhead: ReadAhead): Promise<void> {
    this.#rest = this.#read(readAhead);
    const { value } = await this.#rest.next().catch((failure: unknown) => {
      throw archived(failure, this.#object);
    });
    assert(value !== undefined, 'content that is streamed is not empty');
    this.#first = value;
  }

  async *pieces(): AsyncIterable<AnswerPiece> {
    const rest = this.#rest;
    assert(rest !== undefined, 'it has begun');
    yield this.#takeFirst();
    yield* rest;
  }

  async close(): Promise<void> {
    this.#first?.letGo();
    this.#first = undefined;
    await this.#rest?.return();
    await this.#object.close();
  }

  /** Nobody here holds it any more while the next pieces come. */
  #takeFirst(): AnswerPiece {
    const first = this.#first;
    assert(first !== undefined, 'it is sent once');
    this.#first = undefined;
    return first;
  }

  /** What is in an archive is not read, also while memory still has it. */
  #lend(offset: number, length: number): AsyncIterable<AnswerPiece> {
    const { found } = this.#object;
    return isArchived(found.facet.storageClass)
      ? piecesOf(this.#object.read(offset, length))
      : this.#object.lend(offset, length);
  }

  async *#read(readAhead: ReadAhead): AsyncGenerator<AnswerPiece, void> {
    const end = this.#range.offset + this.#range.length;
    for (let at = this.#range.offset; at < end;) {
      const aheadBytes = readAhead(end - at);
      const start = at;
      const stop = Math.min(end, start + aheadBytes);
      for await (const piece of this.#lend(start, stop - start)) {
        at += lengthOf(piece.parts);
        yield piece;
        // Memory has become short meanwhile: what was read ahead is given up, and read again.
        if (at < stop && readAhead(end - at) < aheadBytes) break;
      }
      assert(at > start, 'content is as long as its file says');
    }
  }
}
