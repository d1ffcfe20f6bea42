/** Bytes that are not what the codec says. The RPC layer answers GARBAGE_ARGS. */
export class XdrError extends Error {
  override readonly name = 'XdrError';
}

const pad = (length: number): number => -length & 3;
/** Bytes that `opaque<>` of this length takes: length word, content, padding (RFC 4506 §4.10). */
export const opaqueBytes = (length: number): number => 4 + length + pad(length);

/** Reads one message. Everything it returns is a view of the received bytes, never a copy. */
export class XdrReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #start: number;
  readonly #end: number;
  #offset: number;
  /** Whether a hyper above 2^53-1 was read since the message began; it was clamped to 2^53-1. */
  clamped = false;

  /** `view` must cover exactly `bytes`; the message is what lies in [start, end). */
  constructor(bytes: Uint8Array, view: DataView, start: number, end: number) {
    this.#bytes = bytes;
    this.#view = view;
    this.#start = start;
    this.#offset = start;
    this.#end = end;
  }

  static over(bytes: Uint8Array): XdrReader {
    return new XdrReader(
      bytes,
      new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
      0,
      bytes.length,
    );
  }

  /** Bytes of the whole message. */
  get length(): number {
    return this.#end - this.#start;
  }

  /** Bytes that are still unread. */
  get left(): number {
    return this.#end - this.#offset;
  }

  /** What is still unread, without consuming it. */
  rest(): Uint8Array {
    return this.#slice(this.#offset, this.left);
  }

  u32(): number {
    const offset = this.#offset;
    if (offset + 4 > this.#end) throw new XdrError('message ends inside a word');
    this.#offset = offset + 4;
    return this.#view.getUint32(offset);
  }

  u64(): number {
    const high = this.u32();
    const low = this.u32();
    if (high > 0x1fffff) {
      this.clamped = true;
      return Number.MAX_SAFE_INTEGER;
    }
    return high * 0x1_0000_0000 + low;
  }

  /** opaque<max>. The length is checked before anything is made of it. */
  opaque(lengthMax: number): Uint8Array {
    const length = this.u32();
    if (length > lengthMax) throw new XdrError(`opaque<${lengthMax}> of ${length} bytes`);
    return this.fixed(length);
  }

  /** opaque[length]. */
  fixed(length: number): Uint8Array {
    const offset = this.#offset;
    const next = offset + length + pad(length);
    if (next > this.#end) throw new XdrError('message ends inside opaque data');
    this.#offset = next;
    return this.#slice(offset, length);
  }

  /** opaque<> whose content is XDR itself. */
  nested(lengthMax: number): XdrReader {
    const length = this.u32();
    if (length > lengthMax) throw new XdrError(`opaque<${lengthMax}> of ${length} bytes`);
    const start = this.#offset;
    if (start + length + pad(length) > this.#end) throw new XdrError('message ends inside opaque data');
    this.#offset = start + length + pad(length);
    return new XdrReader(this.#bytes, this.#view, start, start + length);
  }

  #slice(offset: number, length: number): Uint8Array {
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + offset, length);
  }
}

/** Above this a byte string is sent where it lies: to copy a block of 4 KiB costs less than to hand the kernel one piece more. */
const copyBytesMax = 8192;
const slabBytes = 65_536;
/** What is sent where it lies keeps all memory that it is a view of: at most so many times what it is counted for. */
const keptFactorMax = 2;

/** Memory that byte strings keep, whatever little of it they are a view of. Pieces of one buffer follow one another. */
function bytesKept(parts: readonly Uint8Array[]): number {
  let bytes = 0;
  let last: ArrayBufferLike | undefined;
  for (const { buffer } of parts) {
    if (buffer !== last) bytes += buffer.byteLength;
    last = buffer;
  }
  return bytes;
}

/**
 * Writes messages one behind the other into slabs that are never written twice, so a finished message stays valid for as long
 * as anyone holds it and needs no release. One writer serves many connections: a message is begun and taken synchronously.
 */
export class XdrWriter {
  #slab: Uint8Array = Buffer.allocUnsafeSlow(slabBytes);
  #view = new DataView(this.#slab.buffer);
  #offset = 0;
  /** Where the part of the message that lies in the current slab begins. */
  #partStart = 0;
  /** Earlier parts of the message. */
  #parts: Uint8Array[] = [];
  #partsLength = 0;
  #first = { view: this.#view, offset: 0 };
  #isLending = false;

  /** Starts a message; one that was begun and not taken is forgotten. */
  begin(): void {
    this.#offset = (this.#offset + 3) & ~3;
    this.#parts = [];
    this.#partsLength = 0;
    this.#partStart = this.#offset;
    this.#isLending = false;
    this.#room(4);
    this.#first = { view: this.#view, offset: this.#offset };
  }

  /** Bytes of the message so far. */
  get length(): number {
    return this.#partsLength + this.#offset - this.#partStart;
  }

  /** Whether the message has byte strings in it as they were given: their memory is in use until it is sent. */
  get isLending(): boolean {
    return this.#isLending;
  }

  /** Overwrites the message's first word, which only now is known (the record mark). */
  patchFirst(value: number): void {
    this.#first.view.setUint32(this.#first.offset, value);
  }

  /** The message since `begin`. Byte strings that were not copied are in it as they were given. */
  take(): Uint8Array[] {
    this.#endPart();
    const parts = this.#parts;
    this.#parts = [];
    return parts;
  }

  u32(value: number): void {
    const offset = this.#offset;
    if (offset + 4 > this.#slab.length) this.#room(4);
    this.#view.setUint32(this.#offset, value);
    this.#offset += 4;
  }

  /** `value` is a safe integer >= 0. */
  u64(value: number): void {
    const high = Math.floor(value / 0x1_0000_0000);
    this.u32(high);
    this.u32(value - high * 0x1_0000_0000);
  }

  opaque(value: Uint8Array): void {
    this.u32(value.length);
    this.fixed(value);
  }

  /** opaque<> whose content lies in several pieces. */
  opaqueParts(parts: readonly Uint8Array[]): void {
    let length = 0;
    for (const part of parts) length += part.length;
    this.u32(length);
    const mayLend = length > copyBytesMax && bytesKept(parts) <= keptFactorMax * length;
    for (const part of parts) this.#bytes(part, mayLend);
    this.#padding(pad(length));
  }

  fixed(value: Uint8Array): void {
    this.#bytes(value, value.buffer.byteLength <= keptFactorMax * value.length);
    this.#padding(pad(value.length));
  }

  #bytes(value: Uint8Array, mayLend: boolean): void {
    const length = value.length;
    if (length > copyBytesMax && (mayLend || length > slabBytes)) {
      this.#endPart();
      this.#parts.push(mayLend ? value : Uint8Array.from(value));
      this.#partsLength += length;
      this.#isLending ||= mayLend;
      return;
    }
    if (this.#offset + length > this.#slab.length) this.#room(length);
    // TypedArray#set costs more than it saves on the few words of a handle or a name.
    if (length <= 32)
      for (let index = 0; index < length; index++) this.#slab[this.#offset + index] = value[index]!;
    else this.#slab.set(value, this.#offset);
    this.#offset += length;
  }

  /** After a byte string that was sent where it lies, the slab goes on unaligned; only the message's length counts. */
  #padding(length: number): void {
    if (length === 0) return;
    if (this.#offset + length > this.#slab.length) this.#room(length);
    this.#slab.fill(0, this.#offset, this.#offset + length);
    this.#offset += length;
  }

  #endPart(): void {
    if (this.#offset === this.#partStart) return;
    this.#parts.push(this.#slab.subarray(this.#partStart, this.#offset));
    this.#partsLength += this.#offset - this.#partStart;
    this.#partStart = this.#offset;
  }

  /** Makes `length` contiguous bytes available, in a fresh slab if need be. */
  #room(length: number): void {
    if (this.#offset + length <= this.#slab.length) return;
    this.#endPart();
    this.#slab = Buffer.allocUnsafeSlow(slabBytes);
    this.#view = new DataView(this.#slab.buffer);
    this.#offset = 0;
    this.#partStart = 0;
  }
}
