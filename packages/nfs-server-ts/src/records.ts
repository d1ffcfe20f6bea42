import { lastFragment, markBytes } from './rpc.ts';
import { XdrReader } from './xdr.ts';
import type { ServerLimits } from './limits.ts';

/** The peer does not keep to record marking (RFC 5531 §11): there is no telling where its next message begins. */
export class RecordError extends Error {
  override readonly name = 'RecordError';
}

const noBytes = new Uint8Array(0);
const noView: DataView = new DataView(noBytes.buffer);

/**
 * Cuts a byte stream into records. Pull, not push: who stops pulling leaves the rest unparsed, so calls wait where they are
 * cheap. A record of one fragment inside one chunk is handed out where it lies; others are put together in one copy.
 */
export class RecordReader {
  readonly #limits: Pick<ServerLimits, 'recordBytesMax' | 'fragmentsMax'>;
  readonly #waiting: Uint8Array[] = [];
  #chunk: Uint8Array = noBytes;
  #view = noView;
  #offset = 0;

  #mark = 0;
  #markBytes = 0;
  #fragments = 0;
  /** Bytes of the current fragment that are still to come. */
  #fragmentLeft = 0;
  #record: Uint8Array = noBytes;
  #recordLength = 0;

  constructor(limits: Pick<ServerLimits, 'recordBytesMax' | 'fragmentsMax'>) {
    this.#limits = limits;
  }

  /** Keeps `chunk`; it must not be changed afterwards. */
  push(chunk: Uint8Array): void {
    this.#waiting.push(chunk);
  }

  /** Whether a record has begun that has not been handed out. */
  get isInside(): boolean {
    return (
      this.#fragments > 0 ||
      this.#markBytes > 0 ||
      this.#offset < this.#chunk.length ||
      this.#waiting.length > 0
    );
  }

  /** The next whole record, or `undefined` until more is pushed. Faults: RecordError; the stream is of no use then. */
  next(): XdrReader | undefined {
    for (;;) {
      if (this.#offset === this.#chunk.length && !this.#nextChunk()) return undefined;
      if (this.#markBytes < markBytes) {
        if (!this.#readMark()) continue;
        const record = this.#beginFragment();
        if (record !== undefined) return record;
      }
      const record = this.#copyFragment();
      if (record !== undefined) return record;
    }
  }

  #nextChunk(): boolean {
    const chunk = this.#waiting.shift();
    if (chunk === undefined) {
      this.#chunk = noBytes;
      this.#view = noView;
      this.#offset = 0;
      return false;
    }
    this.#chunk = chunk;
    this.#view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    this.#offset = 0;
    return true;
  }

  /** Whether the mark is complete. */
  #readMark(): boolean {
    while (this.#markBytes < markBytes && this.#offset < this.#chunk.length) {
      this.#mark = ((this.#mark << 8) | this.#chunk[this.#offset]!) >>> 0;
      this.#offset += 1;
      this.#markBytes += 1;
    }
    return this.#markBytes === markBytes;
  }

  /** Checks the fragment that the mark announces; hands it out if it is a whole record inside the chunk. */
  #beginFragment(): XdrReader | undefined {
    const length = this.#mark & ~lastFragment;
    const isOnly = this.#fragments === 0 && this.#isLast();
    this.#fragments += 1;
    if (this.#fragments > this.#limits.fragmentsMax) throw new RecordError('too many fragments');
    if (this.#recordLength + length > this.#limits.recordBytesMax) throw new RecordError('record too long');
    const start = this.#offset;
    if (isOnly && length <= this.#chunk.length - start) {
      this.#offset = start + length;
      this.#reset();
      return new XdrReader(this.#chunk, this.#view, start, start + length);
    }
    this.#fragmentLeft = length;
    this.#reserve(this.#recordLength + length);
    return undefined;
  }

  #reserve(length: number): void {
    if (length <= this.#record.length) return;
    const capacity = this.#isLast()
      ? length
      : Math.min(Math.max(length, 2 * this.#record.length), this.#limits.recordBytesMax);
    const grown = Buffer.allocUnsafeSlow(capacity);
    grown.set(this.#record.subarray(0, this.#recordLength));
    this.#record = grown;
  }

  #copyFragment(): XdrReader | undefined {
    const count = Math.min(this.#fragmentLeft, this.#chunk.length - this.#offset);
    this.#record.set(this.#chunk.subarray(this.#offset, this.#offset + count), this.#recordLength);
    this.#offset += count;
    this.#recordLength += count;
    this.#fragmentLeft -= count;
    if (this.#fragmentLeft > 0) return undefined;
    if (this.#isLast()) {
      const record = XdrReader.over(this.#record.subarray(0, this.#recordLength));
      this.#reset();
      return record;
    }
    this.#markBytes = 0;
    this.#mark = 0;
    return undefined;
  }

  #isLast(): boolean {
    return this.#mark >= lastFragment;
  }

  #reset(): void {
    this.#mark = 0;
    this.#markBytes = 0;
    this.#fragments = 0;
    this.#fragmentLeft = 0;
    this.#record = noBytes;
    this.#recordLength = 0;
  }
}
