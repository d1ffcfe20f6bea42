import assert from 'node:assert/strict';
import type { Random } from '../../../src/environment.ts';
import { Fault } from '../../../src/fault.ts';
import type {
  Bucket,
  Expectation,
  Found,
  Ino,
  ListEntry,
  WalkEntry,
  WalkOptions,
} from '../../../src/namespace/namespace.ts';
import { checkStore } from '../check-store.ts';
import { openWorld, root, type World } from '../world.ts';
import { head, list, type Condition } from './objects.ts';
import {
  appearances,
  directoriesOf,
  entryOf,
  fail,
  keysOf,
  ModelDirectory,
  type ModelFile,
  type ModelNode,
} from './tree.ts';

export const raw = (text: string): Buffer => Buffer.from(text, 'latin1');
export const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

type Outcome<T> = { readonly value: T } | { readonly code: string };

/** The outcome, where a fault is one too. Anything else that is thrown goes on. */
async function outcomeOf<T>(run: () => T | Promise<T>): Promise<Outcome<T>> {
  try {
    return { value: await run() };
  } catch (fault) {
    if (fault instanceof Fault) return { code: fault.code };
    throw fault;
  }
}

/** What a listing shows of what a walk finds. */
function listEntryOf(entry: WalkEntry): ListEntry {
  if (entry.kind === 'prefix') return entry;
  const { attributes, facet } = entry.found;
  const { size, mtime } = attributes;
  const { etag, storageClass, acl } = facet;
  const [checksum] = facet.checksums.map(({ algorithm, type }) => ({ algorithm, type }));
  const listed = { size, modifiedAt: mtime.seconds, etag, checksum, storageClass, owner: acl?.owner };
  return { kind: 'object', key: entry.key, listed };
}

/** A namespace and the model of it. Whatever is done to one is done to the other. */
export class Pair {
  readonly world: World;
  readonly bucket: Bucket;
  readonly model = new ModelDirectory(undefined);
  readonly random: Random;
  /** Inodes whose last name has gone. */
  readonly graves: Ino[] = [];
  readonly #etagsSeen = new Set<string>();

  constructor(world: World, bucket: Bucket, random: Random) {
    this.world = world;
    this.bucket = bucket;
    this.random = random;
    this.model.ino = bucket.ino;
  }

  static async open(random: Random): Promise<Pair> {
    const world = await openWorld();
    return new Pair(world, await world.namespace.objects.createBucket(root, 'b'), random);
  }

  /** Runs both; results and faults must agree. Answers both results, or nothing after a fault. */
  async both<M, R>(
    modelled: () => M,
    real: () => Promise<R>,
  ): Promise<{ readonly model: M; readonly real: R } | undefined> {
    const before = new Set(this.nodes());
    const [want, got] = [await outcomeOf(modelled), await outcomeOf(real)];
    assert.equal('code' in got ? got.code : 'done', 'code' in want ? want.code : 'done');
    const after = new Set(this.nodes());
    for (const node of before) if (!after.has(node) && node.ino !== undefined) this.graves.push(node.ino);
    return 'code' in got || 'code' in want ? undefined : { model: want.value, real: got.value };
  }

  nodes(): readonly ModelNode[] {
    return directoriesOf(this.model).flatMap((directory) => [directory, ...directory.entries.values()]);
  }

  files(): readonly ModelFile[] {
    return keysOf(this.model).map(([, file]) => file);
  }

  async inoOf(node: ModelNode): Promise<Ino> {
    if (node.ino !== undefined) return node.ino;
    const parent = directoriesOf(this.model).find((each) => [...each.entries.values()].includes(node));
    assert(parent !== undefined);
    const name = [...appearances(parent)].find(([, entry]) => entry.node === node)?.[0];
    assert(name !== undefined);
    const { lookup } = this.world.namespace.files;
    const found = await lookup(root, { directory: await this.inoOf(parent), name: raw(name) });
    node.ino = found.attributes.ino;
    return node.ino;
  }

  /** The condition in the words of the interface; an ETag that only the server knows is asked for. */
  async expectation(key: string, condition: Condition): Promise<Expectation> {
    const etag = (await this.world.namespace.objects.head({ bucket: this.bucket.ino, key: raw(key) }))?.facet
      .etag;
    switch (condition) {
      case 'none':
        return {};
      case 'absent':
        return { ifNoneMatch: ['*'] };
      case 'current':
        return { ifMatch: ['another', etag ?? 'none'] };
      case 'another':
        return { ifMatch: ['another'] };
      case 'not-current':
        return { ifNoneMatch: ['another', etag ?? 'none'] };
    }
  }

  checkFound(found: Found, file: ModelFile): void {
    const { attributes, facet } = found;
    assert.equal(attributes.size, file.content.length);
    assert.equal(attributes.linkCount, file.links);
    assert.equal(attributes.mode, file.mode);
    assert.equal(attributes.kind, file.kind);
    assert.equal(facet.metadata['tag'] ?? '', file.metadata);
    assert.equal(facet.tags[0]?.value ?? '', file.tag);
    file.ino ??= attributes.ino;
    assert.equal(attributes.ino, file.ino);
    if (file.etag !== undefined) {
      assert.equal(facet.etag, file.etag);
      return;
    }
    assert.match(facet.etag, /^[0-9a-f]{32}-0$/);
    if (file.etagSeen === undefined) assert(!this.#etagsSeen.has(facet.etag), 'an ETag came back');
    else assert.equal(facet.etag, file.etagSeen);
    file.etagSeen = facet.etag;
    this.#etagsSeen.add(facet.etag);
  }

  async contentOf(key: string): Promise<string> {
    const object = await this.world.namespace.objects.open({ bucket: this.bucket.ino, key: raw(key) });
    if (object === undefined) return fail('not-found');
    const parts: Uint8Array[] = [];
    for await (const part of object.read(0, object.found.attributes.size)) parts.push(part);
    await object.close();
    return latin1(Buffer.concat(parts));
  }

  async walked(prefix: string, delimiter: string, entriesMax: number): Promise<readonly string[]> {
    const found: string[] = [];
    for (let after: Uint8Array | undefined = raw(''); after !== undefined;) {
      const asked = { prefix: raw(prefix), delimiter: delimiter === '' ? undefined : raw(delimiter) };
      const { objects } = this.world.namespace;
      const options: WalkOptions = { ...asked, after, entriesMax };
      const page = await objects.walk(this.bucket.ino, options);
      assert.deepEqual(await objects.list(this.bucket.ino, options), {
        ...page,
        entries: page.entries.map(listEntryOf),
      });
      for (const entry of page.entries) {
        found.push(latin1(entry.kind === 'object' ? entry.key : entry.prefix));
        const file = entry.kind === 'object' ? head(this.model, latin1(entry.key)) : undefined;
        if (entry.kind === 'object' && file !== undefined) this.checkFound(entry.found, file);
      }
      after = page.next;
    }
    return found;
  }

  /** The whole tree through both doors, and every row of the store. */
  async compare(): Promise<void> {
    assert.deepEqual(await this.walked('', '', 7), list(this.model, '', ''));
    for (const [key, file] of keysOf(this.model)) {
      const content = file.kind === 'fifo' ? '' : file.content;
      assert.equal(await this.contentOf(key), content, key);
    }
    await this.#compareBelow(this.model);
    await checkStore(this.world);
  }

  async #compareBelow(directory: ModelDirectory): Promise<void> {
    const { files } = this.world.namespace;
    const ino = await this.inoOf(directory);
    const listed = new Map<string, Ino>();
    for (let [after, eof] = [0, false]; !eof;) {
      const page = await files.entries(root, ino, { after, entriesMax: 3 });
      for (const { name, attributes } of page.entries) listed.set(latin1(name), attributes.ino);
      after = page.entries.at(-1)?.cookie ?? Infinity;
      ({ eof } = page);
      assert(eof || page.entries.length > 0);
    }
    const shown = [...appearances(directory)].filter(
      ([, { entry, node }]) => entry !== '' || node.kind === 'directory' || node.content !== '',
    );
    assert.deepEqual([...listed.keys()].sort(), shown.map(([name]) => name).sort());
    const subdirectories = shown.filter(([, { node }]) => node.kind === 'directory');
    assert.equal((await files.attributes(ino)).linkCount, 2 + subdirectories.length);
    for (const [name, { node, entry }] of shown) {
      assert.equal(entry, entryOf(entry.replace(/\/$/, ''), node));
      node.ino ??= (await files.lookup(root, { directory: ino, name: raw(name) })).attributes.ino;
      assert.equal(listed.get(name), node.ino, name);
      if (node.kind === 'directory') await this.#compareBelow(node);
    }
  }
}
