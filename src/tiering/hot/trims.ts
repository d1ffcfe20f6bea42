import type { Environment } from '../../environment.ts';
import { Fault } from '../../fault.ts';
import type { Kv } from '../../kv/kv.ts';
import { TRIM_BATCH_BYTES_MAX, TRIM_FREE_SHARE_MIN, TRIM_RUNS_MAX } from '../../limits/tiering.ts';
import { MEBIBYTE_BYTES, type Allocator, type Device, type DeviceExtent } from './device.ts';
import { UnitSet } from './unit-set.ts';

interface Parts {
  readonly kv: Pick<Kv, 'sync'>;
  readonly device: Device;
  readonly allocator: Allocator;
  readonly environment: Pick<Environment, 'clock' | 'log'>;
  /** How long space stays free before it is given back: what is written again soon need not be; `undefined`: never. */
  readonly afterMs: number | undefined;
}

/**
 * Gives freed space back to the device, in whole units of 1 MiB. Space comes here when no reader has it any more. It is taken
 * out of the allocator while the device works on it, since a discard that overtakes a write would take that away; and the
 * commits that freed it are made durable first. What is free at the start is not known here: it was given back before, or is
 * when it has been used again.
 */
export class Trims {
  readonly #parts: Parts;
  #isOn: boolean;
  /** Units that something was freed in: since the last turn, since the one before, and longer ago. */
  #fresh = new UnitSet();
  #resting = new UnitSet();
  readonly #due = new UnitSet();
  #turnAt: number;
  #bytesHeld = 0;
  #underWay: Promise<void> | undefined;
  #bytesTrimmed = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#isOn = parts.afterMs !== undefined && parts.device.traits.discard !== 'none';
    this.#turnAt = parts.environment.clock.monotonic();
  }

  /** Given back since the start. */
  get bytesTrimmed(): number {
    return this.#bytesTrimmed;
  }

  /** Free space that the device works on just now; the promise resolves when it is the allocator's again. */
  get held(): { readonly bytes: number; readonly ended: Promise<void> | undefined } {
    return { bytes: this.#bytesHeld, ended: this.#underWay };
  }

  /** Hears of space that is the allocator's again. */
  freed({ offset, length }: DeviceExtent): void {
    if (!this.#isOn) return;
    for (let unit = unitAt(offset); unit * MEBIBYTE_BYTES < offset + length; unit++) {
      this.#due.delete(unit);
      this.#resting.delete(unit);
      this.#fresh.add(unit);
    }
  }

  /** One batch, where there is one. */
  async step(): Promise<'busy' | 'idle'> {
    if (!this.#isOn) return 'idle';
    this.#turn();
    const runs = this.#takeRuns();
    if (runs.length === 0) return 'idle';
    const giving = this.#giveBack(runs);
    // Who waits for the space does not care what has become of it.
    this.#underWay = giving.catch(() => undefined);
    await giving;
    return 'busy';
  }

  #turn(): void {
    const now = this.#parts.environment.clock.monotonic();
    if (now < this.#turnAt) return;
    this.#turnAt = now + (this.#parts.afterMs ?? 0);
    for (const unit of this.#resting) this.#due.add(unit);
    this.#resting = this.#fresh;
    this.#fresh = new UnitSet();
  }

  /** Some of the units that are due and still free, taken out of the allocator. */
  #takeRuns(): readonly DeviceExtent[] {
    const { allocator } = this.#parts;
    const runs: DeviceExtent[] = [];
    // Nearly full: what is free is soon used, and a writer should not wait.
    const spare = allocator.bytesFree() - allocator.bytesTotal() * TRIM_FREE_SHARE_MIN;
    let bytesLeft = Math.min(TRIM_BATCH_BYTES_MAX, spare);
    for (let unit = this.#due.next(0); unit !== undefined; unit = this.#due.next(unit)) {
      if (bytesLeft < MEBIBYTE_BYTES) break;
      this.#due.delete(unit);
      const extent = { offset: unit * MEBIBYTE_BYTES, length: MEBIBYTE_BYTES };
      if (!allocator.isFree(extent)) continue;
      const last = runs.at(-1);
      if (last !== undefined && last.offset + last.length === extent.offset) {
        runs[runs.length - 1] = { offset: last.offset, length: last.length + extent.length };
      } else if (runs.length < TRIM_RUNS_MAX) {
        runs.push(extent);
      } else {
        this.#due.add(unit);
        break;
      }
      bytesLeft -= extent.length;
    }
    for (const run of runs) allocator.reserve(run);
    return runs;
  }

  async #giveBack(runs: readonly DeviceExtent[]): Promise<void> {
    const { kv, device, allocator } = this.#parts;
    this.#bytesHeld = runs.reduce((sum, { length }) => sum + length, 0);
    try {
      await kv.sync();
      for (const run of runs) {
        await device.discard(run);
        this.#bytesTrimmed += run.length;
      }
    } catch (cause) {
      if (!(cause instanceof Fault && cause.code === 'not-supported')) throw cause;
      this.#isOn = false;
      this.#parts.environment.log.warn('hot tier: the device takes no space back', { failure: cause });
    } finally {
      this.#bytesHeld = 0;
      this.#underWay = undefined;
      for (const run of runs) allocator.release(run);
    }
  }
}

const unitAt = (offset: number): number => Math.floor(offset / MEBIBYTE_BYTES);
