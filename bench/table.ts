import type { DriverResult } from './programs.ts';

export interface BenchRow {
  readonly name: string;
  readonly result?: DriverResult | undefined;
  /** The same work against other servers in turn, by name; or the case that this one is compared with. */
  readonly others?: ReadonlyMap<string, DriverResult>;
  readonly failure?: string;
}

/** Above this the rates and latencies are not to be trusted: other programs had too much of the machine. */
const othersShareMax = 0.1;

/** s3load has latencies by kind of request, nfsload has one set. */
function latency(result: DriverResult, percentile: 'p50' | 'p99'): number {
  const flat = result.latency_us[percentile];
  if (typeof flat === 'number') return flat;
  const kinds = Object.values(result.latency_us) as Readonly<Record<string, number>>[];
  return Math.max(0, ...kinds.map((kind) => kind[percentile] ?? 0));
}

const number = (value: number, digits = 0): string =>
  value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });

/** The ratio of rates, then the rate and CPU of the other. */
const compared = (result: DriverResult, other: DriverResult | undefined): string =>
  other === undefined
    ? '–'
    : `${number(result.ops_per_s / other.ops_per_s, 2)} (${number(other.ops_per_s)}, ${number(other.server.cpu_s_per_1k_ops, 3)})`;

function cells({ name, result, others, failure }: BenchRow, names: readonly string[]): readonly string[] {
  if (result === undefined) return [name, failure ?? 'no result'];
  const share = result.machine.others_share;
  return [
    name,
    number(result.ops_per_s),
    number(result.mb_per_s, 1),
    number(result.server.cpu_s_per_1k_ops, 3),
    number(latency(result, 'p50') / 1000, 2),
    number(latency(result, 'p99') / 1000, 2),
    share === undefined ? '–' : `${number(share, 2)}${share > othersShareMax ? ' noisy' : ''}`,
    ...names.map((other) => compared(result, others?.get(other))),
    result.errors === 0 ? '' : `${result.errors} errors`,
  ];
}

const head = ['case', 'ops/s', 'MB/s', 'CPU ms/op', 'p50 ms', 'p99 ms', 'others_share'];

/** The table for people. CPU seconds of 1,000 operations are CPU milliseconds of one. */
export function renderRows(rows: readonly BenchRow[]): readonly string[] {
  const names = [...new Set(rows.flatMap(({ others }) => [...(others?.keys() ?? [])]))];
  const titles = [...head, ...names.map((name) => `of ${name} (its ops/s, CPU)`), ''];
  const lines = [titles, ...rows.map((row) => cells(row, names))];
  const measured = lines.filter((line) => line.length > 2);
  const widths = titles.map((_, index) => Math.max(...measured.map((line) => (line[index] ?? '').length)));
  return lines.map((line) =>
    line
      .map((cell, index) =>
        index === 0
          ? cell.padEnd(widths[0] ?? 0)
          : line.length === 2
            ? cell
            : cell.padStart(widths[index] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
}
