import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { Clock } from '../../src/environment.ts';
import { realClock } from '../../src/environment-real.ts';
import { openAdmin, type AdminDoor } from '../../src/gateway/admin/serve.ts';
import { AttachedStores, type AttachedParts } from '../../src/gateway/attached-buckets.ts';
import { MemoryEngine } from '../../src/kv/memory.ts';
import { COLD_ATTEMPT_MS } from '../../src/limits/tiering.ts';
import { Metrics } from '../../src/metrics.ts';
import { MemoryObjectStore } from '../../src/tiering/cold/memory-object-store.ts';
import { unchanged } from '../../src/tiering/cold/object-store.ts';
import { openForeignStoreOn } from '../../src/tiering/foreign/open-foreign-store.ts';
import type { ForeignStoreSettings } from '../../src/tiering/foreign/open-foreign-store.ts';
import { referenceCompute } from '../../src/workers/reference.ts';
import { openMemoryIdentities, root } from '../accounts/memory-accounts.ts';
import { quietSources } from '../gateway/admin/quiet-sources.ts';
import { memoryKeyring } from '../keyring/test-keyring.ts';
import { seededRandom } from '../kv/seeded-random.ts';
import { bytes, get, openWorld, put, s3, settle, silent, type World } from '../namespace/world.ts';
import { run, type Outcome } from './double.ts';

const { signal } = new AbortController();
const keys = { accessKeyId: 'cold-key', secretAccessKey: 'cold-secret', requests: 4 };
const variables = { AWS_ACCESS_KEY_ID: root.accessKey, AWS_SECRET_ACCESS_KEY: root.secretKey };

/** A gateway's attached buckets and their admin API, with a store in memory for whatever is attached. */
class ColdBed {
  world: World;
  readonly theirs: MemoryObjectStore;
  /** What stores were opened with. */
  readonly opened: ForeignStoreSettings[] = [];
  #attached: AttachedStores | undefined;
  #door: AdminDoor | undefined;

  constructor(world: World) {
    this.world = world;
    this.theirs = new MemoryObjectStore({ clock: world.clock, random: seededRandom(2) });
  }

  async open(): Promise<void> {
    const { clock, namespace, tiering } = this.world;
    const environment = { clock: patient(clock), random: seededRandom(1), log: silent };
    let id = 100;
    const parts: AttachedParts = {
      ...{ environment, namespace, foreign: tiering.foreign, nextId: () => ++id },
      wake: () => void this.work(),
      isOwn: async (endpoint) => endpoint === 'http://own:9000',
      open: async (settings) => {
        this.opened.push(settings);
        // What lies there stays when a store is closed.
        const store = { ...unchanged(this.theirs), close: async () => undefined };
        return openForeignStoreOn(store, settings, { environment });
      },
    };
    this.#attached = await AttachedStores.open(parts, keys);
    this.#door = await openAdmin({
      ...(await quietSources()),
      address: { host: '127.0.0.1', port: 0 },
      environment: { ...environment, clock: realClock() },
      metrics: new Metrics(),
      status: () => assert.fail(),
      ...(await openMemoryIdentities(new MemoryEngine())),
      keyring: await memoryKeyring(),
      attached: this.#attached,
    });
  }

  async close(): Promise<void> {
    await this.#door?.close();
    await this.#attached?.close();
  }

  async reopen(): Promise<void> {
    await this.close();
    this.world = await openWorld(this.world);
    await this.open();
  }

  async work(): Promise<void> {
    while ((await this.#attached?.step()) === 'busy') await settle(this.world);
  }

  get alerts(): readonly string[] {
    return (this.#attached?.alerts() ?? []).map(({ text }) => text);
  }

  async upload(key: string): Promise<void> {
    const body = bytes(`content of ${key}`);
    const { crc64nvme = body } = referenceCompute().digest(['crc64nvme'], [body]);
    await this.theirs.put(key, { bytes: body, crc64nvme, condition: { kind: 'absent' } }, signal);
  }

  cold(...args: readonly string[]): Promise<Outcome> {
    const admin = `http://127.0.0.1:${this.#door?.address.port}`;
    return run(['cold', ...args, '--admin', admin], { variables });
  }
}

/** Waits between attempts take no time; nothing takes so long that it is given up. */
const patient = (clock: World['clock']): Clock => ({
  wall: () => clock.wall(),
  monotonic: () => clock.monotonic(),
  sleep: (ms, signal) => (ms < COLD_ATTEMPT_MS ? clock.sleep(ms) : aborted(signal)),
});

const aborted = (signal: AbortSignal | undefined): Promise<never> =>
  new Promise((_, reject) => signal?.addEventListener('abort', () => reject(new Error('aborted'))));

suite('terrace cold and the admin API behind it', () => {
  let bed: ColdBed;
  const url = 's3://theirs/data?endpoint=http://store:9000';
  before(async () => {
    bed = new ColdBed(await openWorld());
    await bed.open();
    for (const key of ['data/a', 'data/b/c', 'other']) await bed.upload(key);
    for (const name of ['ours', 'full']) await bed.world.namespace.objects.createBucket(s3, name);
    const full = await bed.world.namespace.objects.bucket('full');
    assert(full !== undefined);
    await put(bed.world, full, 'mine', 'mine');
  });
  after(() => bed.close());

  const mistakes = [
    { args: ['nothing', url], says: /There is no bucket nothing here: make it first\./ },
    { args: ['full', url], says: /The bucket full is not empty: attach an empty one\./ },
    { args: ['ours', 'http://theirs'], says: /"http:\/\/theirs" is no bucket of S3: write s3:\/\// },
    { args: ['ours', 's3://theirs?profil=x'], says: /there is no parameter "profil".*profile/ },
    { args: ['ours', 's3://theirs?endpoint=ftp://x'], says: /is no endpoint/ },
    { args: ['ours', 's3://theirs/%zz'], says: /is not percent-encoded/ },
    {
      args: ['ours', 's3://full?endpoint=http://own:9000'],
      says: /full is a bucket of this very gateway, and ours would ask the gateway for what it is being asked/,
    },
    { args: ['ours', `s3://theirs/${'x'.repeat(1_023)}`], says: /a prefix has at most 1023 bytes/ },
  ];
  for (const { args, says } of mistakes)
    test(`attach ${args[0]} ${args[1]?.slice(0, 30)} is refused with a sentence`, async () => {
      const { code, errors } = await bed.cold('attach', ...args);
      assert.equal(code, 1);
      assert.match(errors.join('\n'), says);
    });

  test('a store that does not answer is a sentence, and nothing is attached', async () => {
    bed.theirs.failWhen(() => 'gone');
    const { code, errors } = await bed.cold('attach', 'ours', url);
    bed.theirs.failWhen(undefined);
    assert.equal(code, 1);
    assert.match(errors.join('\n'), /does not answer/);
    const { out } = await bed.cold('list', '--json');
    assert.deepEqual(JSON.parse(out.join('')), { attached: [] });
    assert.equal((await bed.cold('detach', 'ours')).code, 1);
  });

  test('an attached bucket shows the others’ objects at once, and after a restart', async () => {
    const { code, out } = await bed.cold('attach', 'ours', url);
    assert.equal(code, 0);
    assert.match(
      out.join(),
      /The bucket ours shows s3:\/\/theirs\/data\/\?endpoint=http:\/\/store:9000&region=us-east-1\./,
    );
    const { place, credentials, profile, requestsMax } = bed.opened.at(-1) ?? assert.fail();
    const { requests, ...given } = keys;
    assert.deepEqual([credentials, profile, requestsMax], [given, undefined, requests]);
    assert.equal(place.bucket, 'theirs');
    for (const _time of [1, 2]) {
      const bucket = await bed.world.namespace.objects.bucket('ours');
      assert(bucket !== undefined);
      assert.equal((await get(bed.world, bucket, 'b/c'))?.toString(), 'content of data/b/c');
      await bed.reopen();
    }
    assert.match(
      (await bed.cold('attach', 'ours', url)).errors.join(),
      /is attached already: detach it first/,
    );
    assert.match((await bed.cold('list')).out.join('\n'), /ours +local +attached +s3:\/\/theirs\/data\//);
  });

  test('a profile is read with its own keys', async () => {
    await bed.world.namespace.objects.createBucket(s3, 'profiled');
    const { code } = await bed.cold('attach', 'profiled', 's3://theirs/%C3%BC/?profile=other', '--read-only');
    assert.equal(code, 0);
    const { place, credentials, profile } = bed.opened.at(-1) ?? assert.fail();
    assert.deepEqual([place.prefix, credentials, profile], ['ü', undefined, 'other']);
    assert.match((await bed.cold('list')).out.join('\n'), /profiled +read-only/);
    assert.equal((await bed.cold('detach', 'profiled', '--wait')).code, 0);
  });

  test('refresh waits until all has been looked at', async () => {
    const bucket = await bed.world.namespace.objects.bucket('ours');
    assert(bucket !== undefined);
    await bed.upload('data/b/new');
    const { code, out } = await bed.cold('refresh', 'ours/b', '--wait');
    assert.deepEqual([code, out.join()], [0, 'ours/b is as it is there.']);
    assert.match(
      (await bed.cold('refresh', 'ours/none')).errors.join(),
      /There is no folder none\/ in what ours shows/,
    );
    assert.match((await bed.cold('refresh', 'full')).errors.join(), /The bucket full is not attached/);
    const [listed] = JSON.parse((await bed.cold('list', '--json')).out.join('')).attached;
    assert.deepEqual([listed.foldersWaiting, typeof listed.refreshedAt], [0, 'string']);
  });

  test('a store that is away is told, and by which bucket', async () => {
    bed.theirs.failWhen(() => 'gone');
    const bucket = await bed.world.namespace.objects.bucket('ours');
    assert(bucket !== undefined);
    for (let time = 0; time < 3; time += 1)
      await assert.rejects(get(bed.world, bucket, `unknown${time}`), { code: 'unavailable' });
    assert.match(bed.alerts.join(), /What the bucket ours shows is out of reach since 20.*ECONNREFUSED/);
    assert.match((await bed.cold('list')).out.join('\n'), /ours +local +away/);
    bed.theirs.failWhen(undefined);
    bed.world.clock.ms += 60_000;
    assert.equal(await get(bed.world, bucket, 'unknown9'), undefined);
    assert.deepEqual(bed.alerts, []);
  });

  test('a detached bucket is empty but for what was made here', async () => {
    const bucket = await bed.world.namespace.objects.bucket('ours');
    assert(bucket !== undefined);
    await put(bed.world, bucket, 'mine', 'mine');
    const { code, out } = await bed.cold('detach', 'ours', '--wait');
    assert.deepEqual([code, out.join()], [0, 'ours is detached.']);
    assert.equal(await get(bed.world, bucket, 'a'), undefined);
    assert.equal((await get(bed.world, bucket, 'mine'))?.toString(), 'mine');
    assert.deepEqual(bed.theirs.keys(), ['data/a', 'data/b/c', 'data/b/new', 'other']);
  });
});
