import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { VERSION_QUIET_SECONDS } from '../../src/limits.ts';
import type { LockChange } from '../../src/namespace/version.ts';
import { checkSettledStore } from './check-store.ts';
import { faultOf } from './fault-of.ts';
import { Scene, type Shown } from './version-scene.ts';
import { bytes, root, s3, settle, text } from './world.ts';

test('S3 keeps what it overwrites and deletes, and a version that is removed lets the one below it show', async () => {
  const at = await Scene.open();
  await at.put('x/k', 'one');
  await at.put('x/k', 'two');
  await at.remove('x/k');
  assert.equal(await at.history('x/k'), '-* two one');
  assert.equal(await at.content('x/k'), undefined);
  assert.notEqual(await at.world.namespace.objects.deleteMarker(at.at('x/k')), undefined);
  const [marker, two] = await at.versions();
  await at.remove('x/k', marker?.versionId);
  assert.equal(await at.history('x/k'), 'two* one');
  await at.remove('x/k', two?.versionId);
  assert.equal(await at.history('x/k'), 'one*');
  assert.equal(await at.content('x/k'), 'one');
  assert.equal(await faultOf(at.world.namespace.objects.deleteBucket('b')), 'not-empty');
  await at.remove('x/k');
  assert.equal(await faultOf(at.world.namespace.objects.deleteBucket('b')), 'not-empty');
});

test('while versioning is suspended there is one null version, and older ones stay', async () => {
  const at = await Scene.open({ versioning: 'off' });
  await at.put('k', 'before');
  await at.world.namespace.objects.changeBucketRules(at.bucket, { versioning: 'enabled' });
  await at.put('k', 'kept');
  await at.world.namespace.objects.changeBucketRules(at.bucket, { versioning: 'suspended' });
  assert.equal(await at.history('k'), 'kept* before0');
  await at.put('k', 'null');
  assert.equal(await at.history('k'), 'null*0 kept');
  await at.remove('k');
  assert.equal(await at.history('k'), '-*0 kept');
  await at.create('k', 'again');
  assert.equal(await at.history('k'), 'again*0 kept');
});

test('the first NFS write after a pause begins a version, and what S3 wrote stays as it was', async () => {
  const at = await Scene.open();
  await at.put('k', 's3');
  await at.append('k', '+a');
  await at.append('k', '+b');
  assert.equal(await at.history('k'), 's3+a+b* s3');
  at.pause();
  await at.append('k', '+c');
  assert.equal(await at.history('k'), 's3+a+b+c* s3+a+b s3');
  const { files } = at.world.namespace;
  const { attributes } = await files.lookup(root, at.place('k'));
  at.pause();
  await files.setAttributes(root, attributes.ino, { wish: { size: 2 } });
  assert.equal(await at.history('k'), 's3* s3+a+b+c s3+a+b s3');
});

test('an ETag stays with its version when NFS goes on from it', async () => {
  const at = await Scene.open();
  await at.create('k', 'first');
  const { objects } = at.world.namespace;
  at.pause();
  const before = await objects.head(at.at('k'));
  await at.append('k', '+more');
  const after = await objects.head(at.at('k', before?.versionId));
  assert.equal(after?.facet.etag, before?.facet.etag);
  assert.notEqual((await objects.head(at.at('k')))?.facet.etag, before?.facet.etag);
});

test('files that NFS makes and removes without a pause leave no trace', async () => {
  const at = await Scene.open();
  await at.create('draft', 'x');
  await at.create('kept', 'old');
  at.pause();
  await at.create('.kept.tmp', 'new');
  const { files } = at.world.namespace;
  await files.rename(root, { from: at.place('.kept.tmp'), to: at.place('kept') });
  await files.remove(root, at.place('draft'));
  assert.equal(await at.history('kept'), 'new* old');
  assert.equal(await at.history('.kept.tmp'), '');
  assert.equal(await at.history('draft'), '-* x');
});

test('a file that is removed while it is open stays in the history of its own key only', async () => {
  const at = await Scene.open();
  await at.create('k', 'precious');
  at.pause();
  const { files } = at.world.namespace;
  const silly = '.nfs000000000000001200000001';
  await files.rename(root, { from: at.place('k'), to: at.place(silly) });
  at.pause();
  await files.remove(root, at.place(silly));
  assert.equal(await at.history('k'), '-* precious');
  assert.equal(await at.history(silly), '');
});

test('a write by handle to what S3 has replaced is stale, and its version stays', async () => {
  const at = await Scene.open();
  await at.create('k', 'nfs');
  const { files, objects } = at.world.namespace;
  const { attributes } = await files.lookup(root, at.place('k'));
  await files.write(root, attributes.ino, { offset: 3, data: bytes('+dirty'), stable: false });
  await at.put('k', 's3');
  assert.equal(await at.history('k'), 's3* nfs+dirty');
  const late = files.write(root, attributes.ino, { offset: 0, data: bytes('late'), stable: true });
  assert.equal(await faultOf(late), 'stale-handle');
  assert.equal(await at.history('k'), 's3* nfs+dirty');
  await settle(at.world);
  await checkSettledStore(at.world);
  assert.equal((await objects.head(at.at('k')))?.attributes.size, 2);
});

test('a large file forks by reference, with all of its extents', async () => {
  const at = await Scene.open();
  const big = Buffer.alloc(40 << 20, 'x');
  await at.create('big', '');
  const { files } = at.world.namespace;
  const { attributes } = await files.lookup(root, at.place('big'));
  for (let offset = 0; offset < big.length; offset += 4 << 20)
    await files.write(root, attributes.ino, { offset, data: big.subarray(0, 4 << 20), stable: true });
  at.pause();
  const { bytesFree } = at.world.blobs.usage();
  await files.write(root, attributes.ino, { offset: 5, data: bytes('y'), stable: true });
  assert(bytesFree - at.world.blobs.usage().bytesFree < 8 << 20);
  const [now, before] = await at.versions();
  assert.equal(now?.content.slice(0, 8), 'xxxxxyxx');
  assert.equal(before?.content, String(big));
  await settle(at.world);
  await checkSettledStore(at.world);
});

test('what is locked is neither written, removed nor renamed over NFS, and S3 removes no version of it', async () => {
  const at = await Scene.open({ versioning: 'enabled', objectLock: { defaultRetention: undefined } });
  const { files, objects } = at.world.namespace;
  const until = { seconds: Math.floor(at.world.clock.ms / 1000) + 1000, nanoseconds: 0 };
  const lock = (change: Partial<LockChange>): Promise<unknown> =>
    objects.setLock(at.at('k'), { bypassesGovernance: false, ...change });
  await at.create('k', 'held');
  const { attributes } = await files.lookup(root, at.place('k'));
  await lock({ retention: { mode: 'GOVERNANCE', until } });
  const [version] = await at.versions();
  const refused = [
    files.write(root, attributes.ino, { offset: 0, data: bytes('x'), stable: true }),
    files.setAttributes(root, attributes.ino, { wish: { size: 0 } }),
    files.setAttributes(root, attributes.ino, { wish: { mtime: until } }),
    files.remove(root, at.place('k')),
    files.rename(root, { from: at.place('k'), to: at.place('elsewhere') }),
    at.remove('k', version?.versionId),
    lock({ retention: 'none' }),
    lock({ retention: { mode: 'GOVERNANCE', until: { ...until, seconds: until.seconds - 1 } } }),
  ];
  for (const attempt of refused) assert.equal(await faultOf(attempt), 'access-denied');
  await lock({ retention: { mode: 'COMPLIANCE', until }, bypassesGovernance: true });
  assert.equal(await faultOf(lock({ retention: 'none', bypassesGovernance: true })), 'access-denied');
  // S3 hides it below a delete marker, as AWS does.
  await at.remove('k');
  assert.equal(await at.history('k'), '-* held');
  at.world.clock.ms += 1_001_000;
  await at.remove('k', version?.versionId);
  assert.equal(await at.history('k'), '-*');
});

test('default retention counts from the sealing of what NFS writes', async () => {
  const defaultRetention = { mode: 'COMPLIANCE', unit: 'days', amount: 1 } as const;
  const at = await Scene.open({ versioning: 'enabled', objectLock: { defaultRetention } });
  await at.put('s3', 'x');
  await at.create('nfs', 'x');
  await at.append('nfs', 'y');
  at.pause();
  await assert.rejects(at.append('nfs', 'z'), { code: 'access-denied' });
  await assert.rejects(at.append('s3', 'z'), { code: 'access-denied' });
  at.world.clock.ms += 86_400_000;
  await at.append('nfs', 'z');
  assert.equal(await at.history('nfs'), 'xyz* xy');
});

/** What a key holds, newest first below the current one. */
interface ModelVersion {
  readonly content: string;
  readonly isNull: boolean;
}
interface ModelKey {
  current: { content: string; isNull: boolean; openUntil: number } | undefined;
  rows: ModelVersion[];
}

const names = ['a', 'b', 'c'] as const;
const name = fc.constantFrom(...names);
const action = fc.oneof(
  fc.record({ do: fc.constantFrom('put', 'delete', 'append', 'remove'), key: name }),
  fc.record({ do: fc.constant('version'), nth: fc.nat(30) }),
  fc.record({ do: fc.constant('rename'), key: name, to: name }),
  fc.record({ do: fc.constant('rules'), versioning: fc.constantFrom('enabled', 'suspended') }),
  fc.record({ do: fc.constant('wait'), seconds: fc.constantFrom(1, VERSION_QUIET_SECONDS) }),
);
type Action = typeof action extends fc.Arbitrary<infer Each> ? Each : never;

/** The rules of versions in their plainest form. */
class Model {
  versioning: 'off' | 'enabled' | 'suspended' = 'off';
  now = 0;
  readonly keys = new Map<string, ModelKey>(names.map((each) => [each, { current: undefined, rows: [] }]));

  of(key: string): ModelKey {
    const found = this.keys.get(key);
    assert(found !== undefined);
    return found;
  }

  #fresh(content: string, openFor: number): NonNullable<ModelKey['current']> {
    const isNull = this.versioning !== 'enabled';
    return { content, isNull, openUntil: isNull ? 0 : openFor === 0 ? 0 : this.now + openFor };
  }

  #dropNull(at: ModelKey): void {
    if (this.versioning === 'suspended') at.rows = at.rows.filter(({ isNull }) => !isNull);
  }

  #mustFork({ isNull, openUntil }: NonNullable<ModelKey['current']>): boolean {
    return this.versioning === 'enabled' ? openUntil <= this.now : this.versioning === 'suspended' && !isNull;
  }

  #retire(at: ModelKey, door: 's3' | 'nfs'): void {
    const { current } = at;
    at.current = undefined;
    if (current === undefined || this.versioning === 'off') return;
    const isKept =
      this.versioning === 'enabled' ? door === 's3' || current.openUntil <= this.now : !current.isNull;
    if (isKept) at.rows.unshift({ content: current.content, isNull: current.isNull });
  }

  #mark(at: ModelKey, door: 's3' | 'nfs'): void {
    if (this.versioning === 'off') return;
    if (door === 'nfs' && (at.rows[0] === undefined || at.rows[0].content === 'marker')) return;
    this.#dropNull(at);
    at.rows.unshift({ content: 'marker', isNull: this.versioning === 'suspended' });
  }

  put(key: string, content: string): void {
    const at = this.of(key);
    this.#retire(at, 's3');
    this.#dropNull(at);
    at.current = this.#fresh(content, 0);
  }

  delete(key: string, door: 's3' | 'nfs'): void {
    const at = this.of(key);
    this.#retire(at, door);
    this.#mark(at, door);
  }

  append(key: string, content: string): void {
    const at = this.of(key);
    const { current } = at;
    if (current === undefined) {
      this.#dropNull(at);
      at.current = this.#fresh(content, VERSION_QUIET_SECONDS);
    } else if (this.#mustFork(current)) {
      at.rows.unshift({ content: current.content, isNull: current.isNull });
      this.#dropNull(at);
      at.current = this.#fresh(current.content + content, VERSION_QUIET_SECONDS);
    } else {
      current.content += content;
      if (current.openUntil !== 0) current.openUntil = this.now + VERSION_QUIET_SECONDS;
    }
  }

  rename(key: string, to: string): void {
    const [source, target] = [this.of(key), this.of(to)];
    const { current } = source;
    if (current === undefined || key === to) return;
    this.#retire(target, 'nfs');
    this.#dropNull(target);
    source.current = undefined;
    if (this.#mustFork(current)) source.rows.unshift({ content: current.content, isNull: current.isNull });
    this.#mark(source, 'nfs');
    target.current =
      this.versioning === 'off' ? current : this.#fresh(current.content, VERSION_QUIET_SECONDS);
  }

  /** Removes the nth of a key's versions, the current one being the first. */
  removeVersion(key: string, nth: number): void {
    const at = this.of(key);
    const isCurrent = at.current !== undefined && nth === 0;
    const index = at.current === undefined ? nth : nth - 1;
    const removed = isCurrent ? undefined : at.rows[index];
    if (isCurrent) at.current = undefined;
    else at.rows.splice(index, 1);
    const wasLatestMarker = at.current === undefined && index === 0 && removed?.content === 'marker';
    if (!isCurrent && !wasLatestMarker) return;
    const [next] = at.rows;
    if (next === undefined || next.content === 'marker') return;
    at.rows.shift();
    at.current = { ...next, openUntil: 0 };
  }

  shown(): readonly Shown[] {
    return names.flatMap((key) => {
      const { current, rows } = this.of(key);
      const top =
        current === undefined
          ? []
          : [{ key, content: current.content, isLatest: true, isNull: current.isNull }];
      const rest = rows.map(({ content, isNull }, index) => ({
        ...{ key, content, isNull },
        isLatest: current === undefined && index === 0 && content === 'marker',
      }));
      return [...top, ...rest];
    });
  }
}

async function perform(scene: Scene, model: Model, step: Action, mark: string): Promise<void> {
  const { files, objects } = scene.world.namespace;
  switch (step.do) {
    case 'put':
      await scene.put(step.key, mark);
      return model.put(step.key, mark);
    case 'delete':
      await scene.remove(step.key);
      return model.delete(step.key, 's3');
    case 'append':
      await (model.of(step.key).current === undefined
        ? scene.create(step.key, mark)
        : scene.append(step.key, mark));
      return model.append(step.key, mark);
    case 'remove':
      if (model.of(step.key).current === undefined) return;
      await files.remove(root, scene.place(step.key));
      return model.delete(step.key, 'nfs');
    case 'rename':
      if (model.of(step.key).current === undefined || step.key === step.to) return;
      await files.rename(root, { from: scene.place(step.key), to: scene.place(step.to) });
      return model.rename(step.key, step.to);
    case 'rules':
      model.versioning = step.versioning === 'enabled' ? 'enabled' : 'suspended';
      return objects.changeBucketRules(scene.bucket, { versioning: model.versioning });
    case 'wait':
      scene.world.clock.ms += step.seconds * 1000;
      model.now += step.seconds;
      return;
    case 'version': {
      const all = await scene.versions();
      const chosen = all[step.nth % Math.max(1, all.length)];
      if (chosen === undefined) return;
      const nth = all.filter(({ key }) => key === chosen.key).indexOf(chosen);
      await scene.remove(chosen.key, chosen.versionId);
      return model.removeVersion(chosen.key, nth);
    }
  }
}

test('whatever both doors do, the versions are those of a plain model', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 25 }), async (steps) => {
      const scene = await Scene.open({});
      const model = new Model();
      for (const [index, step] of steps.entries()) {
        await perform(scene, model, step, String.fromCharCode(65 + index));
        const shown = (await scene.versions()).map(({ versionId: _, ...rest }) => rest);
        assert.deepEqual(shown, model.shown(), `${index}: ${JSON.stringify(step)}`);
      }
      assert.deepEqual(await scene.versions(2), await scene.versions());
      await settle(scene.world);
      await checkSettledStore(scene.world);
    }),
    { numRuns: 300 },
  );
});

test('versions list with prefixes rolled up and from any version on', async () => {
  const at = await Scene.open();
  for (const key of ['a', 'd/1', 'd/2', 'd/e/3', 'f'])
    for (const content of ['1', '2']) await at.put(key, content);
  await at.remove('d/1');
  const { objects } = at.world.namespace;
  const list = async (prefix: string, entriesMax: number): Promise<string[]> => {
    const after = { key: bytes(''), versionId: undefined };
    const options = { prefix: bytes(prefix), delimiter: bytes('/'), after, entriesMax };
    const { entries } = await objects.versions(at.bucket.ino, options);
    return entries.map((entry) => text(entry.kind === 'prefix' ? entry.prefix : entry.key));
  };
  assert.deepEqual(await list('', 100), ['a', 'a', 'd/', 'f', 'f']);
  assert.deepEqual(await list('d/', 100), ['d/1', 'd/1', 'd/1', 'd/2', 'd/2', 'd/e/']);
  assert.deepEqual(await list('', 3), ['a', 'a', 'd/']);
  await at.world.namespace.files.rename(s3, { from: at.place('d'), to: at.place('z') });
  assert.equal(await at.history('d/2'), '1');
  assert.equal(await at.history('z/2'), '2*');
});
