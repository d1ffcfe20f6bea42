import assert from 'node:assert/strict';
import type { Ino } from '../../../src/namespace/namespace.ts';
import { plainFacet, root, s3 } from '../world.ts';
import * as objects from './objects.ts';
import { latin1, raw, type Pair } from './pair.ts';
import * as posix from './posix.ts';
import { appearances, directoriesOf, fail, keysOf, type ModelFile, type ModelNode } from './tree.ts';

const LONG = 'L'.repeat(300);
/** Too long to be escaped, short enough for POSIX. */
const NEARLY_LONG = 'N'.repeat(252);
const keyNames = ['a', 'a', 'b', 'c', 'a-', '', '.', '..', '.s3:x', 'n\0', '%2e', 'é', LONG, NEARLY_LONG];
const posixNames = ['a', 'a', 'b', 'c', 'a-', '%2e', 'é', NEARLY_LONG];
const wrongNames = ['', 'a/b', 'n\0', '.', '..', '.s3:x', '.s3:=a', '.s3:~a', LONG];
const CONDITIONS = ['none', 'none', 'none', 'absent', 'current', 'another', 'not-current'] as const;

const choose = <T>({ random }: Pair, choices: readonly T[]): T => {
  assert(choices.length > 0);
  return choices[random.below(choices.length)] as T;
};

const anyContent = (pair: Pair): string => {
  const letter = String.fromCharCode(97 + pair.random.below(26));
  return letter.repeat(choose(pair, [0, 1, 10, 30, 200]));
};

/** Mostly keys that are there. */
function anyKey(pair: Pair): string {
  const known = keysOf(pair.model).map(([key]) => key);
  if (known.length > 0 && pair.random.below(2) === 0) return choose(pair, known);
  const components = Array.from({ length: 1 + pair.random.below(3) }, () => choose(pair, keyNames));
  const key = components.join('/');
  return key === '' ? 'a' : key;
}

/** Mostly names that are there, as POSIX sees them. */
function anyPlace(pair: Pair): posix.ModelPlace {
  const directory = choose(pair, directoriesOf(pair.model));
  const known = [...appearances(directory).keys()];
  if (known.length > 0 && pair.random.below(2) === 0) return { directory, name: choose(pair, known) };
  const names = pair.random.below(8) === 0 ? wrongNames : posixNames;
  return { directory, name: choose(pair, names) };
}

const realPlace = async (
  pair: Pair,
  place: posix.ModelPlace,
): Promise<{ directory: Ino; name: Uint8Array }> => ({
  directory: await pair.inoOf(place.directory),
  name: raw(place.name),
});

/** A file or directory that is there, mostly a file. */
function anyNode(pair: Pair): ModelNode {
  const files = pair.files();
  return files.length > 0 && pair.random.below(10) > 0 ? choose(pair, files) : choose(pair, pair.nodes());
}

async function create(pair: Pair): Promise<void> {
  const place = anyPlace(pair);
  const how = choose(pair, ['guarded', 'unchecked'] as const);
  const size = choose(pair, [undefined, undefined, 0, 20]);
  const { directory, name } = await realPlace(pair, place);
  const { files } = pair.world.namespace;
  const done = await pair.both(
    () => posix.create(place, how, size),
    () =>
      files.create(root, { directory, name }, { mode: { how }, wish: size === undefined ? {} : { size } }),
  );
  if (done !== undefined) done.model.ino = done.real.attributes.ino;
}

async function makeDirectory(pair: Pair): Promise<void> {
  const place = anyPlace(pair);
  const { directory, name } = await realPlace(pair, place);
  const done = await pair.both(
    () => posix.makeDirectory(place),
    () => pair.world.namespace.files.makeDirectory(root, { directory, name }, { mode: 0o755 }),
  );
  if (done !== undefined) done.model.ino = done.real.attributes.ino;
}

async function makeSpecial(pair: Pair): Promise<void> {
  const place = anyPlace(pair);
  const kind = choose(pair, ['symlink', 'fifo'] as const);
  const { directory, name } = await realPlace(pair, place);
  const special = kind === 'symlink' ? { kind, target: raw('target') } : { kind };
  const done = await pair.both(
    () => posix.makeSpecial(place, kind, kind === 'symlink' ? 'target' : ''),
    () => pair.world.namespace.files.makeSpecial(root, { directory, name }, { special, wish: {} }),
  );
  if (done !== undefined) done.model.ino = done.real.attributes.ino;
}

async function link(pair: Pair): Promise<void> {
  const [node, place] = [anyNode(pair), anyPlace(pair)];
  const ino = await pair.inoOf(node);
  const { directory, name } = await realPlace(pair, place);
  await pair.both(
    () => posix.link(node, place),
    () => pair.world.namespace.files.link(root, ino, { directory, name }),
  );
}

async function remove(pair: Pair): Promise<void> {
  const place = anyPlace(pair);
  const { directory, name } = await realPlace(pair, place);
  const { files } = pair.world.namespace;
  const isDirectory = appearances(place.directory).get(place.name)?.node.kind === 'directory';
  if (isDirectory === pair.random.below(8) > 0) {
    await pair.both(
      () => posix.removeDirectory(place),
      () => files.removeDirectory(root, { directory, name }),
    );
  } else {
    await pair.both(
      () => posix.remove(place),
      () => files.remove(root, { directory, name }),
    );
  }
}

async function rename(pair: Pair): Promise<void> {
  const [from, to] = [anyPlace(pair), anyPlace(pair)];
  const [source, target] = [await realPlace(pair, from), await realPlace(pair, to)];
  await pair.both(
    () => posix.rename(from, to),
    () => pair.world.namespace.files.rename(root, { from: source, to: target }),
  );
}

async function write(pair: Pair): Promise<void> {
  const [node, data, isStable] = [anyNode(pair), anyContent(pair), pair.random.below(3) === 0];
  const offset = choose(pair, [0, 5, 100, 250]);
  const ino = await pair.inoOf(node);
  const done = await pair.both(
    () => posix.write(node, offset, data),
    () => pair.world.namespace.files.write(root, ino, { offset, data: raw(data), stable: isStable }),
  );
  if (done !== undefined) assert.equal(done.real.after.size, (node as ModelFile).content.length);
}

async function setAttributes(pair: Pair): Promise<void> {
  const node = anyNode(pair);
  const ino = await pair.inoOf(node);
  const { files } = pair.world.namespace;
  if (pair.random.below(3) === 0) {
    const mode = choose(pair, [0o600, 0o644, 0o755]);
    await pair.both(
      () => posix.changeMode(node, mode),
      () => files.setAttributes(root, ino, { wish: { mode } }),
    );
    return;
  }
  const size = choose(pair, [0, 3, 50, 300]);
  await pair.both(
    () => posix.truncate(node, size),
    () => files.setAttributes(root, ino, { wish: { size } }),
  );
}

async function commit(pair: Pair): Promise<void> {
  const ino = await pair.inoOf(anyNode(pair));
  await pair.world.namespace.files.commit(root, ino);
}

async function read(pair: Pair): Promise<void> {
  const node = anyNode(pair);
  const [offset, length] = [choose(pair, [0, 1, 40, 1000]), choose(pair, [0, 7, 1000])];
  const ino = await pair.inoOf(node);
  const { files } = pair.world.namespace;
  const done = await pair.both(
    () => posix.read(node, offset, length),
    () => files.read(root, ino, { offset, length }),
  );
  if (done !== undefined) {
    assert.equal(latin1(Buffer.concat(done.real.parts)), done.model);
    assert.equal(done.real.length, done.model.length);
    assert.equal(done.real.eof, offset + length >= (node as ModelFile).content.length);
  }
  const target = await pair.both(
    () => posix.readlink(node),
    () => files.readlink(root, ino),
  );
  if (target !== undefined) assert.equal(latin1(target.real.target), target.model);
}

async function lookup(pair: Pair): Promise<void> {
  const place = anyPlace(pair);
  const { directory, name } = await realPlace(pair, place);
  const done = await pair.both(
    () => posix.lookup(place),
    () => pair.world.namespace.files.lookup(root, { directory, name }),
  );
  const isOutside = place.name === '..' && place.directory === pair.model;
  if (done !== undefined && !isOutside) assert.equal(await pair.inoOf(done.model), done.real.attributes.ino);
}

/** Handles of what is gone. */
async function disturbGrave(pair: Pair): Promise<void> {
  if (pair.graves.length === 0) return;
  const ino = choose(pair, pair.graves);
  const { files } = pair.world.namespace;
  const stale = (): never => fail('stale-handle');
  await pair.both(stale, () => files.attributes(ino));
  await pair.both(stale, () => files.write(root, ino, { offset: 0, data: raw('x'), stable: false }));
  await pair.both(stale, () =>
    files.create(root, { directory: ino, name: raw('x') }, { mode: { how: 'unchecked' }, wish: {} }),
  );
}

async function put(pair: Pair): Promise<void> {
  const [key, content, condition] = [anyKey(pair), anyContent(pair), choose(pair, CONDITIONS)];
  const etag = `etag-${pair.random.below(1 << 30)}`;
  const expect = await pair.expectation(key, condition);
  const store = pair.world.namespace.objects;
  const draft = await store.draft(s3);
  await draft.write([raw(content)]);
  const done = await pair.both(
    () => objects.put(pair.model, key, { content, etag, condition }),
    () =>
      store.attach(s3, draft, { bucket: pair.bucket.ino, key: raw(key), facet: plainFacet(etag), expect }),
  );
  if (done === undefined) await draft.discard();
  else pair.checkFound(done.real, done.model);
}

/** Some pieces of an object joined to another, more than fit a record now and then. */
async function compose(pair: Pair): Promise<void> {
  const [from, to] = [anyKey(pair), anyKey(pair)];
  const store = pair.world.namespace.objects;
  const source = await store.open({ bucket: pair.bucket.ino, key: raw(from) });
  const file = objects.head(pair.model, from);
  assert.equal(source === undefined, file === undefined);
  if (source === undefined || file === undefined) return;
  const draft = await store.draft(s3);
  const whole = file.kind === 'fifo' ? '' : file.content;
  let content = '';
  for (let count = choose(pair, [1, 2, 20]); count > 0 && content.length < 2000; count -= 1) {
    const offset = pair.random.below(whole.length + 1);
    const length = pair.random.below(whole.length - offset + 1);
    await draft.splice(source, offset, length);
    if (pair.random.below(4) === 0) await draft.write([raw('+')]);
    else await draft.write([]);
    content += whole.slice(offset, offset + length);
    if (draft.length() > content.length) content += '+';
  }
  await source.close();
  const etag = `etag-${pair.random.below(1 << 30)}`;
  await pair.both(
    () => objects.put(pair.model, to, { content, etag, condition: 'none' }),
    () =>
      store.attach(s3, draft, { bucket: pair.bucket.ino, key: raw(to), facet: plainFacet(etag), expect: {} }),
  );
}

async function multipart(pair: Pair): Promise<void> {
  const key = anyKey(pair);
  const bodies = Array.from({ length: 1 + pair.random.below(3) }, () => anyContent(pair));
  const store = pair.world.namespace.objects;
  const bucket = pair.bucket.ino;
  const { uploadId } = await store.createUpload(s3, {
    bucket,
    key: raw(key),
    facet: plainFacet('u'),
    checksum: undefined,
  });
  for (const [index, body] of bodies.entries()) {
    const draft = await store.draft(s3);
    await draft.write([raw(body)]);
    await store.putPart({ bucket, key: raw(key), uploadId }, draft, {
      number: index + 1,
      etag: body,
      checksums: [],
    });
  }
  if (pair.random.below(4) === 0) {
    await store.abortUpload({ bucket, key: raw(key), uploadId });
    return;
  }
  const parts = bodies.map((body, index) => ({ number: index + 1, etag: body }));
  const facet = plainFacet(`multi-${uploadId.slice(0, 16)}`);
  await pair.both(
    () => objects.put(pair.model, key, { content: bodies.join(''), etag: facet.etag, condition: 'none' }),
    () => store.completeUpload(s3, { bucket, key: raw(key), uploadId, parts, facet, expect: {} }),
  );
}

async function removeKey(pair: Pair): Promise<void> {
  const [key, condition] = [anyKey(pair), choose(pair, CONDITIONS)];
  const expect = await pair.expectation(key, condition);
  await pair.both(
    () => objects.removeKey(pair.model, key, condition),
    () => pair.world.namespace.objects.removeKey({ bucket: pair.bucket.ino, key: raw(key), expect }),
  );
}

async function renameKey(pair: Pair): Promise<void> {
  const [from, to, condition] = [anyKey(pair), anyKey(pair), choose(pair, CONDITIONS)];
  const expect = await pair.expectation(to, condition);
  const done = await pair.both(
    () => objects.renameKey(pair.model, { from, to, condition }),
    () =>
      pair.world.namespace.objects.renameKey(root, pair.bucket.ino, {
        from: { key: raw(from), expect: {} },
        to: { key: raw(to), expect },
      }),
  );
  if (done !== undefined) pair.checkFound(done.real, done.model);
}

async function changeFacet(pair: Pair): Promise<void> {
  const [key, tag] = [anyKey(pair), `tag-${pair.random.below(100)}`];
  const tags = [{ key: 'tag', value: tag }];
  const change = { headers: {}, metadata: { tag }, tags, storageClass: 'STANDARD' };
  const done = await pair.both(
    () => objects.changeMetadata(pair.model, key, tag),
    () =>
      pair.world.namespace.objects.changeFacet(
        { bucket: pair.bucket.ino, key: raw(key), expect: {} },
        change,
      ),
  );
  if (done !== undefined) pair.checkFound(done.real, done.model);
}

async function setTags(pair: Pair): Promise<void> {
  const [key, tag] = [anyKey(pair), `tag-${pair.random.below(100)}`];
  const at = { bucket: pair.bucket.ino, key: raw(key) };
  const found = await pair.world.namespace.objects.setTags(at, [{ key: 'tag', value: tag }]);
  const file = objects.setTag(pair.model, key, tag);
  assert.equal(found === undefined, file === undefined, key);
  if (found !== undefined && file !== undefined) pair.checkFound(found, file);
}

async function inspect(pair: Pair): Promise<void> {
  const key = anyKey(pair);
  const found = await pair.world.namespace.objects.head({ bucket: pair.bucket.ino, key: raw(key) });
  const file = objects.head(pair.model, key);
  assert.equal(found === undefined, file === undefined, key);
  if (found !== undefined && file !== undefined) pair.checkFound(found, file);
  const prefix = key.slice(0, pair.random.below(4));
  const delimiter = choose(pair, ['', '/', 'a', '/a']);
  const entriesMax = 1 + pair.random.below(5);
  const walked = await pair.walked(prefix, delimiter, entriesMax);
  assert.deepEqual(walked, objects.list(pair.model, prefix, delimiter));
}

async function step(pair: Pair): Promise<void> {
  pair.world.clock.ms += pair.random.below(3000);
  await pair.world.namespace.step();
}

const operations = [
  ...[create, makeDirectory, makeSpecial, link, remove, remove, rename, rename, write, write, write],
  ...[setAttributes, commit, read, read, lookup, disturbGrave, put, put, put, put, compose, multipart],
  ...[removeKey, removeKey, renameKey, changeFacet, setTags, inspect, inspect, step],
] as const;

/** One random operation on both. */
export async function operate(pair: Pair): Promise<string> {
  const operation = choose(pair, operations);
  await operation(pair).catch((cause: unknown) => {
    throw new Error(operation.name, { cause });
  });
  return operation.name;
}
