import type { Address } from '../config/address.ts';
import type { Config } from '../config.ts';
import type { Environment } from '../environment.ts';
import type { Metrics } from '../metrics.ts';
import { Scheduler } from '../scheduler.ts';
import { opening, type Closable } from '../scope.ts';
import { openLayers, type Layers } from './open-layers.ts';
import { openNfs } from './open-nfs.ts';
import { openS3 } from './open-s3.ts';
import type { Blobs } from '../tiering/blobs.ts';
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

/** The composition root: what is opened here closes in reverse order, doors first. */
export const openGateway: OpenGateway = (config, { environment, metrics, version }) =>
  opening(async (scope) => {
    const { clock, log } = environment;
    const startedAt = clock.monotonic();
    const stopped = signal();
    const rootKeys = await openRootKeys(environment, config.data, config.root);
    const layers = await openLayers(scope, config, { environment, stopped: stopped.give });
    const { namespace, blobs } = layers;
    const scheduler = scope.own(new Scheduler(environment));
    scheduler.start('namespace', () => namespace.step());
    scheduler.observe(metrics);
    observeHot(metrics, blobs);
    const s3 = scope.own(
      await openS3(config, { objects: namespace.objects, environment, metrics, rootKeys }),
    );
    const nfs = scope.own(await openNfs(config, { namespace, environment, metrics, secret: layers.secret }));
    const status = async (): Promise<Status> => ({
      version,
      uptimeSeconds: (clock.monotonic() - startedAt) / 1000,
      region: config.region,
      addresses: addresses(),
      buckets: { count: (await namespace.objects.buckets()).length },
      hot: blobs.usage(),
      steps: [...scheduler.states()],
      health: healthOf(layers, scheduler),
    });
    const unready = async (): Promise<readonly string[]> => [];
    const admin = scope.own(
      await openAdmin({ address: config.admin.address, keys: rootKeys, log, metrics, status, unready }),
    );
    const addresses = (): GatewayAddresses => ({
      s3: { host: s3.host, port: s3.port },
      nfs: { host: nfs.host, port: nfs.port },
      admin: admin.address,
    });
    return { addresses: addresses(), rootKeys, stopped: stopped.given, close: () => scope.close() };
  });

/** A promise and the function that settles it. */
function signal(): { readonly given: Promise<unknown>; readonly give: (reason: unknown) => void } {
  let give: (reason: unknown) => void = () => undefined;
  const given = new Promise<unknown>((resolve) => {
    give = resolve;
  });
  return { given, give: (reason) => give(reason) };
}

function observeHot(metrics: Metrics, blobs: Blobs): void {
  const labels = { kind: ['total', 'free'] };
  metrics.observed({ name: 'hot_bytes', help: 'Space of the hot device', labels }, (gauge) => {
    const { bytesTotal, bytesFree } = blobs.usage();
    gauge.set({ kind: 'total' }, bytesTotal);
    gauge.set({ kind: 'free' }, bytesFree);
  });
}

/** Share of the hot device that must be free for it to be healthy. */
const HOT_FREE_SHARE_MIN = 0.05;

function healthOf({ blobs, device }: Layers, scheduler: Scheduler): Status['health'] {
  const { bytesTotal, bytesFree } = blobs.usage();
  const alerts = scheduler
    .states()
    .filter(({ isHealthy }) => !isHealthy)
    .map(({ name, failure = 'unknown' }) => `The background step ${name} fails again and again: ${failure}`);
  const isFull = bytesFree < bytesTotal * HOT_FREE_SHARE_MIN;
  if (isFull) alerts.push('The hot device is nearly full: enlarge it with --hot-size or delete data.');
  if (!device.isDirect) {
    alerts.push(
      'The file system of the hot device has no direct I/O: content passes through the page cache.',
    );
  }
  return { state: isFull ? 'critical' : alerts.length > 0 ? 'degraded' : 'healthy', alerts };
}
