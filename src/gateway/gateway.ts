import { connect } from 'node:net';
import type { Accounts } from '../accounts/accounts.ts';
import type { Address } from '../config/address.ts';
import type { Config } from '../config.ts';
import type { Environment } from '../environment.ts';
import { PROBE_MS_MAX } from '../limits.ts';
import type { Metrics } from '../metrics.ts';
import type { Namespace } from '../namespace/namespace.ts';
import { Scheduler } from '../scheduler.ts';
import type { StorageControl } from '../storage-policy/open-storage-policies.ts';
import { opening, Siblings, type Closable, type Scope } from '../scope.ts';
import { openExportRules } from '../exports/export-rules.ts';
import { openGatewayAccounts, openSecretsKey, secretsKeyPath } from './open-accounts.ts';
import { openNfsTls } from './open-nfs-tls.ts';
import { openLayers, type Layers } from './open-layers.ts';
import { openGatewayLocks } from './open-locks.ts';
import { startAttachedBuckets } from './open-attached-buckets.ts';
import { startStorageControl, storageAlerts } from './open-storage-control.ts';
import { startLifecycle } from './open-lifecycle.ts';
import { openAccessLog, openNfsDoor, openS3Door } from './open-doors.ts';
import type { TieringStep } from '../tiering/open-tiering.ts';
import { healthOf, type Alert } from './admin/health.ts';
import { openAdmin } from './admin/serve.ts';
import type { Status } from './admin/status.ts';
import { observeMemory } from './namespace-metrics.ts';
import { observeQuotas, quotaAlerts } from './observe-quotas.ts';
import { censusAlerts, observeTiers, startTierSteps, tierAlerts, tierStatus } from './observe-tiers.ts';
import { jobsOf, pausedJobs } from './paused-jobs.ts';
import { openRootKeys, type RootKeys } from './root-keys.ts';
import { scrubRuns } from './scrub-runs.ts';
import { wakingKeyring } from './waking-keyring.ts';

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

/** The composition root: what is opened here closes in reverse order, doors first. */
export const openGateway: OpenGateway = (config, { environment, metrics, version }) =>
  opening(async (scope) => {
    const { clock } = environment;
    const startedAt = clock.monotonic();
    const stopped = signal();
    const rootKeys = await openRootKeys(environment, config.data, config.root);
    const secretsKey = await openSecretsKey(environment.random, secretsKeyPath(config));
    const wakes = new Set<(step: TieringStep) => void>();
    const wake = (step: TieringStep): void => wakes.forEach((each) => each(step));
    const given = { environment, secretsKey, stopped: stopped.give, metrics, wake };
    const layers = await openLayers(scope, config, given);
    const { namespace, kv } = layers;
    const identities = await openGatewayAccounts(config, rootKeys, { kv, environment, secretsKey });
    const { accounts } = identities;
    const scheduler = owned(scope, new Scheduler(environment, await pausedJobs(kv)), layers);
    scheduler.start('namespace', () => namespace.step());
    scheduler.start('audit', () => namespace.audit.step());
    scheduler.start('rewrap', () => namespace.rewrap());
    wakes.add(startTierSteps(scheduler, layers));
    const keyring = wakingKeyring(layers.keyring, () => scheduler.wake('rewrap'));
    const accessLog = openAccessLog(config, { environment, metrics });
    scheduler.start('access-log', () => accessLog.step());
    const { objects, files } = namespace;
    const lifecycle = startLifecycle(config, { objects, environment, metrics, scheduler });
    const locks = await openGatewayLocks(scope, config, { kv, files, environment });
    scheduler.start('locks', () => locks.locks.step());
    const storage = await startStorageControl(config, { layers, environment, scheduler });
    const attached = await startAttachedBuckets(scope, config, { layers, environment, scheduler });
    scheduler.observe(metrics);
    observeLayers(metrics, layers);
    const parts = { layers, environment, metrics, lifecycle: lifecycle.hook, restores: storage.restores };
    // At the stop each door waits for its own clients: together, not one after the other.
    const open = scope.own(new Siblings());
    const s3 = open.own(await openS3Door(config, identities, { ...parts, accessLog }));
    const rules = await openExportRules(kv, config.nfs.exports);
    const tls = await openNfsTls(config, { environment, scheduler });
    const nfs = open.own(await openNfsDoor(config, { ...parts, locks, rules, tls }));
    const doors = { S3: { host: s3.host, port: s3.port }, NFS: { host: nfs.host, port: nfs.port } };
    attached.listensAt(doors.S3);
    const unready = (): Promise<readonly string[]> => reasonsAgainst(namespace, doors);
    const bucketsOf = bucketsByAccount(namespace, accounts);
    const status = async (): Promise<Status> => ({
      version,
      uptimeSeconds: (clock.monotonic() - startedAt) / 1000,
      region: config.region,
      addresses: { s3: doors.S3, nfs: doors.NFS, admin: admin.address },
      buckets: { count: (await namespace.objects.buckets()).length },
      ...tierStatus(layers),
      lifecycle: lifecycle.status(),
      steps: [...scheduler.states()],
      health: healthOf({
        unready: await unready(),
        steps: scheduler.states(),
        alerts: [...alertsOf(layers, storage), ...attached.alerts()],
      }),
    });
    const { audit } = namespace;
    const jobs = jobsOf(kv, scheduler);
    const { tiers } = layers.tiering;
    const scrub = scrubRuns(environment, tiers);
    const control = { attached, scrub, storage, tiers, warm: layers.lowerTiers.warm };
    const held = { audit, jobs, locks: locks.locks, namespace, exports: rules, ...control };
    const sources = { metrics, status, unready, ...identities, bucketsOf, keyring, ...held };
    const admin = open.own(await openAdmin({ address: config.admin.address, environment, ...sources }));
    return {
      addresses: { s3: doors.S3, nfs: doors.NFS, admin: admin.address },
      rootKeys,
      stopped: stopped.given,
      close: () => scope.close(),
    };
  });

/** A job that waits for another one, which has stopped, would wait for ever. */
function owned(scope: Scope, scheduler: Scheduler, { tiering }: Layers): Scheduler {
  scope.own({
    async close() {
      const stopped = scheduler.close();
      tiering.breakOff();
      await stopped;
    },
  });
  return scheduler;
}

function observeLayers(metrics: Metrics, layers: Layers): void {
  observeTiers(metrics, layers);
  observeMemory(metrics, layers.namespace);
  observeQuotas(metrics, layers.namespace.quotas);
}

/** Names of the buckets that belong to an account. */
const bucketsByAccount =
  ({ objects }: Namespace, accounts: Pick<Accounts, 'account'>) =>
  async (accountId: string): Promise<readonly string[]> => {
    const all = await objects.buckets();
    return all.filter(({ owner }) => accounts.account(owner).id === accountId).map(({ name }) => name);
  };

/** A promise and the function that settles it. */
function signal(): { readonly given: Promise<unknown>; readonly give: (reason: unknown) => void } {
  let give: (reason: unknown) => void = () => undefined;
  const given = new Promise<unknown>((resolve) => {
    give = resolve;
  });
  return { given, give: (reason) => give(reason) };
}

/** Why the gateway does not serve right now: asked of the store and of each door. */
async function reasonsAgainst(
  { files }: Namespace,
  doors: Readonly<Record<string, Address>>,
): Promise<readonly string[]> {
  const store = files.attributes(files.root()).then(
    () => undefined,
    (failure: Error) => `The metadata cannot be read: ${failure.message}`,
  );
  const answers = Object.entries(doors).map(async ([name, address]) => {
    const isThere = await connects(address);
    return isThere ? undefined : `The ${name} address does not answer.`;
  });
  return (await Promise.all([store, ...answers])).filter((reason) => reason !== undefined);
}

/** Whether somebody accepts connections there. */
function connects({ host, port }: Address): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: PROBE_MS_MAX });
    const settle = (isThere: boolean) => () => {
      socket.destroy();
      resolve(isThere);
    };
    socket.once('connect', settle(true));
    socket.once('timeout', settle(false));
    socket.once('error', settle(false));
  });
}

function alertsOf(layers: Layers, storage: StorageControl): readonly Alert[] {
  const { quotas, census } = layers.namespace;
  return [
    ...layers.metadataRoom.alerts(),
    ...quotaAlerts(quotas),
    ...censusAlerts(census),
    ...tierAlerts(layers),
    ...storageAlerts(storage),
  ];
}
