import assert from 'node:assert/strict';
import { Fault } from '../../src/fault.ts';
import type { ContentKey } from '../../src/keyring/encryption.ts';
import type { Bucket, Ino } from '../../src/namespace/namespace.ts';
import { bytes, get, listed, plainFacet, root, s3, text, type Stack } from '../namespace/world.ts';
import { Ledger } from './ledger.ts';
import type { Simulation } from './simulation.ts';

/** Faults of an operation that came too late: others made or removed the directories on its way. */
const lateCodes = new Set(['not-found', 'stale-handle', 'not-empty', 'exists', 'is-directory']);

/** Faults of an operation while a part fails: whether it had an effect is to be seen. */
const partCodes = new Set(['unavailable', 'throttled', 'no-space', 'corrupt', 'recall-pending', 'conflict']);
/** How often, and how long after each other, somebody who is patient looks what there is. */
const LOOKS_MAX = 2_000;
const LOOK_MS = 500;

/**
 * Somebody who works through both doors at once, alone on its own names, but in directories that it shares with others:
 * so it can tell exactly what must be there, while everything below has to cope with everybody.
 */
export class Actor {
  readonly ledger = new Ledger();
  readonly #id: number;
  readonly #simulation: Simulation;
  #stack: Stack;
  #bucket: Bucket;
  #contents = 0;

  constructor(id: number, simulation: Simulation, { stack, bucket }: { stack: Stack; bucket: Bucket }) {
    this.#id = id;
    this.#simulation = simulation;
    this.#stack = stack;
    this.#bucket = bucket;
  }

  owns(key: string): boolean {
    return key.startsWith(`own${this.#id}/`) || key.startsWith(`shared/${this.#id}`) || this.#isDeep(key);
  }

  #isDeep(key: string): boolean {
    return key.startsWith(`shared/deep/${this.#id}`);
  }

  /** After a crash: the process that comes next. */
  moveTo(stack: Stack): void {
    this.#stack = stack;
  }

  /** `patiently`: parts may fail meanwhile. */
  async work(operations: number, manner: 'surely' | 'patiently' = 'surely'): Promise<void> {
    for (let count = 0; count < operations; count += 1) {
      const [name, operation] = this.#choose(this.#operations());
      this.#simulation.trace.push(`actor ${this.#id}: ${name}`);
      try {
        await operation.call(this);
      } catch (fault) {
        if (!(fault instanceof Fault)) throw fault;
        if (manner === 'patiently' && partCodes.has(fault.code)) this.ledger.settle(await this.#look());
        else if (lateCodes.has(fault.code)) this.ledger.failed();
        else throw fault;
      }
      if (this.#random(4) === 0) await this.#simulation.latency(`actor ${this.#id} rests`);
      if (this.#random(40) === 0) await this.#simulation.clock.sleep(2500);
    }
  }

  /** Everything that it knows is there, exactly. */
  async verify(): Promise<void> {
    for (const key of this.ledger.keys()) {
      assert.equal(String(await get(this.#stack, this.#bucket, key)), this.ledger.content(key), key);
    }
  }

  /** All of its own files, as soon as they can be read. */
  async #look(): Promise<ReadonlyMap<string, string>> {
    for (let count = 1; ; count += 1) {
      try {
        const found = new Map<string, string>();
        for (const key of this.#keys()) {
          const content = await get(this.#stack, this.#bucket, key);
          if (content !== undefined) found.set(key, String(content));
        }
        return found;
      } catch (fault) {
        if (!(fault instanceof Fault && partCodes.has(fault.code)) || count === LOOKS_MAX) throw fault;
        await this.#simulation.clock.sleep(LOOK_MS);
      }
    }
  }

  #operations(): readonly (readonly [string, () => Promise<void>])[] {
    const { ledger } = this;
    const always = [
      ['put', this.#put],
      ['put', this.#put],
      ['create', this.#create],
      ['list', this.#list],
    ] as const;
    if (ledger.keys().length === 0) return always;
    return [
      ...always,
      ['delete', this.#delete],
      ['remove', this.#remove],
      ['write', this.#write],
      ['write', this.#write],
      ['write', this.#write],
      ['stable write', this.#stableWrite],
      ['commit', this.#commit],
      ['commit', this.#commit],
      ['truncate', this.#truncate],
      ['rename', this.#rename],
      ['rename directory', this.#renameDirectory],
      ['copy', this.#copy],
      ['multipart', this.#multipart],
      ['read', this.#read],
      ['read', this.#read],
      ['slow get', this.#slowGet],
    ];
  }

  async #put(): Promise<void> {
    const [key, content] = [this.#anyKey(), this.#content()];
    const { objects } = this.#stack.namespace;
    const draft = await objects.draft(s3, this.#contentKey());
    await draft.write([bytes(content)]);
    await this.ledger.perform(this.ledger.with(key, [content]), () =>
      objects.attach(s3, draft, {
        bucket: this.#bucket.ino,
        key: bytes(key),
        facet: plainFacet('put'),
        expect: {},
      }),
    );
  }

  /** What tiering seals, or plain. */
  #contentKey(): ContentKey | undefined {
    return this.#random(3) === 0 ? undefined : this.#stack.keyring.make({ mode: 'AES256' });
  }

  async #create(): Promise<void> {
    const key = this.#anyKey();
    if (this.ledger.has(key)) return;
    const { directory, name } = await this.#place(key);
    const { files } = this.#stack.namespace;
    await this.ledger.perform(this.ledger.with(key, ['']), () =>
      files.create(
        root,
        { directory, name: bytes(name) },
        { mode: { how: 'guarded' }, wish: { mode: 0o644 } },
      ),
    );
  }

  async #delete(): Promise<void> {
    const key = this.#ownKey();
    const { objects } = this.#stack.namespace;
    await this.ledger.perform(this.ledger.without(key), () =>
      objects.removeKey({ bucket: this.#bucket.ino, key: bytes(key), expect: {} }),
    );
  }

  async #remove(): Promise<void> {
    const key = this.#ownKey();
    const { directory, name } = await this.#place(key);
    const { files } = this.#stack.namespace;
    await this.ledger.perform(this.ledger.without(key), () =>
      files.remove(root, { directory, name: bytes(name) }),
    );
  }

  async #write(): Promise<void> {
    const key = this.#ownKey();
    const { offset, data, content } = this.#change(this.ledger.content(key));
    const ino = await this.#ino(key);
    await this.ledger.perform(this.ledger.written(key, content), () =>
      this.#stack.namespace.files.write(root, ino, { offset, data: bytes(data), stable: false }),
    );
  }

  async #stableWrite(): Promise<void> {
    const key = this.#ownKey();
    const { offset, data, content } = this.#change(this.ledger.content(key));
    const ino = await this.#ino(key);
    await this.ledger.perform(this.ledger.with(key, [content]), () =>
      this.#stack.namespace.files.write(root, ino, { offset, data: bytes(data), stable: true }),
    );
  }

  async #commit(): Promise<void> {
    const key = this.#ownKey();
    const ino = await this.#ino(key);
    await this.ledger.perform(this.ledger.with(key, [this.ledger.content(key)]), () =>
      this.#stack.namespace.files.commit(root, ino),
    );
  }

  async #truncate(): Promise<void> {
    const key = this.#ownKey();
    const old = this.ledger.content(key);
    const size = this.#random(old.length + 20);
    const ino = await this.#ino(key);
    await this.ledger.perform(this.ledger.with(key, [old.slice(0, size).padEnd(size, '\0')]), () =>
      this.#stack.namespace.files.setAttributes(root, ino, { wish: { size } }),
    );
  }

  async #rename(): Promise<void> {
    const [from, to] = [this.#ownKey(), this.#anyKey()];
    if (from === to) return;
    const [source, target] = [await this.#place(from), await this.#place(to)];
    const after = this.ledger.moved((key) => (key === from ? to : key));
    const [old, fresh] = [source, target].map(({ directory, name }) => ({ directory, name: bytes(name) }));
    assert(old !== undefined && fresh !== undefined);
    await this.ledger.perform(after, () =>
      this.#stack.namespace.files.rename(root, { from: old, to: fresh }),
    );
  }

  async #renameDirectory(): Promise<void> {
    const [from, to] = this.#random(2) === 0 ? ['y', 'q'] : ['q', 'y'];
    const own = `own${this.#id}`;
    const after = this.ledger.moved((key) => key.replace(`${own}/${from}/`, `${own}/${to}/`));
    const { directory } = await this.#place(`${own}/${from}`);
    const old = { directory, name: bytes(from) };
    await this.ledger.perform(after, () =>
      this.#stack.namespace.files.rename(root, { from: old, to: { directory, name: bytes(to) } }),
    );
  }

  async #copy(): Promise<void> {
    const [from, to] = [this.#ownKey(), this.#anyKey()];
    const { objects } = this.#stack.namespace;
    const source = await objects.open({ bucket: this.#bucket.ino, key: bytes(from) });
    assert(source !== undefined, `${from} is gone`);
    const draft = await objects.draft(s3, this.#contentKey());
    const size = source.found.attributes.size;
    const content = this.ledger.content(from);
    await draft.splice(source, 0, size);
    await draft.write([bytes('+tail')]);
    await source.close();
    await this.ledger.perform(this.ledger.with(to, [`${content}+tail`]), () =>
      objects.attach(s3, draft, {
        bucket: this.#bucket.ino,
        key: bytes(to),
        facet: plainFacet('copy'),
        expect: {},
      }),
    );
  }

  async #multipart(): Promise<void> {
    const key = this.#anyKey();
    const { objects } = this.#stack.namespace;
    const bucket = this.#bucket.ino;
    const contentKey = this.#contentKey();
    const upload = await objects.createUpload(s3, {
      bucket,
      key: bytes(key),
      facet: plainFacet('u'),
      checksum: undefined,
      encryption: contentKey?.encryption,
    });
    const { uploadId } = upload;
    const bodies = [this.#content(), this.#content()];
    for (const [index, body] of bodies.entries()) {
      const draft = await objects.draft(s3, contentKey);
      await draft.write([bytes(body)]);
      const part = { etag: `part-${index}`, checksums: [] };
      await objects.putPart({ bucket, key: bytes(key), uploadId }, draft, { number: index + 1, ...part });
    }
    if (this.#random(4) === 0) {
      await objects.abortUpload({ bucket, key: bytes(key), uploadId });
      return;
    }
    const parts = bodies.map((_, index) => ({ number: index + 1, etag: `part-${index}` }));
    await this.ledger.perform(this.ledger.with(key, [bodies.join('')]), () =>
      objects.completeUpload(s3, {
        bucket,
        key: bytes(key),
        uploadId,
        parts,
        facet: plainFacet('whole-2'),
        expect: {},
      }),
    );
  }

  async #read(): Promise<void> {
    const key = this.#ownKey();
    const content = this.ledger.content(key);
    assert.equal(String(await get(this.#stack, this.#bucket, key)), content, key);
    const { parts } = await this.#stack.namespace.files.read(root, await this.#ino(key), {
      offset: 0,
      length: 1 << 20,
    });
    assert.equal(text(parts), content, key);
  }

  async #slowGet(): Promise<void> {
    const key = this.#ownKey();
    const content = this.ledger.content(key);
    const object = await this.#stack.namespace.objects.open({ bucket: this.#bucket.ino, key: bytes(key) });
    assert(object !== undefined, `${key} is gone`);
    await this.#put();
    await this.#write();
    await this.#simulation.latency(`actor ${this.#id} reads slowly`);
    const parts: Uint8Array[] = [];
    for await (const part of object.read(0, content.length)) parts.push(part);
    assert.equal(text(parts), content, key);
    await object.close();
  }

  async #list(): Promise<void> {
    const keys = await listed(this.#stack, this.#bucket, `own${this.#id}/`);
    const files = keys.filter((key) => !key.endsWith('/'));
    const known = this.ledger.keys().filter((key) => key.startsWith('own'));
    assert.deepEqual(files, [...known].sort());
  }

  async #place(key: string): Promise<{ directory: Ino; name: string }> {
    const components = key.split('/');
    const name = components.pop() ?? '';
    let directory = this.#bucket.ino;
    for (const component of components) {
      const found = await this.#stack.namespace.files.lookup(root, { directory, name: bytes(component) });
      directory = found.attributes.ino;
    }
    return { directory, name };
  }

  async #ino(key: string): Promise<Ino> {
    const { directory, name } = await this.#place(key);
    return (await this.#stack.namespace.files.lookup(root, { directory, name: bytes(name) })).attributes.ino;
  }

  #change(old: string): { offset: number; data: string; content: string } {
    const offset = this.#random(old.length + 30);
    const data = this.#content();
    const start = old.slice(0, offset).padEnd(offset, '\0');
    return { offset, data, content: start + data + old.slice(offset + data.length) };
  }

  #anyKey(): string {
    return this.#choose(this.#keys().filter((key) => !key.endsWith('/q/w')));
  }

  /** All that may be there: `q/w` where a directory was renamed. */
  #keys(): readonly string[] {
    const own = `own${this.#id}`;
    const shared = [`shared/${this.#id}x`, `shared/${this.#id}y`, `shared/deep/${this.#id}z`];
    return [`${own}/x`, `${own}/y/z`, `${own}/y/w`, `${own}/q/z`, `${own}/q/w`, ...shared];
  }

  #ownKey(): string {
    return this.#choose(this.ledger.keys());
  }

  /** Never twice the same; of a length that needs no block of the device, one, or several; files of several of the longest have extents that are not rewritten whole. */
  #content(): string {
    const start = `${this.#id}.${(this.#contents += 1)};`;
    return start.padEnd(this.#choose([5, 30, 30, 100, 100, 9000, 20_000]), '=');
  }

  #random(bound: number): number {
    return this.#simulation.random.below(bound);
  }

  #choose<T>(choices: readonly T[]): T {
    const chosen = choices[this.#random(choices.length)];
    assert(chosen !== undefined);
    return chosen;
  }
}
