import { DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { Loss, patiently, pause, type Actor, type ActorParts } from './actor.ts';
import { contentOf, Contents, type ContentName } from './content.ts';
import { Cut, Refused } from './doors.ts';
import { read, type Doors } from './look.ts';
import { choose } from './step.ts';

/** What a key has: `undefined` is nothing. */
type Held = ContentName | undefined;

export interface ObjectActorParts extends ActorParts {
  readonly keys: readonly string[];
  /** What is there before it begins. */
  readonly initial: ReadonlyMap<string, ContentName>;
  readonly bytesMax: number;
  /** Of ten operations how many read. */
  readonly readsOfTen: number;
}

/** How many keys are compared after each crash; at the end all are. */
const sampleMax = 12;
const refusedMs = 100;

/** Somebody who puts, deletes and reads whole objects, too many and too long to be kept in memory: names of contents are. */
export class ObjectActor implements Actor {
  readonly #parts: ObjectActorParts;
  readonly #contents: Contents;
  readonly #held: Map<string, Held>;
  #asked: { readonly key: string; readonly after: Held } | undefined;

  constructor(parts: ObjectActorParts) {
    this.#parts = parts;
    this.#contents = new Contents(parts.random, parts.number);
    this.#held = new Map(parts.initial);
  }

  async open(): Promise<void> {
    // Its bucket is all it needs.
  }

  async work(doors: Doors, isOver: () => boolean): Promise<'over' | 'cut'> {
    const { random, tally } = this.#parts;
    while (!isOver()) {
      const key = choose(random, this.#parts.keys) ?? '';
      const which = random.below(10);
      const name =
        which < this.#parts.readsOfTen
          ? 'read of an object'
          : which === 9
            ? 'delete of an object'
            : 'put of an object';
      try {
        if (name === 'read of an object') await this.#compare(doors, key);
        else await this.#change(doors, key, name === 'delete of an object');
        tally.acknowledged.add(name);
      } catch (cause) {
        if (cause instanceof Cut) return 'cut';
        if (!(cause instanceof Refused)) throw cause;
        tally.refused.add(`${name}: ${cause.code}`);
        await pause(refusedMs);
        if ((await this.#takeStock(doors)) === 'cut') return 'cut';
      }
    }
    return 'over';
  }

  async recover(doors: Doors): Promise<void> {
    const { keys, random, tally } = this.#parts;
    if (this.#asked !== undefined) tally.unanswered += 1;
    await patiently(() => this.#settle(doors));
    for (let count = 0; count < sampleMax; count += 1) {
      await patiently(() => this.#compare(doors, choose(random, keys) ?? ''));
    }
    tally.compared += sampleMax;
  }

  async verify(doors: Doors): Promise<void> {
    await patiently(() => this.#settle(doors));
    for (const key of this.#parts.keys) await patiently(() => this.#compare(doors, key));
    this.#parts.tally.compared += this.#parts.keys.length;
  }

  async #takeStock(doors: Doors): Promise<'cut' | undefined> {
    try {
      await patiently(() => this.#settle(doors));
      return undefined;
    } catch (cause) {
      if (cause instanceof Cut) return 'cut';
      throw cause;
    }
  }

  async #change(doors: Doors, Key: string, isDelete: boolean): Promise<void> {
    const { bucket: Bucket, bytesMax, random } = this.#parts;
    const after = isDelete ? undefined : this.#contents.nextName(1 + random.below(bytesMax));
    this.#asked = { key: Key, after };
    await doors.s3.ok<unknown>((client) =>
      after === undefined
        ? client.send(new DeleteObjectCommand({ Bucket, Key }))
        : client.send(new PutObjectCommand({ Bucket, Key, Body: contentOf(after) })),
    );
    this.#held.set(Key, after);
    this.#asked = undefined;
  }

  /** What was asked for and not answered has happened or not: from now on it is known. */
  async #settle(doors: Doors): Promise<void> {
    const asked = this.#asked;
    if (asked === undefined) return;
    const there = await this.#content(doors, asked.key);
    const right = [asked.after, this.#held.get(asked.key)].find((each) => isContent(there, each));
    if (right === undefined && there !== undefined)
      throw new Loss(`${asked.key} is neither what it was nor what was put`);
    if (there === undefined && asked.after !== undefined && this.#held.get(asked.key) !== undefined) {
      throw new Loss(`${asked.key} is lost, while another content was put`);
    }
    this.#held.set(asked.key, right);
    this.#asked = undefined;
  }

  async #compare(doors: Doors, key: string): Promise<void> {
    const held = this.#held.get(key);
    const there = await this.#content(doors, key);
    if (isContent(there, held)) return;
    if (there === undefined) throw new Loss(`${this.#parts.bucket}/${key} is lost`);
    if (held === undefined) throw new Loss(`${this.#parts.bucket}/${key} was deleted and is there`);
    throw new Loss(
      `${this.#parts.bucket}/${key} is not what was put: ${there.length} bytes, not ${held.length}`,
    );
  }

  /** Through one door or the other. */
  async #content(doors: Doors, Key: string): Promise<Uint8Array | undefined> {
    const { bucket: Bucket, random } = this.#parts;
    const dir = await doors.nfs.root(`/${Bucket}`);
    const what = { dir, name: Buffer.from(Key) };
    const status = await doors.nfs.status('LOOKUP', { what }, ['NFS3_OK', 'NFS3ERR_NOENT']);
    if (status === 'NFS3ERR_NOENT') return undefined;
    if (random.below(2) === 0) return (await doors.s3.get({ Bucket, Key })).body;
    const { object } = await doors.nfs.ok('LOOKUP', { what });
    return read(doors.nfs, object);
  }
}

function isContent(there: Uint8Array | undefined, held: Held): boolean {
  if (there === undefined || held === undefined) return there === held;
  if (there.length !== held.length) return false;
  return Buffer.from(contentOf(held)).equals(there);
}
