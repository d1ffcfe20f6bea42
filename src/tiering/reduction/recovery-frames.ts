import { RECOVERY_BASES_MAX } from '../../limits/tiering.ts';
import { readFrameHead, type FrameHead } from '../../workers/frame.ts';
import { isGone } from './open-chunks.ts';
import type { RecoveryParts } from './recovery-parts.ts';
import type { FoundKeys } from './recovery-index.ts';
import { placeOfCopyKey, type FramePlace, type RecoveryTables } from './recovery-tables.ts';
import { fingerprintText, type FingerprintText } from './tables.ts';

interface OpenedFrame {
  readonly plain: Uint8Array;
  readonly label: Uint8Array;
}

const NOTHING = new Uint8Array(0);

/** Opens frames by what segments say of themselves. */
export class RecoveryFrames {
  readonly #parts: RecoveryParts;
  readonly #tables: RecoveryTables;
  readonly #found: FoundKeys;

  constructor(parts: RecoveryParts, tables: RecoveryTables, found: FoundKeys) {
    this.#parts = parts;
    this.#tables = tables;
    this.#found = found;
  }

  /** `undefined` when no copy of it can be opened. Faults of the store, but for what is gone for good. */
  async chunk(fingerprint: FingerprintText, depth = 0): Promise<Uint8Array | undefined> {
    const { scratch } = this.#parts;
    for await (const page of scratch.scan(this.#tables.copies(fingerprint), { pageEntries: 4 })) {
      for (const { key, value } of page) {
        const opened = await this.open(placeOfCopyKey(key, value), depth);
        if (opened !== undefined) return opened.plain;
      }
    }
    return undefined;
  }

  async open(place: FramePlace, depth = 0): Promise<OpenedFrame | undefined> {
    const frame = await this.#read(place);
    const head = frame && readFrameHead(frame);
    if (frame === undefined || head === undefined) return undefined;
    const base = await this.#baseOf(head, depth);
    if (base === undefined) return undefined;
    for (const secret of this.#secretsFor(head)) {
      const plain = await this.#parts.reduction.open({ secret, base }, frame);
      if (plain === undefined || !this.#isRight(head, plain)) continue;
      return { plain, label: this.#parts.reduction.openLabel(secret, frame) ?? NOTHING };
    }
    return undefined;
  }

  /** Nothing for frames that are no deltas; `undefined` when it is nowhere. */
  async #baseOf({ base }: FrameHead, depth: number): Promise<Uint8Array | undefined> {
    if (base === undefined) return NOTHING;
    // Whoever forges frames could make a ring of them.
    return depth < RECOVERY_BASES_MAX ? this.chunk(fingerprintText(base), depth + 1) : undefined;
  }

  #secretsFor({ cipher, keyId }: FrameHead): readonly Uint8Array[] {
    return cipher === 'none' ? [NOTHING] : (this.#found.secrets.get(keyId) ?? []);
  }

  /** Without the key of fingerprints the cipher alone tells. */
  #isRight({ fingerprint, cipher }: FrameHead, plain: Uint8Array): boolean {
    const { fingerprintKeys } = this.#found;
    const isSame = (key: Uint8Array): boolean =>
      Buffer.compare(this.#parts.reduction.fingerprint(key, plain), fingerprint) === 0;
    return fingerprintKeys.length === 0 ? cipher !== 'none' : fingerprintKeys.some(isSame);
  }

  async #read({ segment, start, length }: FramePlace): Promise<Uint8Array | undefined> {
    try {
      return await this.#parts.segments.read(segment, start, length);
    } catch (failure) {
      if (isGone(failure)) return undefined;
      throw failure;
    }
  }
}
