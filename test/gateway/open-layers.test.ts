import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { loadConfig } from '../../src/config/load.ts';
import { Fault } from '../../src/fault.ts';
import { SECRETS_KEY_BYTES, STORE_FORMAT_VERSION } from '../../src/limits.ts';
import { Metrics } from '../../src/metrics.ts';
import { openLayers, type Layers } from '../../src/gateway/open-layers.ts';
import { dataKeyRange } from '../../src/keyring/records.ts';
import type { Kv } from '../../src/kv/kv.ts';
import { openOptimistic } from '../../src/kv/optimistic.ts';
import { openRocksdb } from '../../src/kv/rocksdb.ts';
import { FORMAT_KEY } from '../../src/namespace/keys.ts';
import { mergeNamespace } from '../../src/namespace/merge.ts';
import { opening } from '../../src/scope.ts';
import { seededRandom } from '../kv/seeded-random.ts';
import { content, environmentOf } from '../tiering/hot/blob-bed.ts';
import { plainFacet, s3 } from '../namespace/world.ts';

let lastSeed = 0;

async function withDirectory(use: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(path.join(tmpdir(), 'terrace-layers-'));
  try {
    await use(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

function unstopped(cause: unknown): void {
  assert.fail(String(cause));
}

/** Opens the layers of `directory` as at a start of the gateway, and closes them. */
async function start(
  directory: string,
  use: (layers: Layers) => Promise<void>,
  hotPath?: string,
): Promise<void> {
  await mkdir(directory, { recursive: true });
  const flags = new Map([
    ['--data', directory],
    ['--hot-size', '64Mi'],
    ...(hotPath === undefined ? [] : ([['--hot-path', hotPath]] as const)),
  ]);
  const { config } = loadConfig({ flags, variables: {} });
  const environment = environmentOf(seededRandom(++lastSeed));
  await opening(async (scope) => {
    await use(
      await openLayers(scope, config, {
        environment,
        secretsKey: Buffer.alloc(SECRETS_KEY_BYTES, 1),
        stopped: unstopped,
        metrics: new Metrics(),
        wake: () => undefined,
      }),
    );
    await scope.close();
  });
}

const body = content(100_000, 1);

/** An object whose content lies on the hot device. */
async function put({ namespace: { objects } }: Layers): Promise<void> {
  const bucket = await objects.createBucket(s3, 'bucket');
  const draft = await objects.draft(s3);
  await draft.write([body]);
  await objects.attach(s3, draft, {
    bucket: bucket.ino,
    key: Buffer.from('key'),
    facet: plainFacet('etag'),
    expect: {},
  });
}

async function check({ namespace: { objects } }: Layers): Promise<void> {
  const bucket = await objects.bucket('bucket');
  const object = bucket && (await objects.open({ bucket: bucket.ino, key: Buffer.from('key') }));
  assert(object !== undefined);
  const pieces: Uint8Array[] = [];
  for await (const piece of object.read(0, body.length)) pieces.push(piece);
  assert(Buffer.concat(pieces).equals(body));
  await object.close();
}

const nothing = (): Promise<void> => Promise.resolve();

const isFault =
  (sentence: RegExp) =>
  (cause: unknown): boolean =>
    cause instanceof Fault && cause.subject === 'device' && sentence.test(cause.detail ?? '');

const mistakes = [
  {
    name: 'a hot file that is missing',
    make: (hot: string): Promise<void> => rename(hot, `${hot}.away`),
    mend: (hot: string): Promise<void> => rename(`${hot}.away`, hot),
    want: isFault(/is missing or empty/),
  },
  {
    name: 'an empty file in the place of the hot file',
    make: async (hot: string): Promise<void> => {
      await rename(hot, `${hot}.away`);
      await writeFile(hot, '');
    },
    mend: (hot: string): Promise<void> => rename(`${hot}.away`, hot),
    want: isFault(/is missing or empty/),
  },
  {
    name: 'the hot file of another data directory',
    make: async (hot: string): Promise<void> => {
      await rename(hot, `${hot}.away`);
      await start(`${path.dirname(hot)}.other`, put);
      await rename(`${path.dirname(hot)}.other/hot`, hot);
    },
    mend: (hot: string): Promise<void> => rename(`${hot}.away`, hot),
    want: isFault(/is not the one that the metadata in .* describes/),
  },
  {
    name: 'a hot file without its metadata',
    make: (hot: string): Promise<void> => rename(metadataOf(hot), `${metadataOf(hot)}.away`),
    mend: async (hot: string): Promise<void> => {
      await rm(metadataOf(hot), { recursive: true });
      await rename(`${metadataOf(hot)}.away`, metadataOf(hot));
    },
    want: isFault(/is not the one that the metadata in .* describes/),
  },
];

const metadataOf = (hot: string): string => path.join(path.dirname(hot), 'metadata');

for (const { name, make, mend, want } of mistakes) {
  test(`${name} is refused in one sentence, and nothing is lost`, () =>
    withDirectory(async (directory) => {
      const data = path.join(directory, 'data');
      const hot = path.join(data, 'hot');
      await start(data, put);
      await make(hot);
      for (let attempt = 0; attempt < 2; attempt++) await assert.rejects(start(data, nothing), want);
      await mend(hot);
      await start(data, check);
    }));
}

test('a hot file that was lost before there was content on it is made again', () =>
  withDirectory(async (directory) => {
    await start(directory, nothing);
    await rm(path.join(directory, 'hot'));
    await start(directory, put);
    await start(directory, check);
  }));

test('a data directory that is in use, and a hot device in no directory, are one sentence that says what to do', () =>
  withDirectory(async (directory) => {
    const data = path.join(directory, 'data');
    await start(data, async () => {
      const inUse = `The data directory ${data} is in use: stop the gateway that runs on it, or choose another with --data DIR.`;
      const second = start(data, () => Promise.resolve());
      await assert.rejects(second, (it) => it instanceof Fault && it.detail === inUse);
    });
    const nowhere = path.join(directory, 'nowhere');
    const wanted = `There is no directory ${nowhere} for the hot device: make it, or choose another place with --hot-path FILE.`;
    const misplaced = start(
      path.join(directory, 'other'),
      () => Promise.resolve(),
      path.join(nowhere, 'hot'),
    );
    await assert.rejects(misplaced, (it) => it instanceof Fault && it.detail === wanted);
  }));

/** The metadata of a data directory that no gateway has open. */
async function withMetadata(directory: string, use: (kv: Kv) => Promise<void>): Promise<void> {
  const kv = openOptimistic(await openRocksdb(path.join(directory, 'metadata')), { merge: mergeNamespace });
  await use(kv);
  await kv.close();
}

const forgetDataKeys = (kv: Kv): Promise<void> =>
  kv.transact('durable', async (tx) => {
    for await (const page of tx.scan(dataKeyRange(), { pageEntries: 10 })) {
      for (const { key } of page) tx.delete(key);
    }
  });

const setFormat = (kv: Kv, format: number): Promise<void> =>
  kv.transact('durable', async (tx) => tx.put(FORMAT_KEY, Uint8Array.of(format)));

test('a data directory from before there were data keys gets one, and is of the present format then', () =>
  withDirectory(async (directory) => {
    await start(directory, put);
    await withMetadata(directory, async (kv) => {
      await forgetDataKeys(kv);
      await setFormat(kv, 1);
    });
    await start(directory, async (layers) => {
      await check(layers);
      assert.equal(layers.keyring.dataKeys.current().keyId, 1);
      assert.deepEqual([...((await layers.kv.get(FORMAT_KEY)) ?? [])], [STORE_FORMAT_VERSION]);
    });
  }));

test('a data directory that has lost its data keys, or is of a newer program, is refused and left as it is', () =>
  withDirectory(async (directory) => {
    await start(directory, put);
    await withMetadata(directory, forgetDataKeys);
    for (let attempt = 0; attempt < 2; attempt += 1)
      await assert.rejects(
        start(directory, nothing),
        /Data key 1 is missing .*Bring back the whole data directory/,
      );
    await withMetadata(directory, (kv) => setFormat(kv, STORE_FORMAT_VERSION + 1));
    await assert.rejects(start(directory, nothing), /start the newer program/);
    await withMetadata(directory, async (kv) => {
      assert.deepEqual([...((await kv.get(FORMAT_KEY)) ?? [])], [STORE_FORMAT_VERSION + 1]);
    });
  }));
