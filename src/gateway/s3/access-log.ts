import type { Environment } from '../../environment.ts';
import { ACCESS_LOG_BYTES_MAX } from '../../limits/s3.ts';
import { logLine, type LogRecord } from './access-log-line.ts';
import type { LoggingEnabled } from './logging-configuration.ts';

/** An object of log records. */
export interface LogObject {
  readonly bucket: string;
  /** Of the bucket that is logged, and so of the one that the log goes to. */
  readonly accountId: string;
  readonly key: string;
  readonly body: Uint8Array;
}

export interface AccessLogOptions {
  readonly environment: Environment;
  readonly region: string;
  /** How long records are gathered before they are written. */
  readonly intervalMs: number;
  /** Told of records that will never be written. */
  readonly lost: (records: number) => void;
}

/** Lines for one object. */
interface Batch {
  readonly target: LoggingEnabled;
  readonly source: { readonly bucket: string; readonly accountId: string };
  /** Of the events, where objects are named by it: `2026-01-31`. */
  readonly day: string | undefined;
  readonly lines: string[];
}

/**
 * Server access logs: records wait in memory, bounded, and are written as objects by the background scheduler. Best effort,
 * as AWS says of them: what finds no room, cannot be written or is lost in a crash is gone, and the first two are counted.
 */
export class AccessLog {
  readonly #options: AccessLogOptions;
  #batches = new Map<string, Batch>();
  /** Of all lines not yet written. */
  #bytes = 0;
  #deliveredAt: number;
  #put: ((object: LogObject) => Promise<void>) | undefined;

  constructor(options: AccessLogOptions) {
    this.#options = options;
    this.#deliveredAt = options.environment.clock.monotonic();
  }

  /** How objects get into their bucket: by the door that logs. */
  connect(put: (object: LogObject) => Promise<void>): void {
    this.#put = put;
  }

  record(target: LoggingEnabled, accountId: string, record: LogRecord): void {
    const line = `${logLine(record)}\n`;
    if (this.#bytes + line.length > ACCESS_LOG_BYTES_MAX) return this.#options.lost(1);
    this.#bytes += line.length;
    const isByEvent = target.TargetObjectKeyFormat?.PartitionedPrefix?.PartitionDateSource === 'EventTime';
    const day = isByEvent ? isoOf(record.time.seconds).slice(0, 10) : undefined;
    const name = JSON.stringify([target, record.bucket, day]);
    let batch = this.#batches.get(name);
    if (batch === undefined) {
      batch = { target, source: { bucket: record.bucket, accountId }, day, lines: [] };
      this.#batches.set(name, batch);
    }
    batch.lines.push(line);
  }

  /** A record that could not be made. */
  missed(failure: unknown): void {
    this.#options.environment.log.warn('s3.access-log', { records: 1, failure });
    this.#options.lost(1);
  }

  /** For the scheduler: writes what has waited long enough, or is much. */
  async step(): Promise<'busy' | 'idle'> {
    const { clock } = this.#options.environment;
    const isDue = clock.monotonic() - this.#deliveredAt >= this.#options.intervalMs;
    if (this.#batches.size === 0 || (!isDue && this.#bytes < ACCESS_LOG_BYTES_MAX / 2)) return 'idle';
    await this.deliver();
    return 'busy';
  }

  /** Writes everything that waits. Never rejects. */
  async deliver(): Promise<void> {
    const { clock, log } = this.#options.environment;
    this.#deliveredAt = clock.monotonic();
    const batches = this.#batches;
    this.#batches = new Map();
    for (const batch of batches.values()) {
      const body = Buffer.from(batch.lines.join(''), 'latin1');
      const { target, source } = batch;
      const { accountId } = source;
      const object = { bucket: target.TargetBucket, accountId, key: this.#keyOf(batch), body };
      try {
        await this.#put?.(object);
      } catch (failure) {
        // The logged requests were answered long ago: there is nobody to tell but the operator.
        log.warn('s3.access-log', { bucket: object.bucket, records: batch.lines.length, failure });
        this.#options.lost(batch.lines.length);
      }
      this.#bytes -= body.length;
    }
  }

  /** AWS User Guide, "Logging requests with server access logging", log object key format. */
  #keyOf({ target, source, day }: Batch): string {
    const { environment, region } = this.#options;
    const { TargetPrefix: prefix, TargetObjectKeyFormat: format } = target;
    const unique = Buffer.from(environment.random.bytes(8)).toString('hex').toUpperCase();
    const now = isoOf(environment.clock.wall().seconds);
    const time = day === undefined ? now.slice(0, 19).replace(/[T:]/g, '-') : `${day}-00-00-00`;
    if (format?.PartitionedPrefix === undefined) return `${prefix}${time}-${unique}`;
    const date = (day ?? now.slice(0, 10)).replaceAll('-', '/');
    return `${prefix}${source.accountId}/${region}/${source.bucket}/${date}/${time}-${unique}`;
  }
}

const isoOf = (seconds: number): string => new Date(seconds * 1000).toISOString();
