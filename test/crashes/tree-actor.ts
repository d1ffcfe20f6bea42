import { ListPartsCommand } from '@aws-sdk/client-s3';
import { unchanged } from 'nfs-server-ts/test/support/client';
import { Loss, patiently, pause, type Actor, type ActorParts } from './actor.ts';
import { Contents } from './content.ts';
import { Cut, Refused, WrongAnswer } from './doors.ts';
import { look, read, type Doors } from './look.ts';
import { nfsOperations } from './nfs-operations.ts';
import { s3Operations } from './s3-operations.ts';
import { choose, parentOf, type Hands, type Step, type Upload } from './step.ts';
import { changed, difference, visible, type FileNode, type Found, type Tree, type TreeNode } from './tree.ts';

const refusedMs = 150;

/** Somebody who works through both doors on names of its own, and knows exactly what must be there after a crash. */
export class TreeActor implements Actor {
  readonly #parts: ActorParts;
  readonly #prefix: string;
  readonly #contents: Contents;
  readonly #handles = new Map<number, Uint8Array>();
  readonly #uploads = new Map<string, Upload>();
  #own = new Uint8Array(0);
  #tree: Tree = new Map();
  #asked: Step | undefined;
  #ids = 0;

  constructor(parts: ActorParts) {
    this.#parts = parts;
    this.#prefix = `actor${String(parts.number).padStart(3, '0')}`;
    this.#contents = new Contents(parts.random, parts.number);
  }

  /** Makes its directory, once. */
  async open(doors: Doors): Promise<void> {
    const dir = await doors.nfs.root(`/${this.#parts.bucket}`);
    const where = { dir, name: Buffer.from(this.#prefix) };
    const { obj } = await doors.nfs.ok('MKDIR', { where, attributes: { ...unchanged, mode: 0o755 } });
    if (obj === undefined) throw new WrongAnswer('MKDIR: no handle');
    this.#own = Uint8Array.from(obj);
  }

  /** Until it is over, or until there is nobody who answers. */
  async work(doors: Doors, isOver: () => boolean): Promise<'over' | 'cut'> {
    const { random, tally } = this.#parts;
    while (!isOver()) {
      const operations = random.below(2) === 0 ? nfsOperations : s3Operations;
      const step = choose(random, operations)?.(this.#hands(doors));
      if (step === undefined) continue;
      try {
        await this.#perform(step);
        tally.acknowledged.add(step.name);
      } catch (cause) {
        if (cause instanceof Cut) return 'cut';
        if (!(cause instanceof Refused)) throw this.#said(step, cause);
        tally.refused.add(`${step.name}: ${cause.code}`);
        if ((await this.#takeStock(doors)) === 'cut') return 'cut';
      }
    }
    return 'over';
  }

  /** After a crash, and a start: all that was acknowledged is there, and what was not committed can be sent again. */
  async recover(doors: Doors): Promise<void> {
    const { tally } = this.#parts;
    const found = await patiently(() => this.#look(doors));
    if (this.#asked !== undefined) tally.unanswered += 1;
    this.#adopt(found);
    tally.compared += found.size;
    await this.#compareHandles(doors, found);
    await this.#compareUploads(doors);
    for (const [path, node] of looseFiles(this.#tree)) await this.#sendAgain(doors, path, node);
  }

  /** When nobody has crashed: what is there is exactly what was written. */
  async verify(doors: Doors): Promise<void> {
    await patiently(() => this.#commitAll(doors));
    const found = await patiently(() => this.#look(doors));
    this.#adopt(found);
    this.#parts.tally.compared += found.size;
  }

  async #perform(step: Step): Promise<void> {
    this.#asked = step;
    const after = await step.run();
    this.#tree = after ?? step.after ?? this.#tree;
    this.#asked = undefined;
  }

  /** What was refused has happened or not, and what was not committed is: as it is now, it stays. */
  async #takeStock(doors: Doors): Promise<'cut' | undefined> {
    try {
      await pause(refusedMs);
      await patiently(() => this.#commitAll(doors));
      const found = await patiently(() => this.#look(doors));
      this.#adopt(found);
      this.#tree = settledAs(this.#tree, found);
      await this.#compareUploads(doors);
      return undefined;
    } catch (cause) {
      if (cause instanceof Cut) return 'cut';
      throw cause;
    }
  }

  async #commitAll(doors: Doors): Promise<void> {
    const trees = [this.#tree, this.#asked?.after, ...(this.#asked?.partly ?? [])];
    const ids = new Set(trees.flatMap((tree) => looseFiles(tree ?? new Map())).map(([, { id }]) => id));
    for (const id of ids) {
      // Who has no handle of it has not written to it yet.
      const handle = this.#handles.get(id);
      if (handle !== undefined) await doors.nfs.commit(handle);
    }
  }

  #look(doors: Doors): Promise<Found> {
    return look(doors, { bucket: this.#parts.bucket, prefix: this.#prefix, handle: this.#own });
  }

  /** Of all that may be there the first that is. */
  #adopt(found: Found): void {
    const step = this.#asked;
    const may = [...(step?.after === undefined ? [] : [step.after]), this.#tree, ...(step?.partly ?? [])];
    const problems = may.map((tree) => difference(tree, found));
    const right = may[problems.indexOf('')];
    if (right === undefined) {
      const asked = step === undefined ? '' : ` (asked for and not answered: ${step.name})`;
      throw new Loss(`${this.#prefix}${asked}: ${problems.join('; or ')}`);
    }
    this.#tree = right;
    this.#asked = undefined;
  }

  /** Handles outlive the process (ADR 4). */
  async #compareHandles(doors: Doors, found: Found): Promise<void> {
    for (const [path, node] of this.#tree) {
      const handle = this.#handles.get(node.id);
      if (handle === undefined) continue;
      const { obj_attributes } = await doors.nfs.ok('GETATTR', { object: handle });
      if (obj_attributes.fileid !== found.get(path)?.fileid) {
        throw new Loss(`${this.#prefix}/${path}: its handle leads to another file`);
      }
    }
    const there = new Set([...this.#tree.values()].map(({ id }) => id));
    for (const id of this.#handles.keys()) if (!there.has(id)) this.#handles.delete(id);
  }

  /** Parts that were acknowledged are there; of an upload whose end was asked for nothing need be. */
  async #compareUploads(doors: Doors): Promise<void> {
    for (const [UploadId, upload] of this.#uploads) {
      const input = { Bucket: this.#parts.bucket, Key: `${this.#prefix}/${upload.path}`, UploadId };
      if (upload.isEnding) {
        this.#uploads.delete(UploadId);
        continue;
      }
      const { Parts = [] } = await patiently(() =>
        doors.s3.ok((client) => client.send(new ListPartsCommand(input))),
      );
      const tags = new Map(Parts.map(({ PartNumber, ETag }) => [PartNumber, ETag]));
      const lost = upload.parts.find(({ number, etag }) => tags.get(number) !== etag);
      if (lost !== undefined) throw new Loss(`${input.Key}: part ${lost.number} of an upload is lost`);
    }
  }

  /** As a client does that sees another verifier: everything since the last COMMIT, and the COMMIT (RFC 1813 §3.3.21). */
  async #sendAgain(doors: Doors, path: string, node: FileNode): Promise<void> {
    const handle = await this.#handle(doors, path);
    await patiently(async () => {
      for (const write of node.loose) await doors.nfs.write(handle, write, 'UNSTABLE');
      await doors.nfs.commit(handle);
    });
    const whole = visible(node);
    if (!Buffer.from(whole).equals(await patiently(() => read(doors.nfs, handle)))) {
      throw new Loss(`${this.#prefix}: a file that was written again is not what was written`);
    }
    this.#tree = changed(this.#tree, { ...node, durable: whole, loose: [] });
    this.#parts.tally.sentAgain += node.loose.length;
  }

  #hands(doors: Doors): Hands {
    const { bucket, random } = this.#parts;
    return {
      ...{ tree: this.#tree, doors, random, contents: this.#contents, bucket, prefix: this.#prefix },
      uploads: this.#uploads,
      newId: () => (this.#ids += 1),
      handle: (path) => this.#handle(doors, path),
      learn: (node, handle) => this.#learn(node, handle),
    };
  }

  async #handle(doors: Doors, path: string): Promise<Uint8Array> {
    const node = this.#tree.get(path);
    if (path === '' || node === undefined) return this.#own;
    const known = this.#handles.get(node.id);
    if (known !== undefined) return known;
    const { parent, name } = parentOf(path);
    const what = { dir: await this.#handle(doors, parent), name };
    const { object } = await doors.nfs.ok('LOOKUP', { what });
    return this.#learn(node, object);
  }

  #learn({ id }: TreeNode, handle: Uint8Array | undefined): Uint8Array {
    if (handle === undefined) throw new WrongAnswer('an answer without a handle');
    const own = Uint8Array.from(handle);
    this.#handles.set(id, own);
    return own;
  }

  #said({ name }: Step, cause: unknown): unknown {
    return cause instanceof WrongAnswer
      ? new WrongAnswer(`${this.#prefix}, ${name}: ${cause.message}`)
      : cause;
  }
}

/** Each with one of its names. */
function looseFiles(tree: Tree): readonly (readonly [string, FileNode])[] {
  const files = new Map<number, readonly [string, FileNode]>();
  for (const [path, node] of tree) {
    if (node.kind === 'file' && node.loose.length > 0) files.set(node.id, [path, node]);
  }
  return [...files.values()];
}

/** Nothing is loose any more: content is as it was found. */
const settledAs = (tree: Tree, found: Found): Tree =>
  new Map(
    [...tree].map(([path, node]) => {
      const entry = found.get(path);
      if (node.kind !== 'file' || node.loose.length === 0 || entry === undefined) return [path, node];
      return [path, { ...node, durable: entry.content, loose: [] }];
    }),
  );
