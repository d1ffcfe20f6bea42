import type { Accounts, Credential as AccountCredential } from '../../accounts/accounts.ts';
import type { Roles } from '../../accounts/roles.ts';
import type { Session, Sessions } from '../../accounts/sessions.ts';
import type { AccessLog } from './access-log.ts';
import type { Credential, Credentials } from './authenticate.ts';
import { s3Door, type Observation } from './door.ts';
import type { HttpHandler } from './http.ts';
import type { S3Parts } from './operation.ts';
import { serve, type ServeOptions, type Serving } from './serve.ts';
import { isSts, stsDoor } from './sts/sts-door.ts';

export interface S3HandlerOptions extends S3Parts {
  readonly accounts: Accounts;
  readonly roles: Roles;
  readonly sessions: Sessions;
  /** Base names of virtual-host style, lower case. */
  readonly domains: readonly string[];
  /** Base names of websites, lower case. */
  readonly websiteDomains: readonly string[];
  /** Written by the scheduler, and at the close of the door. */
  readonly accessLog: AccessLog;
  /** Whether signatures of version 2 are taken too. */
  readonly signatureV2: boolean;
  readonly observe: (observation: Observation) => void;
}

export interface S3Options extends S3HandlerOptions {
  /** Port 0 takes a free one. */
  readonly address: { readonly host: string; readonly port: number };
  /** Whom a connection from an address is counted for. */
  readonly groupOf: (address: string) => string;
  readonly bounds: Pick<
    ServeOptions,
    'connectionsMax' | 'connectionsPerPeerMax' | 'bodies' | 'bodyBytesPerSecondMin' | 'freeArrays'
  >;
  /** In milliseconds: the header section, silence inside a body, the next request, requests under way at the stop. */
  readonly timeouts: {
    readonly header: number;
    readonly body: number;
    readonly keepAlive: number;
    readonly drain: number;
  };
}

/** Serves S3 and, beside it, STS over HTTP for all accounts. */
export async function openS3(options: S3Options): Promise<Serving> {
  const { address, timeouts, environment, accessLog } = options;
  const serving = await serve({
    ...address,
    handler: s3Handler(options),
    clock: environment.clock,
    log: environment.log,
    groupOf: options.groupOf,
    ...options.bounds,
    headersMsMax: timeouts.header,
    idleMsMax: timeouts.body,
    keepAliveMsMax: timeouts.keepAlive,
    drainMsMax: timeouts.drain,
  });
  return {
    ...serving,
    close: async () => {
      await serving.close();
      await accessLog.deliver();
    },
  };
}

/** What answers at the S3 address. */
export function s3Handler(options: S3HandlerOptions): HttpHandler {
  const { accounts, roles, sessions, environment, observe } = options;
  const s3 = s3Door({ ...options, parts: options, credentials: credentialsOf(accounts, sessions) });
  const sts = stsDoor({ environment, accounts, roles, sessions, observe });
  return (http, readAhead) => (isSts(http) ? sts : s3)(http, readAhead);
}

/** Every key of every user, permanent and temporary. Policy decides in the door, so mode bits do not apply below it. */
export const credentialsOf = (
  accounts: Pick<Accounts, 'find'>,
  sessions: Pick<Sessions, 'find'>,
): Credentials => ({
  find(accessKey) {
    const found = accounts.find(accessKey);
    return found && credentialOf(found, undefined);
  },
  session(accessKey, token) {
    const found = sessions.find(accessKey, token);
    return typeof found === 'string' ? found : credentialOf(found, found);
  },
});

const credentialOf = (
  { secretKey, accessKey, account, isRoot, uid, gid, policies }: AccountCredential,
  session: Session | undefined,
): Credential => ({
  secret: secretKey,
  principal: {
    account,
    isRoot,
    isAnonymous: false,
    accessKey,
    caller: { uid, gid, groups: [], bypassesModes: true },
    policies,
    sessionPolicies: session?.sessionPolicies,
    session,
  },
});
