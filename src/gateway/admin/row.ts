import type { TObject, TSchema } from '@sinclair/typebox';
import type { AuditTrail } from '../../audit/trail.ts';
import type { Accounts } from '../../accounts/accounts.ts';
import type { Roles } from '../../accounts/roles.ts';
import type { Sessions } from '../../accounts/sessions.ts';
import type { Time } from '../../environment.ts';
import type { ExportRules } from '../../exports/export-rules.ts';
import type { Keyring } from '../../keyring/keyring.ts';
import type { Metrics } from '../../metrics.ts';
import type { Namespace, ObjectStore } from '../../namespace/namespace.ts';
import type { Locks } from '../../namespace/locks/locks.ts';
import type { StorageControl } from '../../storage-policy/open-storage-policies.ts';
import type { Tiers } from '../../tiering/tiers.ts';
import type { WarmPool } from '../../tiering/warm/warm-pool.ts';
import type { Access } from './access.ts';
import type { AttachedControl } from './attached.ts';
import type { Jobs } from './jobs.ts';
import type { ScrubRuns } from './scrub.ts';
import type { Status } from './status.ts';

/** What the admin API sees of the pool. */
export type WarmControl = Pick<WarmPool, 'state' | 'alerts' | 'rebuild' | 'add' | 'drain' | 'replace'>;

/** What the rows of the admin API read. */
export interface AdminSources {
  readonly metrics: Metrics;
  readonly status: () => Promise<Status>;
  /** Why the gateway is not ready, one sentence a reason; empty when all doors answer. */
  readonly unready: () => Promise<readonly string[]>;
  readonly accounts: Accounts;
  readonly roles: Roles;
  readonly sessions: Sessions;
  /** Names of the buckets that belong to the account. */
  readonly bucketsOf: (accountId: string) => Promise<readonly string[]>;
  readonly keyring: Keyring;
  readonly namespace: Pick<Namespace, 'census' | 'quotas'> & {
    readonly objects: Pick<ObjectStore, 'bucket'>;
  };
  readonly attached: AttachedControl;
  readonly audit: AuditTrail;
  readonly jobs: Jobs;
  readonly locks: Pick<Locks, 'list' | 'release'>;
  readonly exports: ExportRules;
  readonly storage: StorageControl;
  readonly tiers: Tiers;
  readonly scrub: ScrubRuns;
  /** Absent: there is no warm pool. */
  readonly warm?: WarmControl | undefined;
}

/** What a call says, checked by the schemas of its row. */
export interface AdminCall {
  /** Of the path, decoded. */
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
}

export interface AdminAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: unknown;
}

export const json = (status: number, body: unknown): AdminAnswer => ({
  status,
  contentType: 'application/json; charset=utf-8',
  body,
});

/** The answer of what was deleted. */
export const nothing: AdminAnswer = { status: 204, contentType: '', body: undefined };

export const isoTime = ({ seconds, nanoseconds }: Time): string =>
  new Date(seconds * 1000 + Math.floor(nanoseconds / 1_000_000)).toISOString();

/** One operation of the admin API. Routing, access, documents and tests iterate over rows. */
export interface AdminRow {
  /** Policies name it `terrace:…`. */
  readonly name: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** With `:name` for a parameter, and `*` for the rest of the path. */
  readonly path: string;
  readonly access: Access;
  /** Schemas of the parameters of the path, of the query and of the body, where there are any. */
  readonly params?: TObject;
  /** Its members are texts. */
  readonly query?: TObject;
  readonly body?: TObject;
  /** Schema of the answers with JSON, by status. */
  readonly response: Readonly<Record<number, TSchema>>;
  readonly handle: (sources: AdminSources, call: AdminCall) => Promise<AdminAnswer>;
}
