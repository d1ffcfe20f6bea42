import { UsageError } from './usage-error.ts';

const prefixes = ['', 'k', 'M', 'G', 'T', 'P'] as const;
/** Number, optional fraction, prefix, `i` for powers of 1024, optional B; upper and lower case as people mix them. */
const quantityPattern = /^(\d+(?:\.\d+)?)\s*([kmgtp]?)(i?)b?$/i;

/**
 * Bytes of a quantity as people write it: `64k` = 64,000, `10Gi` = 10 × 1024³, `1.5T`, `4096`; a trailing `B` and the
 * case of letters mean nothing. A result that is no whole number is rounded. UsageError when it is no such text.
 */
export function parseQuantity(text: string): number {
  const [, digits = '', prefix = '', binary = ''] = quantityPattern.exec(text.trim()) ?? [];
  const power = prefixes.findIndex((it) => it.toLowerCase() === prefix.toLowerCase());
  const bytes = Math.round(Number(digits) * (binary === '' ? 1000 : 1024) ** power);
  const isQuantity = digits !== '' && (binary === '' || prefix !== '') && Number.isSafeInteger(bytes);
  if (!isQuantity) throw new UsageError(`"${text}" is not a quantity: write for example 64Ki, 10Gi or 1.5T`);
  return bytes;
}

/** The shortest exact text in powers of 1024, then in powers of 1000, else the plain number. */
export function formatQuantity(bytes: number): string {
  for (const [base, mark] of [
    [1024, 'i'],
    [1000, ''],
  ] as const) {
    for (let power = prefixes.length - 1; power > 0; power--) {
      const count = bytes / base ** power;
      if (count >= 1 && Number.isInteger(count)) return `${count}${prefixes[power]}${mark}`;
    }
  }
  return String(bytes);
}

/** For people: at most one decimal, in the largest power of 1024 that gives at least 1. */
export function roughQuantity(bytes: number): string {
  if (bytes < 1024) return String(Math.round(bytes));
  const power = Math.min(prefixes.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / 1024 ** power).toFixed(1)}${prefixes[power]?.toUpperCase()}i`;
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of a duration: `500ms`, `30s`, `1.5m`, `2h`, `7d`. UsageError when it is no such text. */
export function parseDuration(text: string): number {
  const [, digits = '', unit = ''] = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/i.exec(text.trim()) ?? [];
  const ms = Math.round(Number(digits) * (unitMs[unit.toLowerCase()] ?? Number.NaN));
  if (digits === '' || !Number.isSafeInteger(ms)) {
    throw new UsageError(`"${text}" is not a duration: write for example 500ms, 30s, 5m or 2h`);
  }
  return ms;
}

/** The shortest exact text of a duration in milliseconds. */
export function formatDuration(ms: number): string {
  for (const unit of ['d', 'h', 'm', 's']) {
    const count = ms / (unitMs[unit] ?? 1);
    if (count >= 1 && Number.isInteger(count)) return `${count}${unit}`;
  }
  return `${ms}ms`;
}

/** For people: at most one decimal, in the largest of h, m and s that gives at least 1, else whole milliseconds. */
export function roughDuration(ms: number): string {
  for (const unit of ['h', 'm', 's']) {
    const length = unitMs[unit] ?? 1;
    if (ms >= length) return `${Math.round((ms / length) * 10) / 10}${unit}`;
  }
  return `${Math.round(ms)}ms`;
}
