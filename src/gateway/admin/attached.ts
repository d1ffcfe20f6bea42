import { Type, type Static } from '@sinclair/typebox';
import type { Alert } from './health.ts';

const texts = <Text extends string>(...values: readonly Text[]) =>
  Type.Unsafe<Text>({ type: 'string', enum: values });

export const attachedSchema = Type.Object({
  /** Ours. */
  bucket: Type.String(),
  /** What it shows. */
  url: Type.String(),
  access: texts('local', 'read-only'),
  state: texts('attached', 'detaching'),
  attachedAt: Type.String({ description: 'ISO 8601, UTC.' }),
  /** Whether it answers, as far as is known. */
  answers: Type.Boolean(),
  /** Why it does not. */
  reason: Type.Optional(Type.String()),
  /** Folders that an ordered refresh has not looked at yet: as many as are known, and 0 when it is over. */
  foldersWaiting: Type.Integer(),
  /** When the last refresh was over. */
  refreshedAt: Type.Optional(Type.String()),
  /** While it is being detached: pieces of content of what was made here that are only there. Absent while nobody knows. */
  blobsLeft: Type.Optional(Type.Integer()),
});
export type AttachedAnswer = Static<typeof attachedSchema>;
export const attachedListSchema = Type.Object({ attached: Type.Array(attachedSchema) });

export const attachedPath = Type.Object({ bucket: Type.String({ minLength: 1, maxLength: 63 }) });
export const attachWish = Type.Object(
  {
    url: Type.String({ minLength: 1, maxLength: 4096 }),
    access: Type.Optional(texts('local', 'read-only')),
  },
  { additionalProperties: false },
);
export type AttachWish = Static<typeof attachWish>;
export const refreshWish = Type.Object(
  { prefix: Type.Optional(Type.String({ maxLength: 1024 })) },
  { additionalProperties: false },
);

/** What the admin API does with attached buckets. Faults have a sentence as detail. */
export interface AttachedControl {
  /** By name. */
  list(): Promise<readonly AttachedAnswer[]>;
  attach(bucket: string, wish: AttachWish): Promise<AttachedAnswer>;
  /** Begins it: what nobody has changed goes from the bucket. */
  detach(bucket: string): Promise<AttachedAnswer>;
  /** Begins it: below a prefix, or of all. */
  refresh(bucket: string, prefix: string): Promise<AttachedAnswer>;
  alerts(): readonly Alert[];
}
