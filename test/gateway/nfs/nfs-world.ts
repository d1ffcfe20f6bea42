import type { TestContext } from 'node:test';
import { NfsClient } from 'nfs-server-ts/test/support/client';
import type { ExportRule } from '../../../src/config.ts';
import { realClock } from '../../../src/environment-real.ts';
import { serveNfs, type NfsDoor } from '../../../src/gateway/nfs/serve.ts';
import type { Ino, Namespace } from '../../../src/namespace/namespace.ts';
import { seededRandom } from '../../kv/seeded-random.ts';
import { openLockWorld } from './lock-world.ts';
import { openWorld, s3 } from '../../namespace/world.ts';

export interface NfsWorld {
  readonly namespace: Namespace;
  readonly door: NfsDoor;
  readonly client: NfsClient;
  readonly bucket: Ino;
  /** Handles of `/` and `/bucket`. */
  readonly root: Uint8Array;
  readonly top: Uint8Array;
  /** Another start of the door over the same tree; a client of it. */
  readonly restarted: (secret?: Uint8Array) => Promise<NfsClient>;
}

const loopback: ExportRule = {
  ...{ bucket: '*', clients: ['127.0.0.0/8'], access: 'rw', squash: 'none' },
  ...{ anonUid: 65_534, anonGid: 65_534 },
};
export const exportRule = (given: Partial<ExportRule>): ExportRule => ({ ...loopback, ...given });
const secretOfTest = Buffer.from('0123456789abcdef');

/** A namespace in memory with one bucket behind a real NFS door; all is closed when the test ends. */
export async function openNfs(
  context: TestContext,
  rules: readonly ExportRule[] = [loopback],
): Promise<NfsWorld> {
  const { namespace } = await openWorld();
  const { ino: bucket } = await namespace.objects.createBucket(s3, 'bucket');
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const environment = { clock: realClock(), random: seededRandom(1), log };
  const { files, objects } = namespace;
  const open = async (secret: Uint8Array): Promise<{ door: NfsDoor; client: NfsClient }> => {
    const locks = await openLockWorld(environment, namespace);
    const parts = { files, objects, environment, observe: () => undefined, ...locks };
    const door = await serveNfs(parts, {
      ...{ host: '127.0.0.1', port: 0, rules, secret },
      portmap: undefined,
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
  const restarted = async (secret: Uint8Array = secretOfTest): Promise<NfsClient> =>
    (await open(secret)).client;
  return {
    namespace,
    door,
    client,
    bucket,
    root: await handleOf('/'),
    top: await handleOf('/bucket'),
    restarted,
  };
}

export const name = (text: string): Uint8Array => Buffer.from(text);
