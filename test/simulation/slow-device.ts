import type { Device, DeviceExtent, DeviceTraits, Lifetime } from '../../src/tiering/hot/device.ts';
import type { DeviceOperation } from '../../src/tiering/hot/memory-device.ts';

/**
 * A device each of whose operations waits for `delay` first and last: others get in between call and effect. It hangs as told: the
 * call has no effect, and no answer.
 */
export class SlowDevice implements Device {
  readonly #inner: Device;
  readonly #delay: (label: string) => Promise<void>;
  #isHanging = false;
  #losing: DeviceOperation | undefined;
  #stuck: (() => void)[] = [];

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
    return this.#slowly('write', () => this.#inner.write(offset, parts, lifetime));
  }

  read(offset: number, checksums: Uint32Array): Promise<Uint8Array> {
    return this.#slowly('read', () => this.#inner.read(offset, checksums));
  }

  flush(): Promise<void> {
    return this.#slowly('flush', () => this.#inner.flush());
  }

  discard(extent: DeviceExtent): Promise<void> {
    return this.#slowly('discard', () => this.#inner.discard(extent));
  }

  grow(bytes: number): Promise<void> {
    return this.#slowly('grow', () => this.#inner.grow(bytes));
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  /** Until `resume`. */
  hang(): void {
    this.#isHanging = true;
  }

  resume(): void {
    this.#isHanging = false;
    for (const go of this.#stuck.splice(0)) go();
  }

  /** The next call of this kind hangs for ever; others do not. */
  lose(operation: DeviceOperation): void {
    this.#losing = operation;
  }

  async #slowly<T>(name: DeviceOperation | 'grow', operation: () => Promise<T>): Promise<T> {
    await this.#delay(`device ${name}`);
    if (this.#losing === name) {
      this.#losing = undefined;
      await new Promise<never>(() => undefined);
    }
    while (this.#isHanging) await new Promise<void>((go) => this.#stuck.push(go));
    const result = await operation();
    await this.#delay(`device ${name} done`);
    return result;
  }
}
