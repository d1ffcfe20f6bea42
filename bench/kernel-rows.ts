export interface KernelOptions {
  readonly seconds: number;
  /** Where ISA-L is installed; without it that limit is missing. */
  readonly isal: string | undefined;
}

export interface KernelRow {
  readonly name: string;
  /** Of plain data; of the fastest round, since noise of other programs only ever adds. */
  readonly gigabytesPerSecond: number;
  readonly limit: string;
  readonly limitGigabytesPerSecond: number | undefined;
}

export const row = (
  name: string,
  gigabytesPerSecond: number,
  limit: string,
  limitGigabytesPerSecond: number | undefined,
): KernelRow => ({ name, gigabytesPerSecond, limit, limitGigabytesPerSecond });

/** As a table of Markdown. */
export function renderKernels(rows: readonly KernelRow[]): readonly string[] {
  const cells = rows.map(({ name, gigabytesPerSecond, limit, limitGigabytesPerSecond: most }) => [
    name,
    gigabytesPerSecond.toPrecision(3),
    most === undefined ? `${limit}: not measured` : `${limit} ${most.toPrecision(3)}`,
    most === undefined ? '–' : (gigabytesPerSecond / most).toFixed(2),
  ]);
  const lines = [['work', 'GB/s', 'limit, GB/s', 'ratio'], ['---', '--:', '---', '--:'], ...cells];
  return lines.map((line) => `| ${line.join(' | ')} |`);
}
