import type { TestContext } from 'node:test';
import type { TlsOptions } from 'nfs-server-ts/tcp-transport';
import { NfsClient } from 'nfs-server-ts/test/support/client';
import type { ExportRule } from '../../../src/config/export-rule.ts';
import { realClock } from '../../../src/environment-real.ts';
import type { ExportRules } from '../../../src/exports/export-rules.ts';
import type { GroupSource } from '../../../src/gateway/nfs/groups.ts';
import type { HostNames } from '../../../src/gateway/nfs/host-names.ts';
import { serveNfs, type NfsDoor } from '../../../src/gateway/nfs/serve.ts';
import { MemoryEngine } from '../../../src/kv/memory.ts';
import type { Ino, Namespace } from '../../../src/namespace/namespace.ts';
import type { MemoryDevice } from '../../../src/tiering/hot/memory-device.ts';
import { seededRandom } from '../../kv/seeded-random.ts';
import { openLockWorld, type LockWorldOptions } from './lock-world.ts';
import { openWorld, s3, type World } from '../../namespace/world.ts';
import { memoryExports, ruleWith } from '../../exports/memory-exports.ts';

export interface NfsWorld {
  readonly namespace: Namespace;
  /** Where content lies. */
  readonly device: MemoryDevice;
  readonly door: NfsDoor;
  readonly client: NfsClient;
  readonly bucket: Ino;
  readonly rules: ExportRules;
  /** Handles of `/` and `/bucket`. */
  readonly root: Uint8Array;
  readonly top: Uint8Array;
  /** Another start of the door over the same tree; a client of it. */
  readonly restarted: (secret?: Uint8Array, engine?: MemoryEngine) => Promise<NfsClient>;
  /** Upkeep of the locks of the last start. */
  readonly steps: () => Promise<unknown>;
}

/** For this machine, from any port, with root as it is, unless told otherwise. */
export const exportRule = (given: Partial<ExportRule>): ExportRule =>
  ruleWith({ squash: 'none', secure: false, ...given });
const loopback = exportRule({});
/** Nobody has a name. */
export const nameless: HostNames = { addressesOf: async () => [], namesOf: async () => [] };
const secretOfTest = Buffer.from('0123456789abcdef');

/** A namespace in memory with one bucket behind a real NFS door; all is closed when the test ends. */
export async function openNfs(
  context: TestContext,
  declared: readonly ExportRule[] = [loopback],
  options: LockWorldOptions & {
    readonly portmap?: true;
    readonly groups?: GroupSource;
    readonly tls?: TlsOptions;
    readonly wanted?: (ino: Ino) => void;
    /** What the door opens; a namespace whose content stays hot, unless given. */
    readonly world?: () => Promise<Pick<World, 'namespace' | 'device'>>;
  } = {},
): Promise<NfsWorld> {
  const rules = await memoryExports(declared);
  const { namespace, device } = await (options.world ?? openWorld)();
  const { ino: bucket } = await namespace.objects.createBucket(s3, 'bucket');
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const environment = { clock: realClock(), random: seededRandom(1), log };
  const { files, objects } = namespace;
  const { groups, tls } = options;
  let steps: () => Promise<unknown> = () => Promise.resolve();
  const open = async (
    secret: Uint8Array,
    engine = options.engine ?? new MemoryEngine(),
  ): Promise<{ door: NfsDoor; client: NfsClient }> => {
    const locks = await openLockWorld(environment, namespace, { ...options, engine });
    steps = () => locks.locks.step();
    const parts = {
      ...{ files, objects, environment, rules, groups, tls, names: nameless },
      observe: () => undefined,
      wanted: options.wanted ?? (() => undefined),
      ...locks,
    };
    const door = await serveNfs(parts, {
      ...{ host: '127.0.0.1', port: 0, groupsFreshMs: 1000, secret },
      portmap: options.portmap && { host: '127.0.0.1', port: 0 },
    });
    const client = await NfsClient.connect(door.port);
    context.after(async () => {
      await client.close();
      await door.close();
    });
    return { door, client };
  };
  const { door, client } = await open(secretOfTest);
  const handleOf = async (path: string): Promise<Uint8Array> =>
    client.root(path).catch(() => new Uint8Array(0));
  const restarted = async (secret: Uint8Array = secretOfTest, engine?: MemoryEngine): Promise<NfsClient> =>
    (await open(secret, engine)).client;
  return {
    namespace,
    device,
    door,
    client,
    bucket,
    rules,
    root: await handleOf('/'),
    top: await handleOf('/bucket'),
    restarted,
    steps: () => steps(),
  };
}

export const name = (text: string): Uint8Array => Buffer.from(text);
