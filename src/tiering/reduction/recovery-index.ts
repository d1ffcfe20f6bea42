import { FRAME_SALT_BYTES, frameBytes, readFrameHead } from '../../workers/frame.ts';
import { IMAGE_BYTES_MAX, type SegmentEntry } from '../../workers/segment.ts';
import type { SegmentId } from '../segment-store.ts';
import { readEnd } from './compact.ts';
import { mayDescribe } from './description.ts';
import { isKeyFrame, readKeyFrame, type KeyFrame } from './key-frames.ts';
import { isGone } from './open-chunks.ts';
import type { RecoveryParts } from './recovery-parts.ts';
import { encodeLength, type FramePlace, type RecoveryTables } from './recovery-tables.ts';
import { unsealSecrets } from './secrets.ts';
import { fingerprintText } from './tables.ts';

/** What opens the frames that were found. */
export interface FoundKeys {
  /** Secrets by the id of their key: of several, where the metadata was once set back. */
  readonly secrets: ReadonlyMap<number, readonly Uint8Array[]>;
  /** Keys of fingerprints: one, unless several chunk stores wrote into the same store. */
  readonly fingerprintKeys: readonly Uint8Array[];
}

interface FindingKeys extends FoundKeys {
  readonly secrets: Map<number, readonly Uint8Array[]>;
  readonly fingerprintKeys: Uint8Array[];
}

/** Frames start at multiples of it. */
const FRAME_ALIGNMENT = FRAME_SALT_BYTES;

/** Writes down where all frames of all segments are, and collects the keys. */
export async function indexSegments(parts: RecoveryParts, tables: RecoveryTables): Promise<FoundKeys> {
  const found: FindingKeys = { secrets: new Map(), fingerprintKeys: [] };
  for await (const page of parts.segments.list()) {
    for (const segment of page) {
      try {
        await indexSegment(parts, { tables, segment, found });
      } catch (failure) {
        if (!isGone(failure)) throw failure;
        parts.log.warn('a segment cannot be read', { segment });
      }
    }
  }
  return found;
}

async function indexSegment(
  parts: RecoveryParts,
  given: { readonly tables: RecoveryTables; readonly segment: SegmentId; readonly found: FindingKeys },
): Promise<void> {
  const { tables, segment, found } = given;
  const entries = await entriesOf(parts, segment);
  const keys: FramePlace[] = [];
  await parts.scratch.transact('buffered', async (tx) => {
    keys.length = 0;
    for (const { start, head } of entries) {
      const place = { segment, start, length: frameBytes(head) };
      if (isKeyFrame(head)) keys.push(place);
      else if (mayDescribe(head)) tx.put(tables.description(place), encodeLength(place.length));
      if (!isKeyFrame(head)) {
        tx.put(tables.copy(fingerprintText(head.fingerprint), place), encodeLength(place.length));
      }
    }
  });
  for (const { start, length } of keys) {
    const key = readKeyFrame(await parts.segments.read(segment, start, length));
    if (key !== undefined) addKey(parts, found, key);
  }
}

/** What the footer of a segment names; where it is damaged beyond repair, the frames that are found one by one. */
async function entriesOf(parts: RecoveryParts, id: SegmentId): Promise<readonly SegmentEntry[]> {
  const { segments, log } = parts;
  const imageBytes = await segments.imageBytes(id);
  const footer = await readEnd(parts, id, imageBytes);
  if (footer !== undefined) return footer.entries;
  await segments.scrub(id);
  const mended = await readEnd(parts, id, imageBytes);
  if (mended !== undefined) return mended.entries;
  log.warn('a segment has lost its index: its frames are looked for', { segment: id });
  return imageBytes > IMAGE_BYTES_MAX ? [] : framesIn(await segments.read(id, 0, imageBytes));
}

function framesIn(image: Uint8Array): readonly SegmentEntry[] {
  const entries: SegmentEntry[] = [];
  for (let start = 0; start < image.length;) {
    const head = readFrameHead(image.subarray(start));
    const end = head === undefined ? start + 1 : start + frameBytes(head);
    if (head !== undefined && end <= image.length) entries.push({ start, head });
    start = Math.ceil(end / FRAME_ALIGNMENT) * FRAME_ALIGNMENT;
  }
  return entries;
}

function addKey(
  { keys, segments }: RecoveryParts,
  { secrets, fingerprintKeys }: FindingKeys,
  { keyId, envelope, storeSecrets }: KeyFrame,
): void {
  const secret = keys.secretIn(keyId, envelope);
  if (secret === undefined) return;
  const known = secrets.get(keyId) ?? [];
  if (!known.some((it) => Buffer.compare(it, secret) === 0)) secrets.set(keyId, [...known, secret]);
  const store = unsealSecrets(segments.traits.tier, secret, storeSecrets);
  if (store === undefined) return;
  const isKnown = fingerprintKeys.some((it) => Buffer.compare(it, store.fingerprintKey) === 0);
  if (!isKnown) fingerprintKeys.push(store.fingerprintKey);
}
