import { lastFragment, markBytes } from './rpc.ts';
import { XdrReader } from './xdr.ts';
import type { ServerLimits } from './limits.ts';

/** The peer does not keep to record marking (RFC 5531 §11): there is no telling where its next message begins. */
export class RecordError extends Error {
  override readonly name = 'RecordError';
}

export type RecordLimits = Pick<ServerLimits, 'recordBytesMax' | 'fragmentsMax' | 'ownBytesMax'>;

/** Bytes that lie together, received or put together, and how many records (and the reader itself) still need them. */
interface Chunk {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  holds: number;
  /** Somebody may still have views of it when it is not held any more. */
  isShown: boolean;
}

const chunkOf = (bytes: Uint8Array): Chunk => ({
  bytes,
  view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
  holds: 1,
  isShown: false,
});
const noBytes = new Uint8Array(0);
const noChunk: Chunk = chunkOf(noBytes);

/** One record. Who has no more use for its bytes gives it back to the reader, once. */
export interface Received {
  readonly message: XdrReader;
  readonly chunk: Chunk;
}

/**
 * Cuts a byte stream into records. Pull, not push: who stops pulling leaves the rest unparsed, so calls wait where they are
 * cheap. A record of one fragment inside one chunk is handed out where it lies; others are put together in one copy. What a peer
 * announces is not believed: a long record gets its room when `ownBytesMax` of it have come, and when `mayHold` says so.
 */
export class RecordReader {
  readonly #limits: RecordLimits;
  readonly #mayHold: (bytes: number) => boolean;
  readonly #free: (arrays: readonly Uint8Array[]) => void;
  readonly #waiting: Uint8Array[] = [];
  #chunk: Chunk = noChunk;
  #offset = 0;
  #bytesHeld = 0;
  #bytesWanted = 0;
  #recordsBegun = 0;

  #mark = 0;
  #markBytes = 0;
  #fragments = 0;
  /** Bytes of the current fragment that are still to come. */
  #fragmentLeft = 0;
  #record: Uint8Array = noBytes;
  #recordLength = 0;

  /** `free` gets what was pushed and is copied as a whole: nobody else looks at it. */
  constructor(
    limits: RecordLimits,
    mayHold: (bytes: number) => boolean = () => true,
    free: (arrays: readonly Uint8Array[]) => void = () => undefined,
  ) {
    this.#limits = limits;
    this.#mayHold = mayHold;
    this.#free = free;
  }

  /** Keeps `bytes`; they must not be changed afterwards. */
  push(bytes: Uint8Array): void {
    this.#waiting.push(bytes);
    this.#bytesHeld += bytes.length;
  }

  /** Forgets what was not handed out: nothing more of this stream is wanted. */
  discard(): void {
    for (const bytes of this.#waiting.splice(0)) this.#bytesHeld -= bytes.length;
    this.#nextChunk();
    this.#bytesHeld -= this.#record.length;
    this.#reset();
  }

  /** The record's bytes are needed no longer by whoever counts them here. */
  release({ chunk }: Received): void {
    this.#letGo(chunk);
  }

  /** Bytes of chunks that came and records that are put together, until all that lies in them was given back. */
  get bytesHeld(): number {
    return this.#bytesHeld;
  }

  /** More than 0: `next` has come to a record that needs so many bytes, and `mayHold` refused them. */
  get bytesWanted(): number {
    return this.#bytesWanted;
  }

  /** Whether the record under way has its whole room already: reading more of it holds no more. */
  get isFilling(): boolean {
    return this.#record.length > this.#limits.ownBytesMax;
  }

  /** Whether a record has begun that has not been handed out. */
  get isInside(): boolean {
    return (
      this.#fragments > 0 ||
      this.#markBytes > 0 ||
      this.#offset < this.#chunk.bytes.length ||
      this.#waiting.length > 0
    );
  }

  /** How many records began so far. */
  get recordsBegun(): number {
    return this.#recordsBegun;
  }

  /** The next whole record, or `undefined` until more is pushed or may be held. Faults: RecordError; the stream is of no use then. */
  next(): Received | undefined {
    this.#bytesWanted = 0;
    for (;;) {
      if (this.#offset === this.#chunk.bytes.length && !this.#nextChunk()) return undefined;
      if (this.#markBytes < markBytes) {
        if (!this.#readMark()) continue;
        const record = this.#beginFragment();
        if (record !== undefined) return record;
      }
      if (!this.#reserve()) return undefined;
      const record = this.#copyFragment();
      if (record !== undefined) return record;
    }
  }

  #nextChunk(): boolean {
    const bytes = this.#waiting.shift();
    this.#letGo(this.#chunk);
    this.#chunk = bytes === undefined ? noChunk : chunkOf(bytes);
    this.#offset = 0;
    return bytes !== undefined;
  }

  #letGo(chunk: Chunk): void {
    if (chunk === noChunk) return;
    chunk.holds -= 1;
    if (chunk.holds > 0) return;
    this.#bytesHeld -= chunk.bytes.length;
    if (!chunk.isShown) this.#free([chunk.bytes]);
  }

  /** Whether the mark is complete. */
  #readMark(): boolean {
    if (this.#markBytes === 0 && this.#fragments === 0) this.#recordsBegun += 1;
    const { bytes } = this.#chunk;
    while (this.#markBytes < markBytes && this.#offset < bytes.length) {
      this.#mark = ((this.#mark << 8) | bytes[this.#offset]!) >>> 0;
      this.#offset += 1;
      this.#markBytes += 1;
    }
    return this.#markBytes === markBytes;
  }

  /** Checks the fragment that the mark announces; hands it out if it is a whole record inside the chunk. */
  #beginFragment(): Received | undefined {
    const length = this.#mark & ~lastFragment;
    const isOnly = this.#fragments === 0 && this.#isLast();
    this.#fragments += 1;
    if (this.#fragments > this.#limits.fragmentsMax) throw new RecordError('too many fragments');
    if (this.#recordLength + length > this.#limits.recordBytesMax) throw new RecordError('record too long');
    const chunk = this.#chunk;
    const start = this.#offset;
    if (isOnly && length <= chunk.bytes.length - start) {
      this.#offset = start + length;
      this.#reset();
      chunk.holds += 1;
      chunk.isShown = true;
      return { message: new XdrReader(chunk.bytes, chunk.view, start, start + length), chunk };
    }
    this.#fragmentLeft = length;
    return undefined;
  }

  /** Room for what of the fragment is at hand. Whether there is. */
  #reserve(): boolean {
    const needed = this.#recordLength + Math.min(this.#fragmentLeft, this.#left());
    if (needed <= this.#record.length) return true;
    const { ownBytesMax, recordBytesMax } = this.#limits;
    // Growing again and again would let two peers hold what each other waits for: from here on all that it can need, at once.
    const whole = this.#isLast() ? this.#recordLength + this.#fragmentLeft : recordBytesMax;
    const capacity = needed <= ownBytesMax ? Math.min(whole, ownBytesMax) : whole;
    const more = capacity - this.#record.length;
    if (capacity > ownBytesMax && !this.#mayHold(more)) {
      this.#bytesWanted = more;
      return false;
    }
    const grown = Buffer.allocUnsafeSlow(capacity);
    grown.set(this.#record.subarray(0, this.#recordLength));
    this.#record = grown;
    this.#bytesHeld += more;
    return true;
  }

  #left(): number {
    return this.#chunk.bytes.length - this.#offset;
  }

  #copyFragment(): Received | undefined {
    const count = Math.min(this.#fragmentLeft, this.#left());
    this.#record.set(this.#chunk.bytes.subarray(this.#offset, this.#offset + count), this.#recordLength);
    this.#offset += count;
    this.#recordLength += count;
    this.#fragmentLeft -= count;
    if (this.#fragmentLeft > 0) return undefined;
    if (this.#isLast()) {
      const chunk = chunkOf(this.#record);
      chunk.isShown = true;
      const message = new XdrReader(chunk.bytes, chunk.view, 0, this.#recordLength);
      this.#reset();
      return { message, chunk };
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
