import assert from 'node:assert/strict';
import type { Environment } from '../../environment.ts';
import { Fault } from '../../fault.ts';
import type { Kv } from '../../kv/kv.ts';
import { WARM_DEVICES_MAX, WARM_PAGE_ENTRIES_MAX } from '../../limits/tiering.ts';
import {
  decodeDevice,
  decodePool,
  deviceKey,
  deviceRange,
  encodeDevice,
  encodePool,
  NOWHERE,
  poolKey,
  type DeviceNumber,
  type DeviceRecord,
} from './records.ts';

const ID_BYTES = 16;

/** The rows of the pool and its devices. Every change is durable when it resolves. */
export class DeviceRows {
  readonly poolId: string;
  readonly #kv: Kv;
  readonly #random: Environment['random'];

  private constructor(kv: Kv, random: Environment['random'], poolId: string) {
    this.#kv = kv;
    this.#random = random;
    this.poolId = poolId;
  }

  /** The rows there are; a pool that has none gets its id, which its devices are marked with. */
  static async open(kv: Kv, random: Environment['random']): Promise<DeviceRows> {
    const fresh = { id: freshId(random), nextDevice: 1 };
    const { id } = await kv.transact('durable', async (tx) => {
      const row = await tx.get(poolKey);
      if (row === undefined) tx.put(poolKey, encodePool(fresh));
      return row === undefined ? fresh : decodePool(row);
    });
    return new DeviceRows(kv, random, id);
  }

  all(): Promise<readonly DeviceRecord[]> {
    return DeviceRows.recordsOf(this.#kv);
  }

  static async recordsOf(kv: Kv): Promise<readonly DeviceRecord[]> {
    const records: DeviceRecord[] = [];
    for await (const page of kv.scan(deviceRange, { pageEntries: WARM_PAGE_ENTRIES_MAX })) {
      records.push(...page.map(({ key, value }) => decodeDevice(key, value)));
    }
    return records;
  }

  /** A record of its own for a place, before that is touched: a crash leaves no device that nobody knows. */
  add(path: string): Promise<DeviceRecord> {
    const id = freshId(this.#random);
    return this.#kv.transact('durable', async (tx) => {
      const row = await tx.get(poolKey);
      assert(row !== undefined, 'the pool has a row');
      const { id: poolId, nextDevice } = decodePool(row);
      if (nextDevice > WARM_DEVICES_MAX) {
        throw new Fault(
          'too-large',
          'device',
          `The warm pool has had ${WARM_DEVICES_MAX} devices, and takes no more.`,
        );
      }
      tx.put(poolKey, encodePool({ id: poolId, nextDevice: nextDevice + 1 }));
      const number = nextDevice as DeviceNumber;
      const record: DeviceRecord = { number, id, path, state: 'new', successor: NOWHERE };
      tx.put(deviceKey(number), encodeDevice(record));
      return record;
    });
  }

  /** All of them or none. */
  change(records: readonly DeviceRecord[]): Promise<void> {
    return this.#kv.transact('durable', async (tx) => {
      for (const record of records) tx.put(deviceKey(record.number), encodeDevice(record));
    });
  }

  forget({ number }: DeviceRecord): Promise<void> {
    return this.#kv.transact('durable', async (tx) => tx.delete(deviceKey(number)));
  }
}

const freshId = (random: Environment['random']): string =>
  Buffer.from(random.bytes(ID_BYTES)).toString('hex');
