import type { Environment, MonotonicMs } from '../../environment.ts';
import { Fault } from '../../fault.ts';
import {
  HOT_PROBE_DOUBLINGS_MAX,
  HOT_PROBE_MS,
  HOT_READ_MS_MAX,
  HOT_SILENT_MS_MAX,
  HOT_WATCH_MS,
} from '../../limits/tiering.ts';
import { loseRoom } from '../rooms.ts';
import type { Device, DeviceExtent, DeviceTraits, Lifetime } from './device.ts';

export type WatchedOperation = 'read' | 'write' | 'flush';

/** How a device has been since the start. */
export interface DeviceHealth {
  /** Calls that have failed; of reads also those that gave other bytes than were written. */
  readonly failures: Readonly<Record<WatchedOperation, number>>;
  readonly lastFailure: { readonly agoMs: number; readonly text: string } | undefined;
  /** For how long it has answered nothing although it was asked; `undefined` where that is not long. */
  readonly silentMs: number | undefined;
}

export interface WatchedDevice extends Device {
  health(): DeviceHealth;
}

/**
 * A device that is watched: it counts failures, and knows when the device hangs. A device hangs when it answers none of the calls
 * that are under way for ten seconds: reads are given up then, so that another copy can answer, and what comes later is refused
 * at once, but for a call now and then that finds out whether the device is back. A read that is not answered although others
 * are is given up after a minute. Fault('unavailable', 'device') each time. Writes and flushes that are under way are never given up: their
 * space is theirs, and nobody knows what becomes of them.
 */
export const watchedDevice = (
  device: Device,
  environment: Pick<Environment, 'clock' | 'log'>,
): WatchedDevice => new Watched(device, environment);

interface Call {
  readonly operation: WatchedOperation;
  readonly begunAt: MonotonicMs;
  /** Of a read that somebody still waits for. */
  giveUp: (() => void) | undefined;
}

class Watched implements WatchedDevice {
  readonly #device: Device;
  readonly #environment: Pick<Environment, 'clock' | 'log'>;
  /** In the order of their beginnings. */
  readonly #calls = new Set<Call>();
  readonly #failures = { read: 0, write: 0, flush: 0 };
  readonly #closing = new AbortController();
  #lastFailure: { readonly at: MonotonicMs; readonly text: string } | undefined;
  #answeredAt: MonotonicMs;
  #probedAt: MonotonicMs;
  /** Since it last answered. */
  #probes = 0;
  #watching: Promise<void> | undefined;
  #isSaid = false;

  constructor(device: Device, environment: Pick<Environment, 'clock' | 'log'>) {
    this.#device = device;
    this.#environment = environment;
    this.#answeredAt = environment.clock.monotonic();
    this.#probedAt = this.#answeredAt;
  }

  get traits(): DeviceTraits {
    return this.#device.traits;
  }

  health(): DeviceHealth {
    const now = this.#environment.clock.monotonic();
    const last = this.#lastFailure;
    const silentMs = this.#silentMs(now);
    return {
      failures: { ...this.#failures },
      lastFailure: last && { agoMs: now - last.at, text: last.text },
      silentMs: silentMs >= HOT_SILENT_MS_MAX ? silentMs : undefined,
    };
  }

  bytes(): number {
    return this.#device.bytes();
  }

  async write(offset: number, parts: readonly Uint8Array[], lifetime?: Lifetime): Promise<Uint32Array> {
    const call = this.#begin('write');
    return this.#answered(call, this.#device.write(offset, parts, lifetime));
  }

  async flush(): Promise<void> {
    const call = this.#begin('flush');
    return this.#answered(call, this.#device.flush());
  }

  async read(offset: number, checksums: Uint32Array, room?: Uint8Array): Promise<Uint8Array> {
    const call = this.#begin('read');
    const reading = this.#answered(call, this.#device.read(offset, checksums, room));
    return new Promise((resolve, reject) => {
      call.giveUp = () => {
        // The device may still write there.
        if (room !== undefined) loseRoom(room);
        reject(silence());
      };
      reading.then(resolve, reject);
    });
  }

  discard(extent: DeviceExtent): Promise<void> {
    return this.#device.discard(extent);
  }

  grow(bytes: number): Promise<void> {
    return this.#device.grow(bytes);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#watching;
    await this.#device.close();
  }

  #begin(operation: WatchedOperation): Call {
    const now = this.#environment.clock.monotonic();
    if (this.#silentMs(now) >= HOT_SILENT_MS_MAX) {
      // Each is memory that is not given back before it is answered, and so they become rare.
      if (now - this.#probedAt < HOT_PROBE_MS * 2 ** Math.min(this.#probes, HOT_PROBE_DOUBLINGS_MAX))
        throw silence();
      this.#probedAt = now;
      this.#probes += 1;
    }
    const call: Call = { operation, begunAt: now, giveUp: undefined };
    this.#calls.add(call);
    this.#watching ??= this.#watch().finally(() => (this.#watching = undefined));
    return call;
  }

  async #answered<T>(call: Call, working: Promise<T>): Promise<T> {
    try {
      return await working;
    } catch (cause) {
      this.#failed(call, cause);
      throw cause;
    } finally {
      this.#calls.delete(call);
      this.#answeredAt = this.#environment.clock.monotonic();
      this.#probes = 0;
    }
  }

  #failed({ operation }: Call, cause: unknown): void {
    const isFailure = cause instanceof Fault && (cause.code === 'corrupt' || cause.code === 'unavailable');
    if (!isFailure) return;
    this.#failures[operation] += 1;
    this.#lastFailure = { at: this.#environment.clock.monotonic(), text: `${operation}: ${cause.detail}` };
  }

  /** For how long nothing was answered while something was asked. */
  #silentMs(now: MonotonicMs): number {
    const [oldest] = this.#calls;
    return oldest === undefined ? 0 : now - Math.max(oldest.begunAt, this.#answeredAt);
  }

  /** As long as calls are under way. */
  async #watch(): Promise<void> {
    const { clock } = this.#environment;
    const { signal } = this.#closing;
    while (this.#calls.size > 0 && !signal.aborted) {
      await clock.sleep(HOT_WATCH_MS, signal).catch(() => undefined);
      this.#look(clock.monotonic());
    }
    this.#say(false);
  }

  #look(now: MonotonicMs): void {
    const isSilent = this.#silentMs(now) >= HOT_SILENT_MS_MAX;
    this.#say(isSilent);
    for (const call of this.#calls) {
      if (!isSilent && now - call.begunAt < HOT_READ_MS_MAX) continue;
      call.giveUp?.();
      call.giveUp = undefined;
    }
  }

  #say(isSilent: boolean): void {
    if (this.#isSaid === isSilent) return;
    this.#isSaid = isSilent;
    const { log } = this.#environment;
    if (isSilent) log.error('hot tier: the device does not answer', { callsUnderWay: this.#calls.size });
    else log.info('hot tier: the device answers again');
  }
}

const silence = (): Fault => new Fault('unavailable', 'device', 'the hot device does not answer');
