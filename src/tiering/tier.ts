/** Warmest first. */
export const tiers = ['hot', 'warm', 'cold'] as const;
export type Tier = (typeof tiers)[number];
/** The tiers that keep reduced content in segments. */
export type LowerTier = Exclude<Tier, 'hot'>;
