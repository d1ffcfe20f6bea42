import type { Address } from '../config/address.ts';
import type { Config } from '../config.ts';
import type { Environment } from '../environment.ts';
import type { Metrics } from '../metrics.ts';
import { Scheduler } from '../scheduler.ts';
import { opening, type Closable } from '../scope.ts';
import { healthOf } from './admin/health.ts';
import { openAdmin } from './admin/serve.ts';
import type { Status } from './admin/status.ts';
import { openRootKeys, type RootKeys } from './root-keys.ts';

export interface GatewayAddresses {
  readonly s3: Address;
  readonly nfs: Address;
  readonly admin: Address;
}

/** A gateway that serves: all doors answer. `close` drains and makes everything durable. */
export interface Gateway extends Closable {
  /** With the ports that were taken. */
  readonly addresses: GatewayAddresses;
  readonly rootKeys: RootKeys;
  /** Resolves, with the reason, when the gateway cannot go on and must be stopped. */
  readonly stopped: Promise<unknown>;
}

export interface GatewayParts {
  readonly environment: Environment;
  readonly metrics: Metrics;
  /** Of the program, for the status. */
  readonly version: string;
}

export type OpenGateway = (config: Config, parts: GatewayParts) => Promise<Gateway>;

/** The composition root. It opens the admin door; the other doors and the layers below them join it here. */
export const openGateway: OpenGateway = (config, { environment, metrics, version }) =>
  opening(async (scope) => {
    const { clock, log } = environment;
    const startedAt = clock.monotonic();
    const rootKeys = await openRootKeys(environment, config.data, config.root);
    const scheduler = scope.own(new Scheduler(environment));
    scheduler.observe(metrics);
    const unready = async (): Promise<readonly string[]> => ['S3 and NFS are not part of this build'];
    const status = async (): Promise<Status> => ({
      version,
      uptimeSeconds: (clock.monotonic() - startedAt) / 1000,
      region: config.region,
      addresses: { s3: config.s3.address, nfs: config.nfs.address, admin: admin.address },
      buckets: { count: 0 },
      hot: { bytesTotal: 0, bytesFree: 0 },
      steps: [...scheduler.states()],
      health: healthOf({ unready: await unready(), steps: scheduler.states(), alerts: [] }),
    });
    const admin = scope.own(
      await openAdmin({ address: config.admin.address, keys: rootKeys, log, metrics, status, unready }),
    );
    return {
      addresses: { s3: config.s3.address, nfs: config.nfs.address, admin: admin.address },
      rootKeys,
      stopped: new Promise<never>(() => undefined),
      close: () => scope.close(),
    };
  });
