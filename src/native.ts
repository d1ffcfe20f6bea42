import { createRequire } from 'node:module';

/** What the addon exports (native/bridge). Each part is described where its port is implemented. */
export interface NativeAddon
  extends
    NativeDigests,
    NativeDevices,
    NativeErasure,
    NativeMemory,
    NativeReduction,
    NativeSealing,
    NativeStores {}

/** native/bridge/src/digest.rs; used by src/workers/native.ts. */
export interface NativeDigests {
  digest(algorithms: number, parts: readonly Uint8Array[], output: Uint8Array): void;
  combineCrcs(
    algorithm: number,
    crcOfA: Uint8Array,
    crcOfB: Uint8Array,
    lengthOfB: number,
    output: Uint8Array,
  ): void;
  readonly NativeHasher: new (algorithms: number) => NativeHasher;
}

export interface NativeHasher {
  update(parts: readonly Uint8Array[]): void;
  updateElsewhere(parts: readonly Uint8Array[]): Promise<void>;
  digests(output: Uint8Array): void;
}

/** native/bridge/src/device.rs; used by src/tiering/hot/native-device.ts. */
export interface NativeDevices {
  openDevice(
    path: string,
    bytes: number,
    uuid: Uint8Array,
    driver: string,
    notify: () => void,
  ): Promise<NativeDeviceHandle>;
  openBareDevice(path: string, driver: string, notify: () => void): Promise<NativeDeviceHandle>;
  nameOfErrno(errno: number): string;
}

export interface NativeDeviceHandle {
  bytes(): number;
  driver(): string;
  isDirect(): boolean;
  uuid(): readonly number[];
  write(id: number, offset: number, parts: readonly Uint8Array[], checksums: Uint32Array): void;
  read(id: number, offset: number, target: Uint8Array, checksums: Uint32Array): number;
  readUnchecked(id: number, offset: number, target: Uint8Array, blocks: number): number;
  flush(id: number): void;
  completions(): Int32Array;
  grow(bytes: number): Promise<void>;
  discardKind(): string;
  discard(offset: number, length: number): Promise<void>;
  close(): void;
}

/** native/bridge/src/erasure.rs; used by src/workers/native-erasure.ts. Results go into `targets`. */
export interface NativeErasure {
  erasureDecode(
    shape: NativeShape,
    present: Uint8Array,
    sources: readonly Uint8Array[],
    wanted: Uint8Array,
    targets: readonly Uint8Array[],
  ): boolean;
  erasureDecodeElsewhere(
    shape: NativeShape,
    present: Uint8Array,
    sources: readonly Uint8Array[],
    wanted: Uint8Array,
    targets: readonly Uint8Array[],
  ): Promise<boolean>;
  erasureVerify(shape: NativeShape, shards: readonly Uint8Array[]): boolean;
  erasureVerifyElsewhere(shape: NativeShape, shards: readonly Uint8Array[]): Promise<boolean>;
}

export interface NativeShape {
  readonly data: number;
  readonly parity: number;
}

/** native/bridge/src/memory.rs. */
export interface NativeMemory {
  /**
   * Frees the memory of whole buffers at once: the arrays have no bytes afterwards. Nobody may look at them any more, no thread
   * either. What is a part of a larger buffer stays as it is.
   */
  freeArrays(arrays: readonly Uint8Array[]): void;
}

/** native/bridge/src/reduction.rs; used by src/workers/native-reduction.ts. Negative counts say that an argument cannot be. */
export interface NativeReduction {
  cutChunks(
    chunking: NativeChunking,
    seed: Uint8Array,
    fingerprintKey: Uint8Array,
    bytes: Uint8Array,
    output: Uint8Array,
  ): number;
  chunkFingerprint(key: Uint8Array, bytes: Uint8Array, output: Uint8Array): boolean;
  packSegment(
    packing: NativePacking,
    id: Uint8Array,
    secret: Uint8Array,
    records: Uint8Array,
    parts: readonly Uint8Array[],
    output: Uint8Array,
    placed: Uint32Array,
  ): number;
  openFrame(secret: Uint8Array, base: Uint8Array, frame: Uint8Array, plain: Uint8Array): boolean;
  openFrameElsewhere(
    secret: Uint8Array,
    base: Uint8Array,
    frame: Uint8Array,
    plain: Uint8Array,
  ): Promise<boolean>;
  openFrameLabel(secret: Uint8Array, head: Uint8Array, output: Uint8Array): number;
  recoverBlocks(
    header: Uint8Array,
    first: number,
    present: Uint8Array,
    sources: readonly Uint8Array[],
    wanted: Uint8Array,
    targets: readonly Uint8Array[],
  ): boolean;
  rebuildShards(present: readonly Uint8Array[], wanted: Uint8Array, targets: readonly Uint8Array[]): boolean;
  damagedBlocks(
    header: Uint8Array,
    index: number,
    first: number,
    bytes: Uint8Array,
    output: Uint32Array,
  ): number;
}

export interface NativeChunking {
  readonly min: number;
  readonly average: number;
  readonly max: number;
  readonly hasSuperFeatures: boolean;
}

export interface NativePacking extends NativeShape {
  readonly imageBytesMax: number;
  readonly generation: number;
  readonly codec: number;
  readonly level: number;
  readonly cipher: number;
  readonly keyId: number;
}

/** native/bridge/src/sealing.rs; used by src/workers/native-cipher.ts. Results go into `output`. */
export interface NativeSealing {
  sealFrames(
    secret: Uint8Array,
    salt: Uint8Array,
    context: Uint8Array,
    parts: readonly Uint8Array[],
    output: Uint8Array,
  ): boolean;
  sealFramesElsewhere(
    secret: Uint8Array,
    salt: Uint8Array,
    context: Uint8Array,
    parts: readonly Uint8Array[],
    output: Uint8Array,
  ): Promise<boolean>;
  openFrames(
    secret: Uint8Array,
    context: Uint8Array,
    first: number,
    sealed: Uint8Array,
    output: Uint8Array,
  ): boolean;
  openFramesElsewhere(
    secret: Uint8Array,
    context: Uint8Array,
    first: number,
    sealed: Uint8Array,
    output: Uint8Array,
  ): Promise<boolean>;
  openFramesEach(
    secret: Uint8Array,
    context: Uint8Array,
    first: number,
    sealed: Uint8Array,
    outputs: readonly Uint8Array[],
  ): boolean;
  openFramesEachElsewhere(
    secret: Uint8Array,
    context: Uint8Array,
    first: number,
    sealed: Uint8Array,
    outputs: readonly Uint8Array[],
  ): Promise<boolean>;
}

/** native/bridge/src/kv.rs; used by src/kv/rocksdb.ts. */
export interface NativeStores {
  /** See src/kv/rocksdb.ts. `written` gets how many of the batches given to `write` are done, in their order. */
  kvOpen(
    settings: NativeKvSettings,
    written: (count: number, failure: string | null | undefined) => void,
  ): Promise<NativeKv>;
}

export interface NativeKvSettings {
  readonly directory: string;
  readonly library?: string;
  readonly blockCacheBytes: number;
  readonly memtableBytes: number;
  readonly openFilesMax: number;
}

export interface NativeKvPageOptions {
  readonly reverse: boolean;
  readonly entriesMax: number;
  readonly bytesMax: number;
}

/** `null` says that the answer needs the disk: ask the function beside it. Layout of the buffers: src/kv/packing.ts. */
export interface NativeKv {
  getMany(packed: Uint8Array): Buffer | null;
  getManyFromDisk(packed: Uint8Array): Promise<Buffer>;
  page(start: Uint8Array, end: Uint8Array, options: NativeKvPageOptions): Buffer | null;
  pageFromDisk(start: Uint8Array, end: Uint8Array, options: NativeKvPageOptions): Promise<Buffer>;
  write(packed: Uint8Array, durable: boolean): void;
  close(): Promise<void>;
}

/** Loads the addon that `npm run build:native` made. */
export function loadNative(): NativeAddon {
  return createRequire(import.meta.url)('../../native/terrace.node') as NativeAddon;
}
