import type { Static } from '@sinclair/typebox';
import type { AuditRow, LockFacts } from '../../audit/event.ts';
import type { Time } from '../../environment.ts';
import { Fault } from '../../fault.ts';
import { AUDIT_PAGE_ROWS_DEFAULT, AUDIT_PAGE_ROWS_MAX } from '../../limits.ts';
import { versionText, type VersionId } from '../../namespace/version.ts';
import { auditPageSchema, auditQuery, type AuditEventAnswer } from './audit.ts';
import { isoTime, json, type AdminRow } from './row.ts';

const listAuditEvents: AdminRow = {
  name: 'ListAuditEvents',
  method: 'GET',
  path: '/v1/audit',
  access: 'granted',
  query: auditQuery,
  response: { 200: auditPageSchema },
  handle: async ({ audit }, { query }) => {
    const { bucket, since, limit, page } = query as Static<typeof auditQuery>;
    const { rows, next, removed } = await audit.page({
      bucket,
      since: since === undefined ? undefined : timeOf(since),
      before: page === undefined ? undefined : Math.min(Number(page), Number.MAX_SAFE_INTEGER),
      rowsMax: Math.min(Number(limit ?? AUDIT_PAGE_ROWS_DEFAULT), AUDIT_PAGE_ROWS_MAX),
    });
    const events = rows.map(answerOf);
    return json(200, { events, ...(next !== undefined && { nextPage: String(next) }), removed });
  },
};

function timeOf(text: string): Time {
  const ms = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(ms))
    throw new Fault(
      'invalid-argument',
      'request',
      `"${text}" is no time: write for example 2026-01-31T12:00:00Z`,
    );
  return { seconds: Math.floor(ms / 1000), nanoseconds: 0 };
}

function answerOf({ order, kind, at, count, lastAt, actor, ...event }: AuditRow): AuditEventAnswer {
  const { bucket, key, versionId, lock, becomes, detail } = event;
  const principal =
    actor?.principal ?? (actor?.door === 's3' && actor.client !== '*' ? 'anonymous' : undefined);
  return {
    ...{ id: String(order), kind, at: isoTime(at), count, lastAt: isoTime(lastAt) },
    ...present({ door: actor?.door, operation: actor?.operation, client: actor?.client, principal }),
    ...present({ accessKey: actor?.accessKey, uid: actor?.uid, requestId: actor?.requestId, bucket }),
    ...(key !== undefined && keyMembers(key)),
    ...(versionId !== undefined && { versionId: versionText(versionId as VersionId) }),
    ...(lock !== undefined && { lock: lockAnswer(lock) }),
    ...(becomes !== undefined && { becomes: lockAnswer(becomes) }),
    detail,
  };
}

/** Bytes that are no text stand beside it as they are. */
function keyMembers(key: Uint8Array): Pick<AuditEventAnswer, 'key' | 'keyBase64'> {
  const text = Buffer.from(key).toString('utf8');
  const isExact = Buffer.compare(Buffer.from(text), key) === 0;
  return { key: text, ...(!isExact && { keyBase64: Buffer.from(key).toString('base64') }) };
}

const lockAnswer = ({ retention, legalHold }: LockFacts): NonNullable<AuditEventAnswer['lock']> => ({
  ...(retention !== undefined && { retention: { mode: retention.mode, until: isoTime(retention.until) } }),
  legalHold,
});

type Present<Members> = { [Name in keyof Members]?: NonNullable<Members[Name]> };

/** Without the members that have no value. */
const present = <Members extends Record<string, unknown>>(members: Members): Present<Members> =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Present<Members>;

/** What object lock has refused, and who has changed or passed a lock. */
export const auditRows: readonly AdminRow[] = [listAuditEvents];
