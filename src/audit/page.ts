import type { Time } from '../environment.ts';
import type { Entry, KvReader } from '../kv/kv.ts';
import { AUDIT_MERGE_MS, AUDIT_PAGE_ROWS_MAX, AUDIT_SCAN_ROWS_MAX } from '../limits.ts';
import type { AuditRow } from './event.ts';
import {
  decodeRow,
  decodeState,
  NEW_TRAIL,
  orderOfRowKey,
  rowRange,
  rowTables,
  STATE_KEY,
  type AuditTable,
} from './records.ts';

export interface AuditPageOptions {
  /** Only what is about the bucket of that name. */
  readonly bucket?: string | undefined;
  /** Only what happened then or later. */
  readonly since?: Time | undefined;
  /** Only rows of a lower order: `next` of the page before. */
  readonly before?: number | undefined;
  /** At most 1,000. */
  readonly rowsMax: number;
}

export interface AuditPage {
  /** Newest first. */
  readonly rows: readonly AuditRow[];
  /** Pass it as `before` to go on; a page may have fewer rows than asked for, or none, and others behind it. */
  readonly next: number | undefined;
  /** Rows that are gone because the trail is bounded. */
  readonly removed: Readonly<Record<AuditTable, number>>;
}

/** Rows below `end`, which all are there. */
export async function pageOf(
  reader: KvReader,
  end: number,
  { bucket, since, before = end, rowsMax }: AuditPageOptions,
): Promise<AuditPage> {
  const bytes = await reader.get(STATE_KEY);
  const { counts } = bytes === undefined ? NEW_TRAIL : decodeState(bytes);
  const removed = {
    refusals: counts.refusals.removed,
    changes: counts.changes.removed,
    bypasses: counts.bypasses.removed,
  };
  const rows: AuditRow[] = [];
  const wanted = Math.min(rowsMax, AUDIT_PAGE_ROWS_MAX);
  let examined = 0;
  for await (const row of newestFirst(reader, Math.min(before, end))) {
    // A row that others were merged into began at most so long before they happened.
    if (since !== undefined && row.at.seconds < since.seconds - AUDIT_MERGE_MS / 1000) break;
    examined += 1;
    if (isWanted(row, bucket, since)) rows.push(row);
    if (rows.length >= wanted || examined >= AUDIT_SCAN_ROWS_MAX) return { rows, next: row.order, removed };
  }
  return { rows, next: undefined, removed };
}

const isWanted = (row: AuditRow, bucket: string | undefined, since: Time | undefined): boolean =>
  (bucket === undefined || row.bucket === bucket) &&
  (since === undefined || row.lastAt.seconds >= since.seconds);

/** All tables as one. */
async function* newestFirst(reader: KvReader, end: number): AsyncGenerator<AuditRow> {
  const heads: { readonly order: number; readonly entry: Entry; readonly rest: AsyncGenerator<Entry> }[] = [];
  const advance = async (rest: AsyncGenerator<Entry>): Promise<void> => {
    const next = await rest.next();
    if (next.done === true) return;
    heads.push({ order: orderOfRowKey(next.value.key), entry: next.value, rest });
    heads.sort((one, other) => one.order - other.order);
  };
  for (const table of rowTables) await advance(entries(reader, table, end));
  for (let head = heads.pop(); head !== undefined; head = heads.pop()) {
    yield decodeRow(head.order, head.entry.value);
    await advance(head.rest);
  }
}

const PAGE_ENTRIES = 256;

async function* entries(reader: KvReader, table: AuditTable, end: number): AsyncGenerator<Entry> {
  const range = rowRange(table, 0, end);
  for await (const page of reader.scan(range, { reverse: true, pageEntries: PAGE_ENTRIES })) yield* page;
}
