import { hash } from 'node:crypto';
import type { Environment } from '../../environment.ts';
import { S3_DRAIN_MS_MAX, S3_HEADERS_MS_MAX, S3_IDLE_MS_MAX, S3_KEEP_ALIVE_MS_MAX } from '../../limits.ts';
import type { ObjectStore } from '../../namespace/namespace.ts';
import type { Compute } from '../../workers/compute.ts';
import type { Credentials } from './authenticate.ts';
import { s3Door, type Observation } from './door.ts';
import type { Account, Principal } from './operation.ts';
import { serve, type Serving } from './serve.ts';

export interface S3Options {
  /** Port 0 takes a free one. */
  readonly address: { readonly host: string; readonly port: number };
  readonly keys: { readonly accessKey: string; readonly secretKey: string };
  readonly region: string;
  /** Base names of virtual-host style, lower case. */
  readonly domains: readonly string[];
  readonly objects: ObjectStore;
  readonly compute: Compute;
  readonly environment: Environment;
  readonly observe: (observation: Observation) => void;
}

/** The account of the root keys. Its ids are the same in every gateway and outlive a change of keys. */
export const rootAccount: Account = {
  id: '000000000000',
  canonicalId: hash('sha256', 'terrace root account', 'hex'),
  displayName: 'root',
};

/** Serves S3 over HTTP for the root keys. */
export async function openS3(options: S3Options): Promise<Serving> {
  const { address, keys, region, domains, objects, compute, environment, observe } = options;
  const parts = { objects, compute, environment, region, owner: rootAccount };
  const handler = s3Door({ parts, credentials: rootCredentials(keys), domains, observe });
  return serve({
    ...address,
    handler,
    clock: environment.clock,
    headersMsMax: S3_HEADERS_MS_MAX,
    idleMsMax: S3_IDLE_MS_MAX,
    keepAliveMsMax: S3_KEEP_ALIVE_MS_MAX,
    drainMsMax: S3_DRAIN_MS_MAX,
  });
}

/** One key pair that may do everything. Policy decides in the door, so mode bits do not apply below it. */
export function rootCredentials({ accessKey, secretKey }: S3Options['keys']): Credentials {
  const principal: Principal = {
    account: rootAccount,
    accessKey,
    caller: { uid: 0, gid: 0, groups: [], bypassesModes: true },
  };
  const credential = { secret: secretKey, principal };
  return { find: (key) => (key === accessKey ? credential : undefined) };
}
