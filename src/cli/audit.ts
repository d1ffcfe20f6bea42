import { columns } from '../config/render.ts';
import { UsageError } from '../config/usage-error.ts';
import { auditPageSchema, type AuditAnswer, type AuditEventAnswer } from '../gateway/admin/audit.ts';
import { AUDIT_BYTES_MAX, AUDIT_PAGE_ROWS_DEFAULT, AUDIT_PAGE_ROWS_MAX } from '../limits.ts';
import { adminFlag, askAdmin, jsonFlag, printAnswer, userKeysNote } from './admin-call.ts';
import type { Cli, Command } from './command.ts';

type Flags = ReadonlyMap<string, string>;

export const audit: Command = {
  name: 'audit',
  summary: 'Shows what object lock has refused, and who changed or bypassed a lock, newest first.',
  flags: [
    { name: '--bucket', placeholder: 'B', description: 'Only what is about this bucket' },
    {
      name: '--since',
      placeholder: 'T',
      description: 'Only what happened since 2026-01-31T12:00:00Z, or since 30m, 12h or 7d ago',
    },
    {
      name: '--limit',
      placeholder: 'N',
      description: `How many events at most. Default: ${AUDIT_PAGE_ROWS_DEFAULT}`,
    },
    { name: '--page', placeholder: 'P', description: 'Goes on where an earlier call has ended' },
    jsonFlag,
    adminFlag,
  ],
  notes: [userKeysNote],
  async run(cli, flags) {
    const limit = limitOf(flags.get('--limit'));
    const answer = await gathered(cli, flags, limit);
    return printAnswer(cli, flags, answer, rendered(answer));
  },
};

function limitOf(text: string | undefined): number {
  const limit = Number(text ?? AUDIT_PAGE_ROWS_DEFAULT);
  if (Number.isSafeInteger(limit) && limit > 0) return limit;
  throw new UsageError(`--limit is "${text}": write a whole number above 0`);
}

/** Pages until there are as many as asked for. */
async function gathered(cli: Cli, flags: Flags, limit: number): Promise<AuditAnswer> {
  const since = sinceOf(cli, flags.get('--since'));
  const bucket = flags.get('--bucket');
  const events: AuditEventAnswer[] = [];
  let page = flags.get('--page');
  for (;;) {
    const wanted = Math.min(limit - events.length, AUDIT_PAGE_ROWS_MAX);
    const query = new URLSearchParams({
      ...{ limit: String(wanted) },
      ...(bucket !== undefined && { bucket }),
      ...(since !== undefined && { since }),
      ...(page !== undefined && { page }),
    });
    const request = { path: `/v1/audit?${query.toString()}`, bytesMax: AUDIT_BYTES_MAX };
    const answer = await askAdmin(cli, flags, auditPageSchema, request);
    events.push(...answer.events);
    page = answer.nextPage;
    if (page === undefined || events.length >= limit) return { ...answer, events };
  }
}

const unitSeconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

function sinceOf({ clock }: Cli, text: string | undefined): string | undefined {
  const [, amount, unit = ''] = /^(\d{1,9})([smhd])$/.exec(text ?? '') ?? [];
  if (amount === undefined) return text;
  const seconds = clock.wall().seconds - Number(amount) * (unitSeconds[unit] ?? 1);
  return new Date(Math.max(0, seconds) * 1000).toISOString();
}

function rendered({ events, nextPage, removed }: AuditAnswer): readonly string[] {
  const lines = columns([
    ['time', 'what', 'times', 'who', 'operation', 'object', 'lock', 'detail'],
    ...events.map((event) => [
      event.at,
      event.kind,
      String(event.count),
      who(event),
      event.operation ?? '-',
      objectOf(event),
      lockOf(event),
      event.detail,
    ]),
  ]);
  const { refusals, changes, bypasses = 0 } = removed;
  return [
    ...(events.length === 0 ? ['No events.'] : lines),
    ...(nextPage === undefined ? [] : [`There is more: add --page ${nextPage}`]),
    ...(refusals + changes + bypasses === 0
      ? []
      : [`The oldest ${refusals} refusals, ${changes} changes and ${bypasses} bypasses are gone.`]),
  ];
}

function who({ door, principal, uid, client }: AuditEventAnswer): string {
  if (door === undefined) return 'gateway';
  return `${principal ?? (uid === undefined ? door : `uid ${uid}`)} from ${client ?? '?'}`;
}

function objectOf({ bucket, key, versionId }: AuditEventAnswer): string {
  if (bucket === undefined) return '-';
  if (key === undefined) return bucket;
  // A key may hold anything, also what a terminal would obey.
  const shown = JSON.stringify(`${bucket}/${key}`).slice(1, -1);
  return versionId === undefined ? shown : `${shown} (${versionId})`;
}

function lockOf({ lock, becomes }: AuditEventAnswer): string {
  if (becomes !== undefined) return `${shownLock(lock)} -> ${shownLock(becomes)}`;
  return lock === undefined ? '-' : shownLock(lock);
}

function shownLock(lock: AuditEventAnswer['lock']): string {
  const retention = lock?.retention;
  const parts = [
    ...(retention === undefined ? [] : [`${retention.mode} until ${retention.until}`]),
    ...(lock?.legalHold === true ? ['legal hold'] : []),
  ];
  return parts.join(', ') || 'none';
}
