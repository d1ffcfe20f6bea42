import { CHUNK_LENGTH_AVERAGE, CHUNK_LENGTH_MAX, CHUNK_LENGTH_MIN } from '../../limits/tiering.ts';
import type { FrameCipher } from '../../workers/frame.ts';
import type { ReductionSettings } from './parts.ts';

/** As the config has them, in the group `reduction`. */
export interface ReductionChoices {
  readonly codec: 'lz4' | 'zstd' | 'none';
  /** Of Zstandard. */
  readonly level: number;
  readonly cipher: FrameCipher;
  readonly sparsePercent: number;
  readonly background: 'zstd' | 'none';
  readonly backgroundLevel: number;
  /** Milliseconds. */
  readonly backgroundAfter: number;
}

export function reductionSettings(choices: ReductionChoices): ReductionSettings {
  const { codec, level, cipher, sparsePercent, background, backgroundLevel, backgroundAfter } = choices;
  return {
    compression: { codec: codec === 'none' ? 'plain' : codec, level },
    cipher,
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
