import { CHUNK_LENGTH_AVERAGE, CHUNK_LENGTH_MAX, CHUNK_LENGTH_MIN } from '../../limits/tiering.ts';
import type { FrameCipher } from '../../workers/frame.ts';
import type { ReductionSettings } from './parts.ts';

/** As the config has them, in the group `reduction`. */
export interface ReductionChoices {
  readonly codec: 'lz4' | 'zstd' | 'none';
  /** Of Zstandard. */
  readonly level: number;
  /** Content that its bucket encrypts with SSE-S3 is sealed by the tiers alone: they have no choice but which cipher. */
  readonly cipher: Exclude<FrameCipher, 'none'>;
  readonly similarity: 'on' | 'off';
  readonly sparsePercent: number;
  readonly background: 'zstd' | 'none';
  readonly backgroundLevel: number;
  /** Milliseconds. */
  readonly backgroundAfter: number;
}

export function reductionSettings(choices: ReductionChoices): ReductionSettings {
  const { codec, level, cipher, similarity, sparsePercent } = choices;
  const { background, backgroundLevel, backgroundAfter } = choices;
  return {
    compression: { codec: codec === 'none' ? 'plain' : codec, level },
    cipher,
    usesSimilarity: similarity === 'on',
    sparseShare: sparsePercent / 100,
    background:
      background === 'none' ? undefined : { level: backgroundLevel, afterSeconds: backgroundAfter / 1000 },
    chunkLengths: {
      bytesMin: CHUNK_LENGTH_MIN,
      bytesAverage: CHUNK_LENGTH_AVERAGE,
      bytesMax: CHUNK_LENGTH_MAX,
    },
  };
}
