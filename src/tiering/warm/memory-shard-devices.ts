import assert from 'node:assert/strict';
import type { Random } from '../../environment.ts';
import { Fault } from '../../fault.ts';
import { WARM_PAGE_ENTRIES_MAX } from '../../limits/tiering.ts';
import type { DeviceIdentity, DeviceSpace, ShardDevice, ShardDevices, ShardName } from './shard-device.ts';

export type ShardOperation =
  'put' | 'read' | 'readWhole' | 'lengthOf' | 'delete' | 'list' | 'space' | 'probe';
/** How a broken device answers. */
export type ShardFailure = 'EIO' | 'ENOSPC' | 'EROFS' | 'hang';

type FailureOf = (operation: ShardOperation, name?: ShardName) => ShardFailure | undefined;

interface Shard {
  readonly name: ShardName;
  readonly bytes: Uint8Array;
}

/** One place with what lies there: it outlives the process, and misbehaves as told. */
export class MemoryPlace {
  identity: DeviceIdentity | undefined;
  /** Otherwise there is nothing at its path. */
  isPlugged = true;
  bytesTotal: number;
  volume: string;
  /** How long calls take; called twice for each, before its effect and after it. */
  delay: ((operation: ShardOperation) => Promise<void>) | undefined;
  readonly #shards = new Map<string, Shard>();
  readonly #incoming = new Set<Shard>();
  /** Counts crashes: what was under way before one must not happen after it. */
  #life = 0;
  #failure: FailureOf | undefined;
  /** Calls that hang. */
  #hanging: (() => void)[] = [];

  constructor({ bytesTotal = 2 ** 32, volume }: { readonly bytesTotal?: number; readonly volume: string }) {
    this.bytesTotal = bytesTotal;
    this.volume = volume;
  }

  /** Asked before each call. What hangs ends, with a failure, when the place gets another one. */
  set failure(failure: FailureOf | undefined) {
    this.#failure = failure;
    for (const end of this.#hanging.splice(0)) end();
  }

  names(): readonly ShardName[] {
    return [...this.#shards.values()].map(({ name }) => name);
  }

  bytesUsed(): number {
    return [...this.#shards.values()].reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  shard(name: ShardName): Uint8Array | undefined {
    return this.#shards.get(textOf(name))?.bytes;
  }

  place(name: ShardName, bytes: Uint8Array): void {
    this.#shards.set(textOf(name), { name, bytes });
  }

  remove(name: ShardName): void {
    this.#shards.delete(textOf(name));
  }

  /** Flips one bit on the medium. */
  corrupt(name: ShardName, offset: number, bit: number): void {
    const bytes = Uint8Array.from(this.shard(name) ?? assert.fail('there is no such shard'));
    bytes[offset]! ^= 1 << (bit % 8);
    this.place(name, bytes);
  }

  /** Another medium, empty, is in its place. */
  lose(): void {
    this.#shards.clear();
    this.identity = undefined;
    this.#life += 1;
  }

  /** Power loss: shards on their way are there or not; or torn, where the file system keeps no order. */
  crash(random: Random): void {
    this.#life += 1;
    for (const { name, bytes } of this.#incoming) {
      const outcome = random.below(3);
      if (outcome === 1) this.place(name, bytes);
      if (outcome === 2) this.place(name, bytes.slice(0, random.below(bytes.length)));
    }
    this.#incoming.clear();
  }

  arriving(shard: Shard): () => void {
    this.#incoming.add(shard);
    return () => this.#incoming.delete(shard);
  }

  /** A call up to its effect. */
  async arrive(operation: ShardOperation, name?: ShardName): Promise<() => Promise<void>> {
    const life = this.#life;
    const checkAlive = (): void => {
      if (life !== this.#life || !this.isPlugged)
        throw new Fault('unavailable', 'device', 'EIO: it has gone');
    };
    checkAlive();
    await (this.delay?.(operation) ?? Promise.resolve());
    checkAlive();
    const failure = this.#failure?.(operation, name);
    if (failure === 'hang') await new Promise<void>((end) => this.#hanging.push(end));
    if (failure === 'ENOSPC') throw new Fault('no-space', 'device', 'ENOSPC');
    if (failure === 'EROFS') throw new Fault('read-only', 'device', 'EROFS');
    if (failure !== undefined) throw new Fault('unavailable', 'device', 'EIO');
    return async () => {
      await (this.delay?.(operation) ?? Promise.resolve());
      checkAlive();
    };
  }
}

/** Places by path: the devices of a simulation. */
export class MemoryShardDevices implements ShardDevices {
  readonly places = new Map<string, MemoryPlace>();

  /** Makes an empty place. */
  place(path: string, options: { readonly bytesTotal?: number; readonly volume?: string } = {}): MemoryPlace {
    const made = new MemoryPlace({ volume: path, ...options });
    this.places.set(path, made);
    return made;
  }

  async placeOf(path: string): Promise<string> {
    return path;
  }

  async make(path: string, identity: DeviceIdentity): Promise<ShardDevice> {
    const place = this.#plugged(path);
    if (place === undefined) throw new Fault('invalid-argument', 'device', `There is no directory ${path}.`);
    const taken = place.identity;
    const isOther =
      taken?.pool !== identity.pool || (taken.device !== identity.device && place.names().length > 0);
    if (taken !== undefined && isOther) {
      throw new Fault('invalid-argument', 'device', `${path} belongs to another pool.`);
    }
    place.identity = identity;
    return new MemoryShardDevice(place, identity);
  }

  async find(path: string, identity: DeviceIdentity): Promise<ShardDevice> {
    const place = this.#plugged(path);
    if (place === undefined) throw new Fault('not-found', 'device', 'there is no such directory');
    const device = new MemoryShardDevice(place, identity);
    await device.probe();
    return device;
  }

  #plugged(path: string): MemoryPlace | undefined {
    const place = this.places.get(path);
    return place?.isPlugged === true ? place : undefined;
  }
}

class MemoryShardDevice implements ShardDevice {
  readonly kind = 'directory';
  readonly #place: MemoryPlace;
  readonly #identity: DeviceIdentity;

  constructor(place: MemoryPlace, identity: DeviceIdentity) {
    this.#place = place;
    this.#identity = identity;
  }

  async put(name: ShardName, bytes: Uint8Array): Promise<void> {
    const shard = { name, bytes: Uint8Array.from(bytes) };
    const arrived = this.#place.arriving(shard);
    try {
      const answer = await this.#place.arrive('put', name);
      if (this.#bytesFree() < bytes.length) throw new Fault('no-space', 'device', 'ENOSPC');
      this.#place.place(name, shard.bytes);
      await answer();
    } finally {
      arrived();
    }
  }

  async read(name: ShardName, offset: number, length: number): Promise<Uint8Array> {
    const answer = await this.#place.arrive('read', name);
    const bytes = this.#there(name);
    if (offset + length > bytes.length) throw new Fault('corrupt', 'device', 'a shard is too short');
    const part = bytes.slice(offset, offset + length);
    await answer();
    return part;
  }

  async readWhole(name: ShardName): Promise<Uint8Array> {
    const answer = await this.#place.arrive('readWhole', name);
    const bytes = this.#there(name).slice();
    await answer();
    return bytes;
  }

  async lengthOf(name: ShardName): Promise<number | undefined> {
    const answer = await this.#place.arrive('lengthOf', name);
    const length = this.#place.shard(name)?.length;
    await answer();
    return length;
  }

  async delete(name: ShardName): Promise<void> {
    const answer = await this.#place.arrive('delete', name);
    this.#place.remove(name);
    await answer();
  }

  async *list(): AsyncIterable<readonly ShardName[]> {
    const answer = await this.#place.arrive('list');
    const names = this.#place.names();
    for (let at = 0; at < names.length; at += WARM_PAGE_ENTRIES_MAX) {
      yield names.slice(at, at + WARM_PAGE_ENTRIES_MAX);
    }
    await answer();
  }

  async space(): Promise<DeviceSpace> {
    const answer = await this.#place.arrive('space');
    const { bytesTotal, volume } = this.#place;
    const space = { bytesTotal, bytesFree: this.#bytesFree(), volume };
    await answer();
    return space;
  }

  async probe(): Promise<void> {
    await this.#place.arrive('probe');
    const { pool, device } = this.#place.identity ?? {};
    if (pool !== this.#identity.pool || device !== this.#identity.device) {
      throw new Fault('not-found', 'device', 'another device is there');
    }
  }

  async retire(): Promise<void> {
    await this.probe();
    this.#place.lose();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #bytesFree(): number {
    return Math.max(0, this.#place.bytesTotal - this.#place.bytesUsed());
  }

  #there(name: ShardName): Uint8Array {
    const bytes = this.#place.shard(name);
    if (bytes === undefined) throw new Fault('not-found', 'device', 'there is no such shard');
    return bytes;
  }
}

const textOf = ({ id, generation, index }: ShardName): string => `${id}.${generation}.${index}`;
