import type { CallReport } from 'nfs-server-ts/dispatch';
import { procedures } from 'nfs-server-ts/nfs3';
import type { Config } from '../config.ts';
import type { Environment } from '../environment.ts';
import { REQUEST_SECONDS_BUCKETS } from '../limits.ts';
import type { Metrics } from '../metrics.ts';
import type { Namespace } from '../namespace/namespace.ts';
import { serveNfs, type NfsDoor } from './nfs/serve.ts';

export interface NfsSurroundings {
  readonly namespace: Namespace;
  readonly environment: Environment;
  readonly metrics: Metrics;
  /** See Layers. */
  readonly secret: Uint8Array;
}

/** Serves NFSv3 and MOUNTv3 on one address. */
export async function openNfs(config: Config, around: NfsSurroundings): Promise<NfsDoor> {
  const { namespace, environment, metrics, secret } = around;
  const { files, objects } = namespace;
  return serveNfs(
    { files, objects, environment, observe: observer(metrics) },
    { ...config.nfs.address, rules: config.nfs.exports, secret },
  );
}

function observer(metrics: Metrics): (report: CallReport) => void {
  const names = Object.keys(procedures);
  const seconds = metrics.histogram({
    name: 'nfs_call_seconds',
    help: 'From a whole call to its reply, for NFSv3; calls of other programs count as other',
    labels: { procedure: names },
    buckets: REQUEST_SECONDS_BUCKETS,
  });
  return ({ procedure, ms }) => seconds.observe({ procedure }, ms / 1000);
}
