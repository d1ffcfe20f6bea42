import { Type, type Static } from '@sinclair/typebox';
import { STORAGE_POLICY_NAME_CHARS_MAX } from '../../limits/storage-policy.ts';
import { storagePolicyDocument } from '../../storage-policy/document.ts';
import { tierSchema } from './tiers.ts';

const share = Type.Object({ objects: Type.Integer(), bytes: Type.Number() });

/** Everything that counts, with what the preset has added. */
export const storagePolicySchema = Type.Object({
  name: Type.String(),
  /** As it was given. */
  document: storagePolicyDocument,
  hotAboveIops: Type.Number(),
  coldAtOrBelowIops: Type.Number(),
  cooldownSeconds: Type.Number(),
  ecBytesMin: Type.Number(),
  pools: Type.Array(tierSchema),
  prices: Type.Object({ hot: Type.Number(), warm: Type.Number(), cold: Type.Number() }),
});
export type StoragePolicyAnswer = Static<typeof storagePolicySchema>;
export const storagePolicyListSchema = Type.Object({ policies: Type.Array(storagePolicySchema) });
export const storagePolicyPath = Type.Object({
  storagePolicy: Type.String({ pattern: `^[A-Za-z0-9._-]{1,${STORAGE_POLICY_NAME_CHARS_MAX}}$` }),
});

export const reportSchema = Type.Object({
  policy: Type.String(),
  /** When the pass ended that found it; ISO 8601, UTC. */
  at: Type.String(),
  tiers: Type.Object({ hot: share, warm: share, cold: share }),
  compliant: share,
  pending: Type.Record(Type.String(), share),
  /** For a month. */
  cost: Type.Object({ now: Type.Number(), compliant: Type.Number() }),
});
export type ReportAnswer = Static<typeof reportSchema>;
