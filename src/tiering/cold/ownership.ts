import { Fault } from '../../fault.ts';
import type { Kv } from '../../kv/kv.ts';
import { COLD_MARKER_BYTES_MAX } from '../../limits/tiering.ts';
import type { Compute } from '../../workers/compute.ts';
import { keyBelow, nameOf, type ColdPlace } from './cold-place.ts';
import type { ObjectStore } from './object-store.ts';

/** One row: which cold store belongs to this metadata. */
const rowKey = Uint8Array.of(0x54);

/** The name by which a prefix and metadata know each other. */
export interface ColdIdentity {
  /** 32 hexadecimal digits, made once. */
  readonly id: string;
  /** Where it was when it was used last; `undefined`: it never was. */
  readonly attachedAs: string | undefined;
}

/** At the first opening `fresh`, durable before anything is written to the store. */
export async function openColdIdentity(kv: Kv, fresh: string): Promise<ColdIdentity> {
  return kv.transact('durable', async (tx) => {
    const row = await tx.get(rowKey);
    if (row !== undefined) return identityOf(row);
    const identity = { id: fresh, attachedAs: undefined };
    tx.put(rowKey, Buffer.from(JSON.stringify(identity)));
    return identity;
  });
}

/** What the metadata relies on, whether or not a cold store is configured now; `undefined`: on none. */
export async function coldStoreAttached(kv: Kv): Promise<string | undefined> {
  const row = await kv.get(rowKey);
  return row === undefined ? undefined : identityOf(row).attachedAs;
}

export async function rememberAttached(kv: Kv, id: string, place: ColdPlace): Promise<void> {
  await kv.transact('durable', async (tx) => {
    tx.put(rowKey, Buffer.from(JSON.stringify({ id, attachedAs: nameOf(place) })));
  });
}

function identityOf(row: Uint8Array): ColdIdentity {
  const { id, attachedAs } = JSON.parse(Buffer.from(row).toString()) as Partial<Record<string, unknown>>;
  const isSound =
    typeof id === 'string' &&
    /^[0-9a-f]{32}$/.test(id) &&
    ['string', 'undefined'].includes(typeof attachedAs);
  if (!isSound) throw new Fault('corrupt', 'store', 'the row about the cold store is damaged');
  return { id, attachedAs: attachedAs as string | undefined };
}

export interface Claiming {
  readonly objects: ObjectStore;
  readonly place: ColdPlace;
  readonly compute: Compute;
  readonly signal: AbortSignal;
}

/**
 * Makes the prefix this store's, by an object that is made only where there is none, or finds that it is.
 * Fault('invalid-argument', 'store'), a sentence, when it is another's, or when this store's segments must be elsewhere.
 */
export async function claimPrefix(claiming: Claiming, { id, attachedAs }: ColdIdentity): Promise<void> {
  const { objects, place, compute, signal } = claiming;
  const key = keyBelow(place, 'terrace.json');
  const owner = await ownerOf(claiming, key);
  if (owner === id) return;
  if (owner !== undefined) {
    const detail = `The cold store ${nameOf(place)} belongs to another Terrace (${key} says ${owner}), and is left as it is: choose another prefix with --cold.`;
    throw new Fault('invalid-argument', 'store', detail);
  }
  if (attachedAs !== undefined) {
    const detail = `The cold store ${nameOf(place)} has nothing of this Terrace (there is no ${key}), but the metadata describes content in ${attachedAs}: name that one with --cold, or copy all of it here.`;
    throw new Fault('invalid-argument', 'store', detail);
  }
  const bytes = Buffer.from(`${JSON.stringify({ terrace: 'cold store', format: 1, id })}\n`);
  const { crc64nvme = new Uint8Array(0) } = compute.digest(['crc64nvme'], [bytes]);
  try {
    await objects.put(key, { bytes, crc64nvme, condition: { kind: 'absent' } }, signal);
  } catch (failure) {
    if (!(failure instanceof Fault) || failure.code !== 'precondition-failed') throw failure;
  }
  // Whoever was first: perhaps this call, whose answer was lost.
  if ((await ownerOf(claiming, key)) === id) return;
  const detail = `The cold store ${nameOf(place)} is claimed by another Terrace at this moment: choose another prefix with --cold.`;
  throw new Fault('invalid-argument', 'store', detail);
}

/** The id in the marker; the marker as it is where it is none of ours. */
async function ownerOf({ objects, signal }: Claiming, key: string): Promise<string | undefined> {
  try {
    const { bytes } = await objects.get(key, undefined, signal);
    const text = Buffer.from(bytes.subarray(0, COLD_MARKER_BYTES_MAX)).toString();
    return /"id":\s*"([0-9a-f]{32})"/.exec(text)?.[1] ?? 'something else';
  } catch (failure) {
    if (failure instanceof Fault && failure.code === 'not-found' && failure.subject === 'object')
      return undefined;
    throw failure;
  }
}
