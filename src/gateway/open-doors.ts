import type { CallReport } from 'nfs-server-ts/dispatch';
import type { TlsOptions } from 'nfs-server-ts/tcp-transport';
import { procedures } from 'nfs-server-ts/nfs3';
import { peerGroup } from 'nfs-server-ts/peer-address';
import type { Config } from '../config.ts';
import type { Environment } from '../environment.ts';
import { REQUEST_SECONDS_BUCKETS } from '../limits.ts';
import type { Metrics } from '../metrics.ts';
import { loadNative } from '../native.ts';
import { nativeCompute } from '../workers/native.ts';
import type { LockParts } from './nfs/lock-programs.ts';
import type { ExportRules } from '../exports/export-rules.ts';
import { listedGroups, type GroupSource } from './nfs/groups.ts';
import { serveNfs, type NfsDoor } from './nfs/serve.ts';
import type { Identities } from './open-accounts.ts';
import { systemGroups } from './system-groups.ts';
import { systemNames } from './system-names.ts';
import { AccessLog } from './s3/access-log.ts';
import type { Layers } from './open-layers.ts';
import { websiteOperation, type Observation } from './s3/door.ts';
import { openS3 } from './s3/open-s3.ts';
import type { LifecycleHook } from './s3/operation.ts';
import type { Serving } from './s3/serve.ts';
import type { Ino } from '../namespace/namespace.ts';
import type { Restores } from '../storage-policy/restores.ts';
import { stsActions } from './s3/sts/actions.ts';
import { operations } from './s3/table.ts';

export interface DoorParts {
  readonly layers: Layers;
  readonly environment: Environment;
  readonly metrics: Metrics;
  readonly lifecycle: LifecycleHook;
  readonly restores: Restores;
}

const freeArrays = (arrays: readonly Uint8Array[]): void => loadNative().freeArrays(arrays);

/** The server access logs of the S3 door, which the scheduler writes. */
export function openAccessLog(
  config: Config,
  { environment, metrics }: Pick<DoorParts, 'environment' | 'metrics'>,
): AccessLog {
  const lost = metrics.counter({
    name: 's3_access_log_records_lost_total',
    help: 'Records of server access logs that found no room or could not be written',
    labels: {},
  });
  const intervalMs = config.s3.accessLogSeconds * 1000;
  return new AccessLog({
    environment,
    region: config.region,
    intervalMs,
    lost: (count) => lost.add({}, count),
  });
}

/** Serves S3 on its address, for all accounts. */
export async function openS3Door(
  config: Config,
  identities: Identities,
  {
    layers,
    environment,
    metrics,
    lifecycle,
    restores,
    accessLog,
  }: DoorParts & { readonly accessLog: AccessLog },
): Promise<Serving> {
  return openS3({
    address: config.s3.address,
    ...identities,
    region: config.region,
    domains: config.s3.baseDomains,
    websiteDomains: config.s3.websiteDomains,
    accessLog,
    objectOwnership: config.s3.objectOwnership,
    publicAccessBlock: config.s3.publicAccessBlock,
    signatureV2: config.s3.signatureV2,
    timeouts: config.timeouts,
    groupOf: peerGroup,
    bounds: {
      connectionsMax: config.s3.connections,
      connectionsPerPeerMax: config.s3.connectionsPerAddress,
      bodies: { bytesMax: config.s3.bodyMemory, bytesPerPeerMax: config.s3.bodyMemory / 2 },
      bodyBytesPerSecondMin: config.s3.bodyRate,
      freeArrays,
    },
    objects: layers.namespace.objects,
    keyring: layers.keyring,
    encryption: {
      default: layers.defaultEncryption,
      takesCustomerKeys: config.s3.sseCustomerKeysWithoutTls,
    },
    compute: nativeCompute(loadNative()),
    environment,
    lifecycle,
    restores: {
      statusOf: (ino) => restores.statusOf(ino),
      request: (ino, wish) => restores.request(ino, wish),
    },
    observe: s3Observer(metrics),
  });
}

export interface NfsDoorParts {
  readonly rules: ExportRules;
  readonly tls: TlsOptions | undefined;
  readonly locks: LockParts;
}

/** Serves NFSv3, MOUNTv3 and NLMv4 on one address, and the port mapper where one is wanted. */
export async function openNfsDoor(
  config: Config,
  { layers, environment, metrics, restores, rules, tls, locks }: DoorParts & NfsDoorParts,
): Promise<NfsDoor> {
  const { files, objects } = layers.namespace;
  const { address, groups, portmap } = config.nfs;
  const wanted = (ino: Ino): void => restores.wanted(ino);
  const observe = nfsObserver(metrics);
  const parts = { files, objects, environment, rules, tls, wanted, observe, freeArrays, ...locks };
  return serveNfs(
    { ...parts, names: systemNames(environment.clock), groups: groupSource(config, environment) },
    { ...address, groupsFreshMs: groups.seconds * 1000, portmap, secret: layers.secret },
  );
}

function groupSource(
  { nfs: { groups } }: Config,
  { clock }: Pick<Environment, 'clock'>,
): GroupSource | undefined {
  switch (groups.source) {
    case 'client':
      return undefined;
    case 'system':
      return systemGroups(clock);
    case 'list':
      return listedGroups(groups.users);
  }
}

function s3Observer(metrics: Metrics): (observation: Observation) => void {
  const names = [...[...operations, ...stsActions].map(({ name }) => name), websiteOperation, 'Unknown'];
  const seconds = metrics.histogram({
    name: 's3_request_seconds',
    help: 'From the header of a request to the start of its answer',
    labels: { operation: names },
    buckets: REQUEST_SECONDS_BUCKETS,
  });
  const errors = metrics.counter({
    name: 's3_errors_total',
    help: 'Answers with an error, by status class',
    labels: { operation: names, class: ['4xx', '5xx'] },
  });
  return ({ operation, status, elapsedMs }) => {
    seconds.observe({ operation }, elapsedMs / 1000);
    if (status >= 400) errors.add({ operation, class: status < 500 ? '4xx' : '5xx' }, 1);
  };
}

function nfsObserver(metrics: Metrics): (report: CallReport) => void {
  const seconds = metrics.histogram({
    name: 'nfs_call_seconds',
    help: 'From a whole call to its reply, for NFSv3; calls of other programs count as other',
    labels: { procedure: Object.keys(procedures) },
    buckets: REQUEST_SECONDS_BUCKETS,
  });
  return ({ procedure, ms }) => seconds.observe({ procedure }, ms / 1000);
}
