import type { TSchema } from '@sinclair/typebox';
import type { Metrics } from '../../metrics.ts';
import type { Status } from './status.ts';

/** What the rows of the admin API read. */
export interface AdminSources {
  readonly metrics: Metrics;
  readonly status: () => Promise<Status>;
  /** Why the gateway is not ready, one sentence a reason; empty when all doors answer. */
  readonly unready: () => Promise<readonly string[]>;
}

export interface AdminAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: unknown;
}

/** One operation of the admin API. Routing, access, documents and tests iterate over rows. */
export interface AdminRow {
  readonly name: string;
  readonly method: 'GET';
  readonly path: string;
  /**
   * `open`: anyone who reaches the address. `local`: programs of this machine, which could look into the process
   * anyway, and others with the root keys (HTTP Basic).
   */
  readonly access: 'open' | 'local';
  /** Schema of the answers with JSON, by status. */
  readonly response: Readonly<Record<number, TSchema>>;
  readonly handle: (sources: AdminSources) => Promise<AdminAnswer>;
}
