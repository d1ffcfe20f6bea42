import type { RecoveredFile } from '../namespace/recover-tree.ts';
import { RECOVERY_FILES_SHOWN_MAX } from '../limits/tiering.ts';

/** Why a file did not come back, or not as it was. */
export const losses = [
  'gaps',
  'mixed',
  'damaged',
  'sealed',
  'nameless',
  'replaced',
  'version',
  'part',
] as const;
export type Loss = (typeof losses)[number];

/** What is said of each kind, in the words of the answer. */
export const lossTexts: Readonly<Record<Loss, string>> = {
  gaps: 'have parts that are in no segment: holes, or content that had not moved yet',
  mixed: 'came back, but may be mixed: of several generations, with an ETag that is no MD5 of the whole',
  damaged: 'have content that cannot be read, or is not what its ETag says',
  sealed: 'are encrypted with keys of the old metadata or of customers (SSE-KMS, SSE-C)',
  nameless: 'have no name that segments tell',
  replaced: 'were replaced under their names by younger ones, moved or removed',
  version: 'are old versions',
  part: 'are parts of uploads that were not completed',
};

export interface LostFile {
  readonly why: Loss;
  readonly bucket: string;
  readonly key: string;
  readonly bytes: number;
  /** Half-open, in bytes of the file. */
  readonly missing?: readonly { readonly start: number; readonly end: number }[];
}

export interface FoundWarmDevice {
  readonly path: string;
  readonly device: string;
  readonly kind: string;
}

/** What a recovery has done and found. */
export interface RecoveryReport {
  readonly warm?: {
    readonly pool: string;
    readonly devices: readonly FoundWarmDevice[];
    readonly shards: number;
    readonly segmentsLost: number;
  };
  readonly cold?: {
    readonly place: string;
    readonly segmentsLost: number;
    /** Buckets with objects under their own keys, which no segment tells of: they are not brought. */
    readonly nativeBuckets: number;
  };
  readonly files: number;
  readonly bytes: number;
  /** With zeros in their gaps; they are among `lost` too. */
  readonly filesWithGaps: number;
  /** By reason. */
  readonly counts: Readonly<Record<Loss, number>>;
  /** The first `RECOVERY_FILES_SHOWN_MAX` of each reason. */
  readonly lost: readonly LostFile[];
}

/** Whether everything that was found has come back. */
export const isAllBack = ({ counts, warm, cold }: RecoveryReport): boolean =>
  losses.every((why) => counts[why] === 0) &&
  (warm?.segmentsLost ?? 0) + (cold?.segmentsLost ?? 0) + (cold?.nativeBuckets ?? 0) === 0;

/** Counts as files come. */
export class RecoveryCounts {
  files = 0;
  bytes = 0;
  filesWithGaps = 0;
  readonly counts: Record<Loss, number> = {
    ...{ gaps: 0, mixed: 0, damaged: 0, sealed: 0, nameless: 0, replaced: 0, version: 0, part: 0 },
  };
  readonly lost: LostFile[] = [];

  lose(why: Loss, { label, missing }: Pick<RecoveredFile, 'label' | 'missing'>): void {
    this.counts[why] += 1;
    if (this.counts[why] > RECOVERY_FILES_SHOWN_MAX) return;
    const key = Buffer.from(label.keys[0] ?? []).toString('utf8');
    const gaps = why === 'gaps' ? { missing } : {};
    this.lost.push({ why, bucket: label.bucket, key, bytes: label.size, ...gaps });
  }
}
