import { createRequire } from 'node:module';

/** What the addon exports (native/bridge). Each part is described where its port is implemented. */
export interface NativeAddon {
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
