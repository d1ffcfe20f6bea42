import { Fault } from '../../fault.ts';
import type { Compute } from '../../workers/compute.ts';
import { nameOf, type ColdPlace } from './cold-place.ts';
import type { ColdLayout } from './cold-layout.ts';
import type { ObjectStore, UploadCondition } from './object-store.ts';

export interface Probing {
  /** Without repetitions: what is refused shall be heard of. */
  readonly objects: ObjectStore;
  readonly place: ColdPlace;
  readonly compute: Compute;
  readonly signal: AbortSignal;
  readonly layout: ColdLayout;
}

/** What a store does not do and can be lived with, as a sentence. */
export type Shortcoming = string | undefined;

export interface Fitness {
  readonly shortcoming: Shortcoming;
  /** It keeps encrypted what it is asked to; only looked for where objects shall lie under their own keys. */
  readonly seals: boolean;
}

/**
 * Tries everything that segments rely on with one small object under `key`, which is gone afterwards.
 * Fault('not-supported', 'store'), a sentence, for a store that ignores conditions or gives back something else.
 */
export async function selfTest(probing: Probing, key: string, random: Uint8Array): Promise<Fitness> {
  const { objects, signal } = probing;
  try {
    const etag = await testContent(probing, key, random);
    await testConditions(probing, key, { random, etag });
    const shortcoming = await testChecksum(probing, key, random);
    return { shortcoming, seals: probing.layout === 'native' && (await testNative(probing, key, random)) };
  } finally {
    await objects.delete(key, signal).catch(() => undefined);
  }
}

async function testContent(probing: Probing, key: string, bytes: Uint8Array): Promise<string> {
  const { objects, signal } = probing;
  await upload(probing, key, { bytes, condition: { kind: 'absent' } });
  const whole = await objects.get(key, undefined, signal);
  const part = await objects.get(key, { offset: 1, length: 2 }, signal);
  const isSame =
    Buffer.compare(whole.bytes, bytes) === 0 && Buffer.compare(part.bytes, bytes.subarray(1, 3)) === 0;
  if (!isSame) throw lacking(probing, 'does not give back what it was given');
  const { keys } = await objects.list(key, '', signal);
  if (!keys.includes(key)) throw lacking(probing, 'does not list what was just put there');
  return whole.etag;
}

async function testConditions(
  probing: Probing,
  key: string,
  { random, etag }: { readonly random: Uint8Array; readonly etag: string },
): Promise<void> {
  const bytes = random.toReversed();
  const wrong = '"00000000000000000000000000000000"';
  if (await upload(probing, key, { bytes, condition: { kind: 'absent' } })) {
    throw lacking(probing, 'ignores conditions of uploads (If-None-Match)');
  }
  if (await upload(probing, key, { bytes, condition: { kind: 'same', etag: wrong } })) {
    throw lacking(probing, 'ignores conditions of uploads (If-Match)');
  }
  if (!(await upload(probing, key, { bytes, condition: { kind: 'same', etag } }))) {
    throw lacking(probing, 'does not replace an object on the condition that it has not changed (If-Match)');
  }
}

async function testChecksum(probing: Probing, key: string, random: Uint8Array): Promise<Shortcoming> {
  const { objects, signal, place } = probing;
  await objects.delete(key, signal);
  const crc64nvme = checksumOf(probing.compute, random).toReversed();
  try {
    await objects.put(key, { bytes: random, crc64nvme, condition: { kind: 'absent' } }, signal);
  } catch (failure) {
    // Stores differ in how they say it.
    const isRefusal =
      failure instanceof Fault && ['checksum-mismatch', 'invalid-argument'].includes(failure.code);
    if (isRefusal) return undefined;
    throw failure;
  }
  return `The cold store ${nameOf(place)} takes uploads whose checksum is wrong (CRC64NVME): all that finds damage on the way is that each upload is read back.`;
}

/** Objects under their own keys are deleted only where nobody has changed them, and sealed by the store. */
async function testNative(probing: Probing, key: string, bytes: Uint8Array): Promise<boolean> {
  const { objects, signal } = probing;
  await objects.delete(key, signal);
  const seals = await testSealing(probing, key, bytes);
  await objects.deleteSame(key, '"00000000000000000000000000000000"', signal).catch((failure: unknown) => {
    if (!(failure instanceof Fault) || failure.subject !== 'object') throw failure;
  });
  const facts = await objects.head(key, signal);
  if (facts === undefined)
    throw lacking(probing, 'ignores conditions of deletes (If-Match), which cold.layout native needs');
  const areSealed = await testParts(probing, key, bytes);
  await objects.deleteSame(key, facts.etag, signal);
  if ((await objects.head(key, signal)) === undefined) return seals && areSealed;
  throw lacking(probing, 'does not delete on a condition (If-Match), which cold.layout native needs');
}

/** Over an object that is there: uploads in parts obey conditions. Whether the store says that it seals them. */
async function testParts(probing: Probing, key: string, bytes: Uint8Array): Promise<boolean> {
  const conditions: readonly UploadCondition[] = [
    { kind: 'absent' },
    { kind: 'same', etag: '"00000000000000000000000000000000"' },
  ];
  for (const condition of conditions) {
    const { upload } = await probing.objects.begin(key, PLAIN, probing.signal);
    if (!(await isCompleted(probing, key, { upload, bytes: bytes.toReversed(), condition }))) continue;
    const name = condition.kind === 'absent' ? 'If-None-Match' : 'If-Match';
    throw lacking(
      probing,
      `ignores conditions of uploads in parts (${name}), which cold.layout native needs`,
    );
  }
  return sealsParts(probing, key);
}

const PLAIN = { headers: {}, metadata: {}, isSealed: false };

/** Of an upload of one part, which is gone if it is not complete. */
async function isCompleted(
  { objects, compute, signal }: Probing,
  key: string,
  given: { readonly upload: string; readonly bytes: Uint8Array; readonly condition: UploadCondition },
): Promise<boolean> {
  const { upload, bytes, condition } = given;
  const crc64nvme = checksumOf(compute, bytes);
  try {
    const { etag } = await objects.putPart(key, { upload, number: 1, bytes, crc64nvme }, signal);
    await objects.complete(key, { upload, etags: [etag], crc64nvme, condition }, signal);
    return true;
  } catch (failure) {
    await objects.abandon(key, upload, signal).catch(() => undefined);
    if (failure instanceof Fault && refusals.has(failure.code)) return false;
    throw failure;
  }
}

/** Stores differ in how they say that a condition was not met. */
const refusals: ReadonlySet<Fault['code']> = new Set(['precondition-failed', 'conflict']);

async function sealsParts({ objects, signal }: Probing, key: string): Promise<boolean> {
  try {
    const { upload, isSealed } = await objects.begin(key, { ...PLAIN, isSealed: true }, signal);
    await objects.abandon(key, upload, signal);
    return isSealed;
  } catch (failure) {
    if (isRefusedSealing(failure)) return false;
    throw failure;
  }
}

/** Leaves the object there in any case. */
async function testSealing(
  { objects, compute, signal }: Probing,
  key: string,
  bytes: Uint8Array,
): Promise<boolean> {
  const upload = { bytes, crc64nvme: checksumOf(compute, bytes), condition: { kind: 'absent' } } as const;
  const about = { headers: {}, metadata: {}, isSealed: true };
  try {
    return (await objects.put(key, { ...upload, about }, signal)).isSealed;
  } catch (failure) {
    if (!isRefusedSealing(failure)) throw failure;
    await objects.put(key, upload, signal);
    return false;
  }
}

const isRefusedSealing = (failure: unknown): boolean =>
  failure instanceof Fault && ['not-supported', 'invalid-argument'].includes(failure.code);

/** Whether it was taken; false when the condition was not met. */
async function upload(
  { objects, compute, signal }: Probing,
  key: string,
  { bytes, condition }: { readonly bytes: Uint8Array; readonly condition: UploadCondition },
): Promise<boolean> {
  try {
    await objects.put(key, { bytes, crc64nvme: checksumOf(compute, bytes), condition }, signal);
    return true;
  } catch (failure) {
    if (failure instanceof Fault && failure.code === 'precondition-failed') return false;
    throw failure;
  }
}

const checksumOf = (compute: Compute, bytes: Uint8Array): Uint8Array =>
  compute.digest(['crc64nvme'], [bytes]).crc64nvme ?? new Uint8Array(0);

const lacking = ({ place }: Probing, what: string): Fault =>
  new Fault('not-supported', 'store', `The cold store ${nameOf(place)} ${what}: use another one.`);
