import { createRequire } from 'node:module';

/** What the addon exports (native/bridge). Each part is described where its port is implemented. */
export interface NativeAddon extends NativeDigests, NativeDevices {}

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
  nameOfErrno(errno: number): string;
}

export interface NativeDeviceHandle {
  bytes(): number;
  driver(): string;
  isDirect(): boolean;
  uuid(): readonly number[];
  write(id: number, offset: number, parts: readonly Uint8Array[], checksums: Uint32Array): void;
  read(id: number, offset: number, target: Uint8Array, checksums: Uint32Array): number;
  flush(id: number): void;
  completions(): Int32Array;
  grow(bytes: number): Promise<void>;
  close(): void;
}

/** Loads the addon that `npm run build:native` made. */
export function loadNative(): NativeAddon {
  return createRequire(import.meta.url)('../../native/terrace.node') as NativeAddon;
}
