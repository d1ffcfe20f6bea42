import { boundedText } from '../codec.ts';
import type { Log } from '../environment.ts';
import { PROMETHEUS_BYTES_MAX, PROMETHEUS_MS_MAX } from '../limits/storage-policy.ts';
import type { Query } from './scores.ts';

/** Prometheus HTTP API, "Instant queries": the first sample of a vector, or the value of a scalar. */
interface Answer {
  readonly data?: {
    readonly resultType?: string;
    readonly result?: readonly { readonly value?: readonly unknown[] }[] | readonly unknown[];
  };
}

/** Asks the Prometheus at `url`. Failures are logged and are no answer. */
export const prometheus =
  (url: string, log: Log): Query =>
  async (query) => {
    const address = `${url.replace(/\/+$/, '')}/api/v1/query?query=${encodeURIComponent(query)}`;
    try {
      const response = await fetch(address, { signal: AbortSignal.timeout(PROMETHEUS_MS_MAX) });
      const text = await boundedText(response.body ?? [], PROMETHEUS_BYTES_MAX);
      if (text === undefined) throw new RangeError(`an answer of more than ${PROMETHEUS_BYTES_MAX} bytes`);
      const value = valueOf(JSON.parse(text) as Answer);
      if (!response.ok || value === undefined)
        log.warn('prometheus: no value', { query, status: response.status });
      return response.ok ? value : undefined;
    } catch (failure) {
      log.warn('prometheus: no answer', { query, failure });
      return undefined;
    }
  };

function valueOf({ data }: Answer): number | undefined {
  const [first] = data?.result ?? [];
  const sample: unknown =
    data?.resultType === 'scalar' ? data.result : (first as { value?: unknown } | undefined)?.value;
  const text: unknown = Array.isArray(sample) ? sample[1] : undefined;
  const value = typeof text === 'string' && text !== '' ? Number(text) : Number.NaN;
  return Number.isFinite(value) && value >= 0 ? value : undefined;
}
