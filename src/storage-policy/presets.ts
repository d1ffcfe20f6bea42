import type { Tier } from '../tiering/tier.ts';

/** What a policy says where its document says nothing. */
export interface Preset {
  readonly hotAboveIops: number;
  readonly coldAtOrBelowIops: number;
  readonly cooldownSeconds: number;
  readonly ecBytesMin: number;
  /** For a GiB and month: list prices of flash, of disks with their parity, and of object storage, in US dollars. */
  readonly prices: Readonly<Record<Tier, number>>;
}

const balanced: Preset = {
  hotAboveIops: 5_000,
  coldAtOrBelowIops: 500,
  cooldownSeconds: 86_400,
  ecBytesMin: 1 << 20,
  prices: { hot: 0.08, warm: 0.03, cold: 0.023 },
};

/** `aggressive` saves space sooner, `performance` keeps more on fast devices for longer. */
export const presets = {
  aggressive: { ...balanced, cooldownSeconds: 3_600 },
  balanced,
  performance: { ...balanced, hotAboveIops: 500, coldAtOrBelowIops: 5, cooldownSeconds: 604_800 },
} as const satisfies Readonly<Record<string, Preset>>;

export type PresetName = keyof typeof presets;
export const presetNames = Object.keys(presets) as readonly PresetName[];
