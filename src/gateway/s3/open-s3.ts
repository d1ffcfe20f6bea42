import type { Accounts } from '../../accounts/accounts.ts';
import type { Environment } from '../../environment.ts';
import type { ObjectOwnership } from '../../namespace/access-control.ts';
import type { ObjectStore } from '../../namespace/namespace.ts';
import type { Compute } from '../../workers/compute.ts';
import type { Credentials } from './authenticate.ts';
import type { LifecycleHook } from './operation.ts';
import { s3Door, type Observation } from './door.ts';
import type { S3Parts } from './operation.ts';
import { serve, type Serving } from './serve.ts';

export interface S3Options {
  /** Port 0 takes a free one. */
  readonly address: { readonly host: string; readonly port: number };
  readonly accounts: Accounts;
  readonly region: string;
  /** Base names of virtual-host style, lower case. */
  readonly domains: readonly string[];
  readonly objectOwnership: ObjectOwnership;
  /** Whether signatures of version 2 are taken too. */
  readonly signatureV2: boolean;
  /** In milliseconds: the header section, silence inside a body, the next request, requests under way at the stop. */
  readonly timeouts: {
    readonly header: number;
    readonly body: number;
    readonly keepAlive: number;
    readonly drain: number;
  };
  readonly objects: ObjectStore;
  readonly compute: Compute;
  readonly keyring: S3Parts['keyring'];
  readonly encryption: S3Parts['encryption'];
  readonly environment: Environment;
  readonly lifecycle: LifecycleHook;
  readonly observe: (observation: Observation) => void;
}

/** Serves S3 over HTTP for all accounts. */
export async function openS3(options: S3Options): Promise<Serving> {
  const { address, accounts, domains, signatureV2, timeouts, environment, observe } = options;
  const { objects, compute, region, lifecycle, objectOwnership, keyring, encryption } = options;
  const doorParts = { objects, compute, environment, region, accounts };
  const parts = { ...doorParts, lifecycle, objectOwnership, keyring, encryption };
  const handler = s3Door({ parts, credentials: credentialsOf(accounts), domains, signatureV2, observe });
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

/** Every key of every user. Policy decides in the door, so mode bits do not apply below it. */
export const credentialsOf = (accounts: Pick<Accounts, 'find'>): Credentials => ({
  find(accessKey) {
    const found = accounts.find(accessKey);
    if (found === undefined) return undefined;
    const { account, isRoot, uid, gid, policies } = found;
    const caller = { uid, gid, groups: [], bypassesModes: true };
    const principal = { account, isRoot, isAnonymous: false, accessKey, caller, policies };
    return {
      secret: found.secretKey,
      principal: { ...principal, sessionPolicies: undefined },
    };
  },
});
