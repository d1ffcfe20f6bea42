import type { Clock, MonotonicMs } from '../../environment.ts';
import { Fault } from '../../fault.ts';
import {
  WARM_CLOSE_MS_MAX,
  WARM_DEVICE_CALLS_MAX,
  WARM_DEVICE_FREE_BYTES_MIN,
  WARM_DEVICE_MS_MAX,
  WARM_DEVICE_WAITING_MAX,
  WARM_FAILURE_REST_MS,
  WARM_FAILURES_MAX,
  WARM_SILENT_MS_MAX,
} from '../../limits/tiering.ts';
import { settlesWithin } from './deadline.ts';
import type { DeviceRecord } from './records.ts';
import type { DeviceKind, DeviceSpace, ShardDevice } from './shard-device.ts';

const SPACE_UNKNOWN: DeviceSpace = { bytesTotal: 0, bytesFree: 0, volume: '' };
/** Weight of the newest call in the decayed latency, and where that begins. */
const LATENCY_WEIGHT = 0.125;
const LATENCY_MS_MIN = 0.1;

interface Waiting {
  readonly begin: () => void;
  readonly refuse: (fault: Fault) => void;
}

/**
 * A device of the pool while the gateway runs: every call goes through here. A few run at a time, more wait; one that takes too
 * long is given up, and until it has ended after all the device is stalled: whatever else is asked of it fails at once.
 */
export class Member {
  record: DeviceRecord;
  /** Shards that are being written there and that no stripe names yet. */
  claims = 0;
  /** Since when it is not there, or since the start; its shards may be made anew elsewhere when it is given up. */
  missingSince: MonotonicMs | undefined;
  isGivenUp = false;
  /** Why it is missing. */
  absence = '';
  /** What it is, since it was there for the first time. */
  kind: DeviceKind | undefined;
  errors = 0;
  readonly #clock: Clock;
  readonly #troubled: () => void;
  #device: ShardDevice | undefined;
  #space = SPACE_UNKNOWN;
  #underWay = 0;
  #overdue = 0;
  #waiting: Waiting[] = [];
  #latencyMs = LATENCY_MS_MIN;
  #failuresInRow = 0;
  #restsUntil = 0;
  #silentSince: MonotonicMs | undefined;
  #readOnlySince: MonotonicMs | undefined;
  /** Writes in a row that were not what was read back. */
  #mismatchesInRow = 0;

  /** `troubled` hears of each failure. */
  constructor(record: DeviceRecord, clock: Clock, troubled: () => void) {
    this.record = record;
    this.#clock = clock;
    this.#troubled = troubled;
  }

  attach(device: ShardDevice, space: DeviceSpace): void {
    this.#device = device;
    this.kind = device.kind;
    this.#space = space;
    this.#failuresInRow = 0;
    this.#mismatchesInRow = 0;
    this.#silentSince = undefined;
    this.#readOnlySince = undefined;
    this.missingSince = undefined;
    this.isGivenUp = false;
    this.absence = '';
  }

  /** Waits for nothing: a device that hangs is closed when its last call has ended. */
  detach(absence: string): void {
    this.#device?.close().catch(() => undefined);
    this.#device = undefined;
    this.#space = SPACE_UNKNOWN;
    this.missingSince = this.#clock.monotonic();
    this.absence = absence;
  }

  get device(): ShardDevice | undefined {
    return this.#device;
  }

  /** Free is what can be written. */
  get space(): DeviceSpace {
    return this.isReadOnly ? { ...this.#space, bytesFree: 0 } : this.#space;
  }

  set space(space: DeviceSpace) {
    this.#space = space;
  }

  /** Counts what was written since its space was measured: many seconds' writes fill a small device. */
  took(bytes: number): void {
    this.#space = { ...this.#space, bytesFree: Math.max(0, this.#space.bytesFree - bytes) };
  }

  get isMissing(): boolean {
    return this.#device === undefined;
  }

  get isStalled(): boolean {
    return this.#overdue > 0;
  }

  /** It can be read and takes no writes. */
  get isReadOnly(): boolean {
    return this.#readOnlySince !== undefined;
  }

  /** Since when it is missing or takes no writes. */
  get awaySince(): MonotonicMs | undefined {
    return this.missingSince ?? this.#readOnlySince;
  }

  /** It has failed a few times in a row and is asked only by who needs it. */
  get isResting(): boolean {
    const failures = Math.max(this.#failuresInRow, this.#mismatchesInRow);
    return failures >= WARM_FAILURES_MAX && this.#clock.monotonic() < this.#restsUntil;
  }

  /** It has done nothing but fail or hang for long. */
  get isSilent(): boolean {
    const since = this.#silentSince;
    return since !== undefined && this.#clock.monotonic() - since >= WARM_SILENT_MS_MAX;
  }

  /** It can be asked. */
  get isUsable(): boolean {
    return !this.isMissing && !this.isStalled;
  }

  /** Keeps what is written: it is there, or counted on to come back. */
  get isExpected(): boolean {
    return this.record.state === 'in-service' && !this.isGivenUp;
  }

  /** What it holds may be asked for later: it is not given up, and has not left the pool. */
  get mayAnswer(): boolean {
    return this.record.state !== 'removed' && !(this.isMissing && this.isGivenUp);
  }

  /** Part of what new stripes are spread over. */
  get isPresent(): boolean {
    return this.record.state === 'in-service' && this.isUsable && !this.isResting && !this.isReadOnly;
  }

  get isWritable(): boolean {
    return this.isPresent && this.space.bytesFree >= WARM_DEVICE_FREE_BYTES_MIN;
  }

  /** About how many milliseconds a call will take. */
  get load(): number {
    const resting = this.isResting ? WARM_FAILURE_REST_MS : 0;
    return (this.#underWay + this.#waiting.length + 1) * this.#latencyMs + resting;
  }

  /** A probe: that it answers shows that the device is there, not that it serves shards. */
  async probe(): Promise<void> {
    await this.#serve((device) => device.probe(), 'device');
    if (!this.isReadOnly) return;
    this.#readOnlySince = undefined;
    this.isGivenUp = false;
  }

  /** Its space now; that it answers this shows nothing about its medium. */
  measured(): Promise<DeviceSpace> {
    return this.#serve((device) => device.space(), 'nothing');
  }

  /** What a write was when it was read back. */
  compared(isSame: boolean): void {
    if (isSame) this.#mismatchesInRow = 0;
    else {
      this.errors += 1;
      this.#mismatchesInRow += 1;
      this.#restsUntil = this.#clock.monotonic() + WARM_FAILURE_REST_MS;
    }
  }

  /** Fault('unavailable' | 'throttled', 'device') when it is not there, hangs, or too many wait for it. */
  call<T>(work: (device: ShardDevice) => Promise<T>): Promise<T> {
    return this.#serve(work, 'shards');
  }

  async #serve<T>(
    work: (device: ShardDevice) => Promise<T>,
    shows: 'shards' | 'device' | 'nothing',
  ): Promise<T> {
    this.#requireUsable();
    await this.#turn();
    const device = this.#device;
    if (device === undefined) {
      this.#end();
      throw this.#away();
    }
    const begunAt = this.#clock.monotonic();
    const working = work(device);
    try {
      const value = await this.#withDeadline(working);
      this.#latencyMs += (this.#clock.monotonic() - begunAt - this.#latencyMs) * LATENCY_WEIGHT;
      this.#latencyMs = Math.max(this.#latencyMs, LATENCY_MS_MIN);
      if (shows === 'shards') this.#failuresInRow = 0;
      if (shows !== 'nothing') this.#silentSince = undefined;
      return value;
    } catch (cause) {
      this.#failed(cause, shows);
      throw cause;
    }
  }

  /** Waits for what is under way, but not for what hangs: that must not hold up the stop. */
  async close(): Promise<void> {
    this.#refuseWaiting();
    const closing = this.#device?.close();
    if (closing === undefined) return;
    if (await settlesWithin(this.#clock, closing, WARM_CLOSE_MS_MAX)) await closing;
    else closing.catch(() => undefined);
  }

  #requireUsable(): void {
    if (this.isMissing) throw this.#away();
    if (this.isStalled) throw this.#stalled();
  }

  async #turn(): Promise<void> {
    if (this.#underWay < WARM_DEVICE_CALLS_MAX) {
      this.#underWay += 1;
      return;
    }
    if (this.#waiting.length >= WARM_DEVICE_WAITING_MAX) {
      throw new Fault('throttled', 'device', `too much waits for the warm device ${this.record.path}`);
    }
    // Who ends hands its turn over.
    await new Promise<void>((begin, refuse) => this.#waiting.push({ begin, refuse }));
  }

  #end(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#underWay -= 1;
    else next.begin();
  }

  /** The turn ends with the call, also when nobody waits for that any more. */
  async #withDeadline<T>(working: Promise<T>): Promise<T> {
    const call = { isOverdue: false };
    const ended = (): void => {
      if (call.isOverdue) this.#overdue -= 1;
      this.#end();
    };
    working.then(ended, ended);
    if (await settlesWithin(this.#clock, working, WARM_DEVICE_MS_MAX)) return working;
    call.isOverdue = true;
    this.#overdue += 1;
    this.#refuseWaiting();
    throw this.#stalled();
  }

  #refuseWaiting(): void {
    for (const { refuse } of this.#waiting.splice(0)) refuse(this.#stalled());
  }

  #failed(cause: unknown, shows: 'shards' | 'device' | 'nothing'): void {
    const code = cause instanceof Fault ? cause.code : 'unavailable';
    if (code === 'read-only') {
      if (!this.isReadOnly) this.errors += 1;
      this.#readOnlySince ??= this.#clock.monotonic();
      // That it says so is an answer. A probe has read from the medium as well.
      if (shows === 'device') this.#silentSince = undefined;
    }
    if (code === 'no-space') {
      this.#space = { ...this.#space, bytesFree: 0 };
      this.#readOnlySince = undefined;
    }
    if (code !== 'unavailable') return;
    this.errors += 1;
    this.#failuresInRow += 1;
    this.#silentSince ??= this.#clock.monotonic();
    this.#restsUntil = this.#clock.monotonic() + WARM_FAILURE_REST_MS;
    this.#troubled();
  }

  #away(): Fault {
    return new Fault('unavailable', 'device', `the warm device ${this.record.path} is missing`);
  }

  #stalled(): Fault {
    return new Fault('unavailable', 'device', `the warm device ${this.record.path} does not answer`);
  }
}
