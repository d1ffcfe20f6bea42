import type { TestContext } from 'node:test';
import { connect, type Socket } from 'node:net';
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import type { Accounts } from '../../../src/accounts/accounts.ts';
import { openAccounts } from '../../../src/accounts/open-accounts.ts';
import { openRoles, type Roles } from '../../../src/accounts/roles.ts';
import { Sessions } from '../../../src/accounts/sessions.ts';
import type { Environment } from '../../../src/environment.ts';
import { realClock, realRandom } from '../../../src/environment-real.ts';
import { AccessLog } from '../../../src/gateway/s3/access-log.ts';
import type { Observation } from '../../../src/gateway/s3/door.ts';
import { s3Handler } from '../../../src/gateway/s3/open-s3.ts';
import { serve, type ServeOptions } from '../../../src/gateway/s3/serve.ts';
import type { BucketEncryption } from '../../../src/keyring/bucket-encryption.ts';
import { RuleBook } from '../../../src/lifecycle/rule-book.ts';
import { SECONDS_PER_DAY, SECRETS_KEY_BYTES } from '../../../src/limits.ts';
import type { ObjectOwnership } from '../../../src/namespace/access-control.ts';
import type { ObjectStore } from '../../../src/namespace/namespace.ts';
import { Restores } from '../../../src/storage-policy/restores.ts';
import { referenceCompute } from '../../../src/workers/reference.ts';
import { openWorld, type World } from '../../namespace/world.ts';

export const keys = {
  accessKey: 'AKIAIOSFODNN7EXAMPLE',
  secretKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
};

/** Of the live door. */
export const secretsKey = new Uint8Array(SECRETS_KEY_BYTES);

/** The S3 door over a namespace in memory, listening on a free port of the loopback address. */
export interface LiveDoor {
  readonly world: World;
  readonly restores: Restores;
  readonly accounts: Accounts;
  readonly roles: Roles;
  readonly sessions: Sessions;
  readonly port: number;
  /** Of bodies, drawn on the common budget. */
  readonly bodyBytesHeld: () => number;
  readonly s3: S3Client;
  readonly accessLog: AccessLog;
  readonly lostRecords: { readonly count: number };
  readonly observations: Observation[];
  /** What the door logged as its own failure. */
  readonly errors: unknown[];
  /** How often the door said that some lifecycle rules are others now. */
  readonly lifecycleChanges: { readonly count: number };
  client(config: S3ClientConfig): S3Client;
  close(): Promise<void>;
}

export interface LiveDoorOptions {
  readonly region?: string;
  readonly domains?: readonly string[];
  readonly objectOwnership?: ObjectOwnership;
  /** Of new buckets; off unless given: most tests are about what it would keep them from. */
  readonly publicAccessBlock?: boolean;
  readonly signatureV2?: boolean;
  readonly websiteDomains?: readonly string[];
  readonly http?: Partial<Omit<ServeOptions, 'host' | 'port' | 'handler' | 'clock'>>;
  readonly defaultEncryption?: BucketEncryption;
  readonly takesCustomerKeys?: boolean;
  /** Of lifecycle rules. */
  readonly secondsPerDay?: number;
  /** What the door opens; a namespace whose content stays hot, unless given. */
  readonly world?: () => Promise<World>;
  /** Puts something between the door and the namespace. */
  readonly objects?: (objects: ObjectStore) => ObjectStore;
}

export async function openLiveDoor(options: LiveDoorOptions = {}): Promise<LiveDoor> {
  const world = await (options.world ?? openWorld)();
  const { region = 'us-east-1', domains = ['s3.test'], objects = (it) => it, signatureV2 = true } = options;
  const { websiteDomains = ['web.test'] } = options;
  const { secondsPerDay = SECONDS_PER_DAY } = options;
  const lifecycleChanges = { count: 0 };
  const observations: Observation[] = [];
  const errors: unknown[] = [];
  const log = {
    info: () => undefined,
    warn: () => undefined,
    error: (_event: string, it: unknown) => void errors.push(it),
  };
  const environment: Environment = { clock: realClock(), random: realRandom, log };
  const accounts = await openAccounts({
    kv: world.kv,
    environment,
    root: { ...keys, uid: 0, gid: 0 },
    declared: [],
    secretsKey,
  });
  const roles = await openRoles({ kv: world.kv, environment, accounts, declared: [] });
  const sessions = new Sessions({ environment, accounts, roles, secretsKey });
  const restores = await Restores.open({
    ...{ kv: world.kv, objects: world.namespace.objects, tiers: world.tiering.tiers },
    environment: { clock: world.clock, log },
    wish: { days: 1, speed: 'Standard' },
    wake: () => undefined,
  });
  const lost = (count: number): void => {
    lostRecords.count += count;
  };
  const lostRecords = { count: 0 };
  const accessLog = new AccessLog({ environment, region, intervalMs: 300_000, lost });
  const observe = (observation: Observation): void => void observations.push(observation);
  const serving = await serve({
    host: '127.0.0.1',
    port: 0,
    handler: s3Handler({
      accounts,
      roles,
      sessions,
      region,
      domains,
      websiteDomains,
      accessLog,
      signatureV2,
      objects: objects(world.namespace.objects),
      compute: referenceCompute(),
      environment,
      lifecycle: {
        rules: new RuleBook(world.namespace.objects, { secondsPerDay }),
        changed: () => void (lifecycleChanges.count += 1),
      },
      restores: {
        statusOf: (ino) => restores.statusOf(ino),
        request: (ino, wish) => restores.request(ino, wish),
      },
      objectOwnership: options.objectOwnership ?? 'BucketOwnerEnforced',
      publicAccessBlock: options.publicAccessBlock ?? false,
      keyring: world.keyring,
      encryption: {
        default: options.defaultEncryption,
        takesCustomerKeys: options.takesCustomerKeys ?? true,
      },
      observe,
    }),
    clock: environment.clock,
    log: environment.log,
    groupOf: (address) => address,
    connectionsMax: 1_000,
    connectionsPerPeerMax: 1_000,
    bodies: { bytesMax: 64 * 1024 ** 2, bytesPerPeerMax: 64 * 1024 ** 2 },
    bodyBytesPerSecondMin: 1,
    headersMsMax: 10_000,
    idleMsMax: 10_000,
    keepAliveMsMax: 10_000,
    drainMsMax: 5_000,
    ...options.http,
  });
  const clients: S3Client[] = [];
  const client = (config: S3ClientConfig): S3Client => {
    const made = new S3Client({
      region,
      endpoint: `http://127.0.0.1:${serving.port}`,
      forcePathStyle: true,
      credentials: { accessKeyId: keys.accessKey, secretAccessKey: keys.secretKey },
      maxAttempts: 1,
      requestHandler: new NodeHttpHandler({ connectionTimeout: 5_000 }),
      ...config,
    });
    clients.push(made);
    return made;
  };
  return {
    world,
    restores,
    accounts,
    roles,
    sessions,
    port: serving.port,
    bodyBytesHeld: () => serving.bodyBytesHeld(),
    s3: client({}),
    accessLog,
    lostRecords,
    observations,
    errors,
    lifecycleChanges,
    client,
    close: once(async () => {
      for (const one of clients) one.destroy();
      await serving.close();
      await world.namespace.close();
    }),
  };
}

/** Later calls share the outcome of the first. */
function once<Result>(work: () => Promise<Result>): () => Promise<Result> {
  let outcome: Promise<Result> | undefined;
  return () => (outcome ??= work());
}

/** The door of one test, closed when the test ends. */
export async function liveDoor(context: TestContext, options: LiveDoorOptions = {}): Promise<LiveDoor> {
  const door = await openLiveDoor(options);
  context.after(() => door.close());
  return door;
}

/** Sends bytes as they are and answers everything that came back until the server closes or `isEnough`. */
export function exchangeRaw(
  port: number,
  sent: string | Uint8Array,
  isEnough: (received: string) => boolean = () => false,
): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = '';
    const socket: Socket = connect({ port, host: '127.0.0.1' }, () => void socket.write(sent));
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      received += text;
      if (isEnough(received)) socket.destroy();
    });
    socket.on('close', () => resolve(received));
    socket.on('error', reject);
  });
}
