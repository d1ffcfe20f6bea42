import { hash } from 'node:crypto';
import type { Environment } from '../../environment.ts';
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
  /** Of the files that S3 makes. */
  readonly owner: { readonly uid: number; readonly gid: number };
  readonly region: string;
  /** Base names of virtual-host style, lower case. */
  readonly domains: readonly string[];
  /** In milliseconds: the header section, silence inside a body, the next request, requests under way at the stop. */
  readonly timeouts: {
    readonly header: number;
    readonly body: number;
    readonly keepAlive: number;
    readonly drain: number;
  };
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
  const { address, keys, owner, region, domains, timeouts, objects, compute, environment, observe } = options;
  const parts = { objects, compute, environment, region, owner: rootAccount };
  const handler = s3Door({ parts, credentials: rootCredentials(keys, owner), domains, observe });
  return serve({
    ...address,
    handler,
    clock: environment.clock,
    headersMsMax: timeouts.header,
    idleMsMax: timeouts.body,
    keepAliveMsMax: timeouts.keepAlive,
    drainMsMax: timeouts.drain,
  });
}

/** One key pair that may do everything. Policy decides in the door, so mode bits do not apply below it. */
export function rootCredentials(
  { accessKey, secretKey }: S3Options['keys'],
  owner: S3Options['owner'],
): Credentials {
  const principal: Principal = {
    account: rootAccount,
    accessKey,
    caller: { ...owner, groups: [], bypassesModes: true },
  };
  const credential = { secret: secretKey, principal };
  return { find: (key) => (key === accessKey ? credential : undefined) };
}
