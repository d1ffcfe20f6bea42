import type { Device, DeviceExtent, DeviceTraits, Lifetime } from '../../src/tiering/hot/device.ts';

/** A device each of whose operations waits for `delay` first and last: others get in between call and effect. */
export class SlowDevice implements Device {
  readonly #inner: Device;
  readonly #delay: (label: string) => Promise<void>;

  constructor(inner: Device, delay: (label: string) => Promise<void>) {
    this.#inner = inner;
    this.#delay = delay;
  }

  get traits(): DeviceTraits {
    return this.#inner.traits;
  }

  bytes(): number {
    return this.#inner.bytes();
  }

  write(offset: number, parts: readonly Uint8Array[], lifetime?: Lifetime): Promise<Uint32Array> {
    return this.#slowly('device write', () => this.#inner.write(offset, parts, lifetime));
  }

  read(offset: number, checksums: Uint32Array): Promise<Uint8Array> {
    return this.#slowly('device read', () => this.#inner.read(offset, checksums));
  }

  flush(): Promise<void> {
    return this.#slowly('device flush', () => this.#inner.flush());
  }

  discard(extent: DeviceExtent): Promise<void> {
    return this.#slowly('device discard', () => this.#inner.discard(extent));
  }

  grow(bytes: number): Promise<void> {
    return this.#slowly('device grow', () => this.#inner.grow(bytes));
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  async #slowly<T>(label: string, operation: () => Promise<T>): Promise<T> {
    await this.#delay(label);
    const result = await operation();
    await this.#delay(`${label} done`);
    return result;
  }
}
