import { Fault } from '../../fault.ts';
import type { Key, Kv } from '../../kv/kv.ts';
import { decodeU64, encodeU64, prefixRange } from '../../kv/tuple.ts';
import { FOUND_IMAGES_BYTES_MAX, WARM_IMAGE_BYTES_MAX, WARM_PAGE_ENTRIES_MAX } from '../../limits/tiering.ts';
import type { Reduction } from '../../workers/reduction.ts';
import {
  isSameStripe,
  readShardHeader,
  SHARD_HEADER_BYTES,
  type ShardHeader,
} from '../../workers/segment.ts';
import { segmentBytesOf, segmentIdOf } from '../reduction/tables.ts';
import type { SegmentHealth, SegmentId, SegmentStore, StoreTraits } from '../segment-store.ts';
import type { FoundDevice } from './found-devices.ts';

/** First byte of its rows in the store of a recovery, before those of tiering/reduction/recovery-tables.ts. */
const SHARDS_TABLE = 0x00;
const ID_AT = 1;
const GENERATION_AT = ID_AT + 16;
const INDEX_AT = GENERATION_AT + 8;
const DEVICE_AT = INDEX_AT + 8;
const NOTHING = new Uint8Array(0);

export interface FoundShardsParts {
  readonly devices: readonly FoundDevice[];
  readonly reduction: Reduction;
  /** Keeps which device has which shard: there may be more than memory holds. */
  readonly scratch: Kv;
}

/** Where a shard lies. */
interface Place {
  readonly generation: number;
  readonly index: number;
  readonly device: FoundDevice;
}

interface SoundShard {
  readonly header: ShardHeader;
  /** With its header. */
  readonly bytes: Uint8Array;
}

/**
 * The segments of a warm pool whose rows are gone: shards are found by their names on the devices, and what belongs together by their
 * headers. Only reads; a segment is whole when as many shards of one generation are sound as hold data.
 */
export class FoundShards implements SegmentStore {
  readonly traits: StoreTraits = {
    ...{ tier: 'warm', access: 'immediate', imageBytesMax: WARM_IMAGE_BYTES_MAX },
    shape: { data: 1, parity: 0 },
  };
  /** On all devices. */
  readonly shards: number;
  readonly #parts: FoundShardsParts;
  /** Those that were read last, oldest first. */
  readonly #images = new Map<SegmentId, Uint8Array>();
  readonly #reading = new Map<SegmentId, Promise<Uint8Array>>();
  #imagesBytes = 0;

  private constructor(parts: FoundShardsParts, shards: number) {
    this.#parts = parts;
    this.shards = shards;
  }

  /** Lists all devices. Faults of one that does not answer. */
  static async open(parts: FoundShardsParts): Promise<FoundShards> {
    let shards = 0;
    for (const [number, { shards: device }] of parts.devices.entries()) {
      for await (const page of device.list()) {
        shards += page.length;
        await parts.scratch.transact('buffered', async (tx) => {
          for (const { id, generation, index } of page)
            tx.put(shardKey(id, [generation, index, number]), NOTHING);
        });
      }
    }
    return new FoundShards(parts, shards);
  }

  async read(id: SegmentId, offset: number, length: number): Promise<Uint8Array> {
    const image = await this.#image(id);
    if (offset + length > image.length)
      throw new Fault('corrupt', 'store', `segment ${id} is shorter than ${offset + length} bytes`);
    return image.subarray(offset, offset + length);
  }

  async imageBytes(id: SegmentId): Promise<number> {
    return (await this.#image(id)).length;
  }

  async *list(after?: SegmentId): AsyncIterable<readonly SegmentId[]> {
    const { end } = prefixRange(Uint8Array.of(SHARDS_TABLE));
    const start = after === undefined ? Uint8Array.of(SHARDS_TABLE) : prefixRange(shardKey(after, [])).end;
    let last = after;
    const range = { start, end };
    for await (const page of this.#parts.scratch.scan(range, { pageEntries: WARM_PAGE_ENTRIES_MAX })) {
      const ids: SegmentId[] = [];
      for (const { key } of page) {
        const id = segmentIdOf(key.subarray(ID_AT, GENERATION_AT));
        if (id !== last) ids.push(id);
        last = id;
      }
      if (ids.length > 0) yield ids;
    }
  }

  put(): Promise<never> {
    return Promise.reject(readOnly());
  }

  delete(): Promise<never> {
    return Promise.reject(readOnly());
  }

  /** What can be made whole is whole in every read. */
  async scrub(): Promise<SegmentHealth> {
    return { checked: 0, corrupt: 0, healed: 0, isWhole: true };
  }

  async recall(): Promise<boolean> {
    return true;
  }

  usage(): ReturnType<SegmentStore['usage']> {
    return { bytesTotal: Infinity, bytesFree: 0 };
  }

  async close(): Promise<void> {
    await Promise.all(this.#parts.devices.map(({ shards }) => shards.close()));
  }

  #image(id: SegmentId): Promise<Uint8Array> {
    const known = this.#images.get(id);
    if (known !== undefined) return Promise.resolve(known);
    const reading = this.#reading.get(id) ?? this.#read(id).finally(() => this.#reading.delete(id));
    this.#reading.set(id, reading);
    return reading;
  }

  async #read(id: SegmentId): Promise<Uint8Array> {
    const places = await this.#placesOf(id);
    const generations = [...new Set(places.map(({ generation }) => generation))].toSorted((a, b) => b - a);
    let sound = 0;
    for (const generation of generations) {
      const found = await this.#soundOf(
        id,
        places.filter((place) => place.generation === generation),
      );
      const image = await this.#imageOf(found);
      if (image !== undefined) {
        this.#keep(id, image);
        return image;
      }
      sound = Math.max(sound, found.length);
    }
    throw new Fault('corrupt', 'store', `segment ${id} has ${sound} sound shards, which are too few`);
  }

  async #placesOf(id: SegmentId): Promise<readonly Place[]> {
    const places: Place[] = [];
    const range = prefixRange(shardKey(id, []));
    for await (const page of this.#parts.scratch.scan(range, { pageEntries: WARM_PAGE_ENTRIES_MAX })) {
      for (const { key } of page) {
        const device = this.#parts.devices[decodeU64(key, DEVICE_AT)];
        if (device === undefined) continue;
        places.push({ generation: decodeU64(key, GENERATION_AT), index: decodeU64(key, INDEX_AT), device });
      }
    }
    return places;
  }

  /** As many as hold data, those of data before those of parity, or all there are. */
  async #soundOf(id: SegmentId, places: readonly Place[]): Promise<readonly SoundShard[]> {
    const found: SoundShard[] = [];
    for (const place of places.toSorted((one, other) => one.index - other.index)) {
      const [first] = found;
      if (first !== undefined && found.length === first.header.shape.data) break;
      if (found.some(({ header }) => header.index === place.index)) continue;
      const shard = await this.#shardAt(id, place);
      if (shard === undefined) continue;
      if (first === undefined || isSameStripe(first.header, shard.header)) found.push(shard);
    }
    return found;
  }

  /** `undefined` for one that is gone or not what was written. */
  async #shardAt(id: SegmentId, { generation, index, device }: Place): Promise<SoundShard | undefined> {
    let bytes: Uint8Array;
    try {
      bytes = await device.shards.readWhole({ id, generation, index });
    } catch (failure) {
      if (failure instanceof Fault) return undefined;
      throw failure;
    }
    const header = readShardHeader(bytes.subarray(0, SHARD_HEADER_BYTES));
    const isOurs =
      header !== undefined &&
      header.index === index &&
      header.generation === generation &&
      segmentIdOf(header.id) === id &&
      bytes.length === SHARD_HEADER_BYTES + header.shardBytes;
    if (!isOurs) return undefined;
    const part = { index, bytes: bytes.subarray(SHARD_HEADER_BYTES) };
    const damaged = await this.#parts.reduction.damaged(bytes.subarray(0, SHARD_HEADER_BYTES), 0, part);
    return damaged.length === 0 ? { header, bytes } : undefined;
  }

  async #imageOf(found: readonly SoundShard[]): Promise<Uint8Array | undefined> {
    const [first] = found;
    if (first === undefined || found.length < first.header.shape.data) return undefined;
    const indexes = Array.from({ length: first.header.shape.data }, (_, index) => index);
    const there = new Map(found.map(({ header, bytes }) => [header.index, bytes]));
    const wanted = indexes.filter((index) => !there.has(index));
    const made =
      wanted.length === 0
        ? []
        : await this.#parts.reduction.rebuild(
            found.map(({ bytes }) => bytes),
            wanted,
          );
    if (made === undefined) return undefined;
    for (const [at, index] of wanted.entries()) there.set(index, made[at] ?? NOTHING);
    return Buffer.concat(indexes.map((index) => (there.get(index) ?? NOTHING).subarray(SHARD_HEADER_BYTES)));
  }

  #keep(id: SegmentId, image: Uint8Array): void {
    this.#images.set(id, image);
    this.#imagesBytes += image.length;
    for (const [oldest, { length }] of this.#images) {
      if (this.#imagesBytes <= FOUND_IMAGES_BYTES_MAX) break;
      this.#images.delete(oldest);
      this.#imagesBytes -= length;
    }
  }
}

const readOnly = (): Fault => new Fault('read-only', 'store', 'what was found is only read');

const shardKey = (id: SegmentId, numbers: readonly number[]): Key =>
  Buffer.concat([
    Uint8Array.of(SHARDS_TABLE),
    segmentBytesOf(id),
    ...numbers.map((number) => encodeU64(number)),
  ]);
