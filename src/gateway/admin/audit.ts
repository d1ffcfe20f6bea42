import { Type, type Static } from '@sinclair/typebox';
import { auditKinds, type AuditKind } from '../../audit/event.ts';
import { AUDIT_PAGE_ROWS_MAX } from '../../limits.ts';

const lock = Type.Object({
  retention: Type.Optional(Type.Object({ mode: Type.String(), until: Type.String() })),
  legalHold: Type.Boolean(),
});

/** One row of the audit trail. Times are ISO 8601, UTC. */
const auditEventSchema = Type.Object({
  /** Grows along the trail. */
  id: Type.String(),
  kind: Type.Unsafe<AuditKind>({ type: 'string', enum: [...auditKinds] }),
  at: Type.String(),
  /** How many times it happened, between `at` and `lastAt`. */
  count: Type.Integer(),
  lastAt: Type.String(),
  /** Absent: the gateway itself. */
  door: Type.Optional(Type.String()),
  operation: Type.Optional(Type.String()),
  client: Type.Optional(Type.String()),
  /** ARN of who signed the S3 request; `anonymous`: nobody did. */
  principal: Type.Optional(Type.String()),
  accessKey: Type.Optional(Type.String()),
  /** Of the NFS call, as it claimed. */
  uid: Type.Optional(Type.Integer()),
  requestId: Type.Optional(Type.String()),
  bucket: Type.Optional(Type.String()),
  key: Type.Optional(Type.String()),
  /** Of a key that is no UTF-8, or whose beginning is all that is kept. */
  keyBase64: Type.Optional(Type.String()),
  versionId: Type.Optional(Type.String()),
  /** What kept the version, before. */
  lock: Type.Optional(lock),
  /** What keeps it from then on. */
  becomes: Type.Optional(lock),
  detail: Type.String(),
});
export type AuditEventAnswer = Static<typeof auditEventSchema>;

export const auditPageSchema = Type.Object({
  /** Newest first. */
  events: Type.Array(auditEventSchema),
  /** Pass it as `page` to go on; a page may be short, or empty, and have others behind it. */
  nextPage: Type.Optional(Type.String()),
  /** Rows that are gone because the trail is bounded. */
  removed: Type.Object({
    refusals: Type.Integer(),
    changes: Type.Integer(),
    /** Absent from a gateway before 0.2, which `terrace` may ask while it is replaced. */
    bypasses: Type.Optional(Type.Integer()),
  }),
});
export type AuditAnswer = Static<typeof auditPageSchema>;

export const auditQuery = Type.Object(
  {
    bucket: Type.Optional(Type.String()),
    /** ISO 8601. */
    since: Type.Optional(Type.String()),
    limit: Type.Optional(
      Type.String({ pattern: '^[1-9][0-9]{0,3}$', description: `At most ${AUDIT_PAGE_ROWS_MAX}.` }),
    ),
    page: Type.Optional(Type.String({ pattern: '^[0-9]{1,16}$' })),
  },
  { additionalProperties: false },
);
