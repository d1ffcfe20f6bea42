import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import type { Config } from '../config.ts';
import type { Environment } from '../environment.ts';
import { ACCOUNT_ID_DIGITS, REQUEST_SECONDS_BUCKETS } from '../limits.ts';
import type { Metrics } from '../metrics.ts';
import type { ObjectStore } from '../namespace/namespace.ts';
import { loadNative } from '../native.ts';
import { nativeCompute } from '../workers/native.ts';
import type { RootKeys } from './root-keys.ts';
import type { Credentials } from './s3/authenticate.ts';
import { s3Door, type Observation } from './s3/door.ts';
import type { Account, Principal } from './s3/operation.ts';
import { serve, type Serving } from './s3/serve.ts';
import { operations } from './s3/table.ts';

export interface S3Surroundings {
  readonly objects: ObjectStore;
  readonly environment: Environment;
  readonly metrics: Metrics;
  readonly rootKeys: RootKeys;
}

/** Serves S3 on its address. */
export async function openS3(config: Config, around: S3Surroundings): Promise<Serving> {
  const { objects, environment, metrics, rootKeys } = around;
  const owner = accountOf(rootKeys.accessKey);
  const credentials = rootCredentials(rootKeys, owner, await ownerOfFiles(config.data));
  const handler = s3Door({
    parts: { objects, compute: nativeCompute(loadNative()), environment, region: config.region, owner },
    credentials,
    domains: config.s3.baseDomains,
    observe: observer(metrics),
  });
  return serve({
    ...config.s3.address,
    handler,
    clock: environment.clock,
    headersMsMax: config.timeouts.header,
    idleMsMax: config.timeouts.body,
    keepAliveMsMax: config.timeouts.keepAlive,
    drainMsMax: config.timeouts.drain,
  });
}

/** The ids follow from the access key, so that they stay the same without being kept. */
function accountOf(accessKey: string): Account {
  const canonicalId = createHash('sha256').update(accessKey).digest('hex');
  const id = (BigInt(`0x${canonicalId}`) % 10n ** BigInt(ACCOUNT_ID_DIGITS)).toString();
  return { id: id.padStart(ACCOUNT_ID_DIGITS, '0'), canonicalId, displayName: 'root' };
}

/** Files that S3 makes belong to whom the data directory belongs to: usually the user that started the gateway. */
async function ownerOfFiles(directory: string): Promise<{ uid: number; gid: number }> {
  const { uid, gid } = await stat(directory);
  return { uid, gid };
}

function rootCredentials(
  { accessKey, secretKey }: RootKeys,
  account: Account,
  owner: { uid: number; gid: number },
): Credentials {
  const principal: Principal = { account, accessKey, caller: { ...owner, groups: [], bypassesModes: true } };
  return { find: (asked) => (asked === accessKey ? { secret: secretKey, principal } : undefined) };
}

function observer(metrics: Metrics): (observation: Observation) => void {
  const names = [...operations.map(({ name }) => name), 'Unknown'];
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
