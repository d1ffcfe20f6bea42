import assert from 'node:assert/strict';
import { RecordReader, RecordWriter } from '../../codec.ts';
import {
  FRAME_SALT_BYTES,
  frameBytes,
  isIntactFrame,
  readFrameHead,
  type FrameHead,
} from '../../workers/frame.ts';
import type { FrameSeal, PackItem } from '../../workers/reduction.ts';
import { referenceFrame } from '../../workers/reference-frame.ts';
import type { ChunkParts } from './parts.ts';

const VERSION = 1;
const LABEL = Buffer.from('terrace data key');
const unsealed = {
  compression: { codec: 'plain', level: 1 },
  seal: { cipher: 'none', secret: new Uint8Array(0), keyId: 0 },
} as const;

/** What the frame of a key holds: nothing in it is of use without the master key. */
export interface KeyFrame {
  readonly keyId: number;
  /** See DataKeys.envelopeOf. */
  readonly envelope: Uint8Array;
  /** The secrets of the chunk store, sealed by this data key (secrets.ts). */
  readonly storeSecrets: Uint8Array;
}

/** The ids of the data keys that these items are, or will be, sealed with. */
export function keyIdsOf(items: readonly PackItem[], { cipher, keyId }: FrameSeal): ReadonlySet<number> {
  const ids = new Set<number>();
  for (const item of items) {
    if (item.kind === 'chunk') {
      if (cipher !== 'none') ids.add(keyId);
      continue;
    }
    const head = readFrameHead(item.bytes);
    if (head !== undefined && head.cipher !== 'none') ids.add(head.keyId);
  }
  return ids;
}

/** The frame that carries a data key: without a cipher, since what is in it is sealed. */
export function keyFrameOf(parts: ChunkParts, keyId: number): Uint8Array {
  const made = parts.keyFrames.get(keyId);
  if (made !== undefined) return made;
  const { dataKeys, reduction, sealedSecrets } = parts;
  const writer = new RecordWriter().number(VERSION).number(keyId);
  const plain = writer.bytes(dataKeys.envelopeOf(keyId)).bytes(sealedSecrets(keyId)).finish();
  const fingerprint = reduction.fingerprint(new Uint8Array(0), plain);
  const salts = new Uint8Array(2 * FRAME_SALT_BYTES);
  const frame = referenceFrame({ kind: 'chunk', plain, fingerprint, salts, label: LABEL }, unsealed);
  parts.keyFrames.set(keyId, frame);
  return frame;
}

export const isKeyFrame = ({ cipher, label }: FrameHead): boolean =>
  cipher === 'none' && Buffer.compare(label, LABEL) === 0;

/** `undefined` for anything but the whole frame of a key, undamaged. */
export function readKeyFrame(frame: Uint8Array): KeyFrame | undefined {
  const head = readFrameHead(frame);
  if (head === undefined || !isKeyFrame(head) || head.codec !== 'plain' || !isIntactFrame(frame)) {
    return undefined;
  }
  try {
    const reader = new RecordReader(frame.subarray(head.headBytes, frameBytes(head)));
    assert.equal(reader.number(), VERSION);
    const key = { keyId: reader.number(), envelope: reader.bytes(), storeSecrets: reader.bytes() };
    reader.end();
    return key;
  } catch (failure) {
    if (failure instanceof assert.AssertionError) return undefined;
    throw failure;
  }
}
