import assert from 'node:assert/strict';
import { Fault, type FaultCode } from '../../fault.ts';
import { DEVICE_READ_BYTES_MAX, DEVICE_REQUESTS_MAX } from '../../limits.ts';
import type { NativeDeviceHandle, NativeDevices } from '../../native.ts';
import type { RawDisk } from '../raw-disk.ts';
import { BLOCK_BYTES, type Device, type DeviceExtent, type DeviceTraits } from './device.ts';

export interface NativeDeviceOptions {
  readonly path: string;
  /** Usable bytes of a file that is made now, rounded up to 64 MiB; an existing device keeps its size. */
  readonly bytes: number;
  /** `any`: io_uring where the kernel allows it, else threads. */
  readonly driver: 'any' | 'io_uring' | 'threads';
  /** Identity of a device that is made now: 16 bytes in hex. */
  readonly uuid: string;
}

/** A device of the addon, with what an operator wants to know of it. */
export interface NativeDevice extends Device {
  /** Identity, written when the device was made: 16 bytes in lower-case hex. */
  readonly uuid: string;
  readonly driver: string;
  /** False where the file system has no direct I/O: content then passes through the page cache. */
  readonly isDirect: boolean;
}

/** What the completion of a request settles. The arrays belong to the native threads until then. */
interface Request {
  readonly offset: number;
  readonly codes: FaultCodes;
  readonly kept: readonly ArrayBufferView[];
  readonly resolve: () => void;
  readonly reject: (fault: Fault) => void;
}

/** The code of a block that fails its checksum; other codes are 0 or an errno. */
const CORRUPT = -1;
/** The largest shard with its header. */
const UNCHECKED_BYTES_MAX = DEVICE_READ_BYTES_MAX + BLOCK_BYTES;
/** What an errno means; others are 'unavailable'. */
type FaultCodes = Readonly<Record<string, FaultCode>>;
const codes: FaultCodes = { ENOSPC: 'no-space', EDQUOT: 'no-space' };
/** A block device that was set to read-only refuses writes with EPERM. */
const bareCodes: FaultCodes = { ...codes, EROFS: 'read-only', EPERM: 'read-only' };
/** Errors of the medium under what is read: bytes that it does not give are as lost as bytes that are other ones. */
const contentCodes: FaultCodes = {
  ...{ EIO: 'corrupt', ENODATA: 'corrupt', EREMOTEIO: 'corrupt' },
  ...{ EILSEQ: 'corrupt', EBADMSG: 'corrupt', EUCLEAN: 'corrupt' },
};
/** Request ids go around within 31 bits. */
const ID_BOUND = 2 ** 31;

/**
 * Opens the hot device at `path`, or makes it there. Fault('unavailable', 'device') when another process has it or it
 * cannot be opened, Fault('invalid-argument', 'device') when something else is there: that stays untouched.
 */
export async function openNativeDevice(
  addon: NativeDevices,
  options: NativeDeviceOptions,
): Promise<NativeDevice> {
  const opened: { device?: AddonDevice } = {};
  const uuid = Buffer.from(options.uuid, 'hex');
  const notify = (): void => opened.device?.complete();
  const handle = await addon
    .openDevice(options.path, options.bytes, uuid, options.driver, notify)
    .catch((cause: unknown) => {
      throw refusal(cause);
    });
  opened.device = new AddonDevice(addon, handle, codes);
  return opened.device;
}

/**
 * Opens all of the block device or file at `path`, whatever lies on it, for this process alone. Fault('unavailable', 'device')
 * when another process has it or it cannot be opened, Fault('invalid-argument', 'device') when it is neither.
 */
export async function openBareDevice(
  addon: NativeDevices,
  { path, driver }: Pick<NativeDeviceOptions, 'path' | 'driver'>,
): Promise<RawDisk> {
  const opened: { device?: AddonDevice } = {};
  const notify = (): void => opened.device?.complete();
  const handle = await addon.openBareDevice(path, driver, notify).catch((cause: unknown) => {
    throw refusal(cause);
  });
  opened.device = new AddonDevice(addon, handle, bareCodes);
  return opened.device;
}

class AddonDevice implements NativeDevice, RawDisk {
  readonly uuid: string;
  readonly driver: string;
  readonly isDirect: boolean;
  readonly traits: DeviceTraits;
  readonly #addon: NativeDevices;
  readonly #handle: NativeDeviceHandle;
  readonly #codes: FaultCodes;
  readonly #requests = new Map<number, Request>();
  #lastId = 0;
  #bytes: number;
  /** Resolves when growing and discards that have begun have ended. */
  #ending: Promise<void> = Promise.resolve();
  #isClosed = false;
  #isEnded = false;
  #drained: (() => void) | undefined;

  constructor(addon: NativeDevices, handle: NativeDeviceHandle, faultCodes: FaultCodes) {
    this.#addon = addon;
    this.#handle = handle;
    this.#codes = faultCodes;
    this.#bytes = handle.bytes();
    this.driver = handle.driver();
    this.isDirect = handle.isDirect();
    // Streams of NVMe (FDP) and zones are not driven: ADR 38 says what that would take.
    this.traits = { discard: discardKind(handle.discardKind()), placement: 'none' };
    this.uuid = Buffer.from(handle.uuid()).toString('hex');
  }

  bytes(): number {
    return this.#bytes;
  }

  async write(offset: number, parts: readonly Uint8Array[]): Promise<Uint32Array> {
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    const checksums = new Uint32Array(Math.ceil(length / BLOCK_BYTES));
    this.#checkRange(offset, checksums.length);
    await this.#request({ offset }, [...parts, checksums], (id) =>
      this.#handle.write(id, offset, parts, checksums),
    );
    return checksums;
  }

  async read(offset: number, checksums: Uint32Array, room?: Uint8Array): Promise<Uint8Array> {
    this.#checkRange(offset, checksums.length);
    const length = checksums.length * BLOCK_BYTES;
    assert(length <= DEVICE_READ_BYTES_MAX, `a read of ${length} bytes`);
    // One block more than is read, so that an aligned place is in it: the device writes there directly, and the memory
    // is JavaScript's own, which its collector knows the weight of.
    const target =
      room !== undefined && room.length >= length + BLOCK_BYTES
        ? room.subarray(0, length + BLOCK_BYTES)
        : Buffer.allocUnsafeSlow(length + BLOCK_BYTES);
    let skip = 0;
    await this.#request({ offset, codes: contentCodes }, [target, checksums], (id) => {
      skip = this.#handle.read(id, offset, target, checksums);
    });
    return target.subarray(skip, skip + length);
  }

  async readUnchecked(offset: number, length: number): Promise<Uint8Array> {
    const blockCount = length / BLOCK_BYTES;
    this.#checkRange(offset, blockCount);
    assert(Number.isInteger(blockCount) && length <= UNCHECKED_BYTES_MAX, `a read of ${length} bytes`);
    const target = Buffer.allocUnsafeSlow(length + BLOCK_BYTES);
    let skip = 0;
    await this.#request({ offset }, [target], (id) => {
      skip = this.#handle.readUnchecked(id, offset, target, blockCount);
    });
    return target.subarray(skip, skip + length);
  }

  flush(): Promise<void> {
    return this.#request({ offset: 0 }, [], (id) => this.#handle.flush(id));
  }

  async discard({ offset, length }: DeviceExtent): Promise<void> {
    this.#checkOpen();
    this.#checkRange(offset, length / BLOCK_BYTES);
    const discarding = this.#handle.discard(offset, length).catch((cause: unknown) => {
      throw refusal(cause);
    });
    this.#ending = Promise.allSettled([this.#ending, discarding]).then(() => undefined);
    await discarding;
  }

  async grow(bytes: number): Promise<void> {
    this.#checkOpen();
    assert(Number.isSafeInteger(bytes) && bytes > 0, `size ${bytes}`);
    const growing = this.#handle.grow(bytes).catch((cause: unknown) => {
      throw refusal(cause);
    });
    this.#ending = Promise.allSettled([this.#ending, growing]).then(() => undefined);
    await growing;
    this.#bytes = Math.max(this.#bytes, this.#handle.bytes());
  }

  /** Waits for what is under way. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#requests.size > 0) await new Promise<void>((resolve) => (this.#drained = resolve));
    await this.#ending;
    this.#isEnded = true;
    this.#handle.close();
  }

  /** Settles every request that the native threads have finished with. */
  complete(): void {
    // A call that was on its way when the last request was settled comes after the end.
    if (this.#isEnded) return;
    const packed = this.#handle.completions();
    for (let at = 0; at < packed.length; at += 3) {
      const [id, code, block] = [packed[at]!, packed[at + 1]!, packed[at + 2]!];
      const request = this.#requests.get(id);
      assert(request !== undefined, `completion of an unknown request ${id}`);
      this.#requests.delete(id);
      if (code === 0) request.resolve();
      else request.reject(this.#fault(request, code, request.offset + block * BLOCK_BYTES));
    }
    if (this.#requests.size === 0) this.#drained?.();
  }

  async #request(
    { offset, codes: own = this.#codes }: { readonly offset: number; readonly codes?: FaultCodes },
    kept: readonly ArrayBufferView[],
    submit: (id: number) => void,
  ): Promise<void> {
    this.#checkOpen();
    if (this.#requests.size >= DEVICE_REQUESTS_MAX) {
      throw new Fault('throttled', 'device', `${DEVICE_REQUESTS_MAX} requests are under way`);
    }
    do this.#lastId = (this.#lastId + 1) % ID_BOUND;
    while (this.#requests.has(this.#lastId));
    const id = this.#lastId;
    const completed = new Promise<void>((resolve, reject) => {
      this.#requests.set(id, { offset, codes: own, kept, resolve, reject });
    });
    try {
      submit(id);
    } catch (cause) {
      this.#requests.delete(id);
      throw cause;
    }
    await completed;
  }

  #fault({ codes: own }: Request, code: number, offset: number): Fault {
    if (code === CORRUPT) return new Fault('corrupt', 'device', `block at ${offset} fails its checksum`);
    const name = this.#addon.nameOfErrno(code);
    return new Fault(own[name] ?? 'unavailable', 'device', `${name} at ${offset}`);
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new Fault('unavailable', 'device', 'the device is closed');
  }

  #checkRange(offset: number, blockCount: number): void {
    assert(Number.isSafeInteger(offset) && offset >= 0, `offset ${offset}`);
    assert(offset % BLOCK_BYTES === 0, `offset ${offset} is not aligned`);
    assert(Number.isInteger(blockCount) && blockCount > 0, 'nothing to transfer');
    assert(offset + blockCount * BLOCK_BYTES <= this.#bytes, 'a range outside the device');
  }
}

const REFUSALS: Readonly<Record<string, FaultCode>> = {
  'in-use': 'unavailable',
  'not-ours': 'invalid-argument',
  'no-space': 'no-space',
  'not-supported': 'not-supported',
  io: 'unavailable',
};

function discardKind(text: string): DeviceTraits['discard'] {
  assert(text === 'none' || text === 'device' || text === 'file', `discards of kind ${text}`);
  return text;
}

/** The addon says a kind, a colon and one sentence. */
function refusal(cause: unknown): unknown {
  if (!(cause instanceof Error)) return cause;
  const [, kind = '', sentence = ''] = /^([a-z-]+):(.*)$/s.exec(cause.message) ?? [];
  const code = REFUSALS[kind];
  return code === undefined ? cause : new Fault(code, 'device', sentence, { cause });
}
