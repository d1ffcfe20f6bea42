import {
  DeleteObjectCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  type ListObjectVersionsCommandOutput,
} from '@aws-sdk/client-s3';
import type { Random } from '../../src/environment.ts';
import { Loss, patiently, type Actor, type ActorParts } from './actor.ts';
import { Contents } from './content.ts';
import { Cut, Refused, WrongAnswer } from './doors.ts';
import { read, type Doors } from './look.ts';
import { choose } from './step.ts';

/** A version that S3 has made: it stays as it is until it is deleted. `undefined`: a delete marker. */
type Versions = ReadonlyMap<string, Uint8Array | undefined>;

interface History {
  readonly versions: Versions;
  /** What the key leads to. */
  readonly current: Uint8Array | undefined;
  /** What NFS has written: versions of their own, when they are sealed before the next change. */
  readonly drafts: readonly Uint8Array[];
}

/** One change of one key: what it makes of the history when it is acknowledged, with the id that the answer says. */
interface Change {
  readonly name: string;
  readonly key: string;
  /** The content of the version it makes, or `undefined` of a marker. */
  readonly made?: { readonly content: Uint8Array | undefined };
  /** The version it takes away. */
  readonly deleted?: string;
  /** What NFS makes of the current version. */
  readonly draft?: Uint8Array;
  run(doors: Doors): Promise<string | undefined>;
}

const keys = ['x', 'y', 'z'] as const;
const versionsMax = 12;
const draftsMax = 200;
const empty: History = { versions: new Map(), current: undefined, drafts: [] };

/** Somebody who works in a versioned bucket: versions that were acknowledged stay, whatever NFS does to the file. */
export class VersionActor implements Actor {
  readonly #parts: ActorParts;
  readonly #prefix: string;
  readonly #contents: Contents;
  readonly #histories = new Map<string, History>();
  #asked: Change | undefined;

  constructor(parts: ActorParts) {
    this.#parts = parts;
    this.#prefix = `versions${String(parts.number).padStart(3, '0')}`;
    this.#contents = new Contents(parts.random, parts.number);
  }

  async open(): Promise<void> {
    for (const key of keys) this.#histories.set(`${this.#prefix}-${key}`, empty);
  }

  async work(doors: Doors, isOver: () => boolean): Promise<'over' | 'cut'> {
    const { tally } = this.#parts;
    while (!isOver()) {
      const change = this.#choose();
      try {
        this.#asked = change;
        this.#apply(change, await change.run(doors));
        this.#asked = undefined;
        tally.acknowledged.add(change.name);
      } catch (cause) {
        if (cause instanceof Cut) return 'cut';
        if (!(cause instanceof Refused)) throw cause;
        tally.refused.add(`${change.name}: ${cause.code}`);
        if ((await this.#takeStock(doors)) === 'cut') return 'cut';
      }
    }
    return 'over';
  }

  async recover(doors: Doors): Promise<void> {
    if (this.#asked !== undefined) this.#parts.tally.unanswered += 1;
    await patiently(() => this.verify(doors));
  }

  async verify(doors: Doors): Promise<void> {
    const input = { Bucket: this.#parts.bucket, Prefix: this.#prefix };
    const page = await doors.s3.ok((client) => client.send(new ListObjectVersionsCommand(input)));
    for (const [key, history] of this.#histories) {
      this.#histories.set(key, await this.#compare(doors, { key, history, page }));
    }
    this.#asked = undefined;
  }

  async #takeStock(doors: Doors): Promise<'cut' | undefined> {
    try {
      await this.recover(doors);
      return undefined;
    } catch (cause) {
      if (cause instanceof Cut) return 'cut';
      throw cause;
    }
  }

  #apply({ key, made, deleted, draft }: Change, id: string | undefined): void {
    const { versions, current, drafts } = this.#history(key);
    const after = new Map([...versions].filter(([each]) => each !== deleted));
    if (made !== undefined && id === undefined)
      throw new WrongAnswer('a change of a versioned bucket without a version id');
    if (made !== undefined && id !== undefined) after.set(id, made.content);
    const now = made === undefined ? (draft ?? current) : made.content;
    const all = draft === undefined ? drafts : [...drafts, draft].slice(-draftsMax);
    this.#histories.set(key, { versions: after, current: now, drafts: all });
  }

  /** What is there now, when it may be. */
  async #compare(
    doors: Doors,
    { key, history, page }: { key: string; history: History; page: ListObjectVersionsCommandOutput },
  ): Promise<History> {
    const asked = this.#asked?.key === key ? this.#asked : undefined;
    const there = await this.#contentsOf(doors, key, page);
    this.#parts.tally.compared += there.size;
    for (const [id, content] of history.versions) {
      if (!there.has(id) && asked?.deleted === id) continue;
      if (!there.has(id)) throw new Loss(`${key}: version ${id} is lost`);
      if (!same(there.get(id), content)) throw new Loss(`${key}: version ${id} is not what was put`);
    }
    const drafts = [...history.drafts, ...draftsOf(asked, history)];
    for (const [id, content] of there) {
      if (history.versions.has(id) || drafts.some((each) => same(each, content))) continue;
      if (asked?.made === undefined || !same(asked.made.content, content)) {
        const length = content === undefined ? 'a marker' : `${content.length} bytes`;
        throw new Loss(`${key}${said(asked)}: version ${id}, ${length}, was made by nobody`);
      }
    }
    const current = await this.#current(doors, key);
    const wanted = [
      history.current,
      ...(asked?.made ? [asked.made.content] : []),
      ...(asked?.draft ? [asked.draft] : []),
    ];
    if (!wanted.some((each) => same(each, current))) {
      throw new Loss(
        `${key}${asked === undefined ? '' : ` (asked: ${asked.name})`}: leads to something else`,
      );
    }
    // Of NFS's own versions none need stay: what it goes on writing to is one of them.
    // Ids rise: in this order the first one is the oldest.
    const known = [...there].filter(([, content]) => !drafts.some((each) => same(each, content))).sort();
    return { versions: new Map(known), current, drafts };
  }

  async #contentsOf(doors: Doors, key: string, page: ListObjectVersionsCommandOutput): Promise<Versions> {
    const Bucket = this.#parts.bucket;
    const there = new Map<string, Uint8Array | undefined>();
    for (const { Key, VersionId } of page.DeleteMarkers ?? []) {
      if (Key === key && VersionId !== undefined) there.set(VersionId, undefined);
    }
    for (const { Key, VersionId } of page.Versions ?? []) {
      if (Key !== key || VersionId === undefined) continue;
      there.set(VersionId, (await doors.s3.get({ Bucket, Key, VersionId })).body);
    }
    return there;
  }

  /** What the key leads to, through both doors. */
  async #current(doors: Doors, key: string): Promise<Uint8Array | undefined> {
    const dir = await doors.nfs.root(`/${this.#parts.bucket}`);
    const what = { dir, name: Buffer.from(key) };
    if ((await doors.nfs.status('LOOKUP', { what }, ['NFS3_OK', 'NFS3ERR_NOENT'])) === 'NFS3ERR_NOENT')
      return undefined;
    const { object } = await doors.nfs.ok('LOOKUP', { what });
    const content = await read(doors.nfs, object);
    const { body } = await doors.s3.get({ Bucket: this.#parts.bucket, Key: key });
    if (!same(content, body)) throw new Loss(`${key} differs between the doors`);
    return content;
  }

  #history(key: string): History {
    return this.#histories.get(key) ?? empty;
  }

  #choose(): Change {
    const { random } = this.#parts;
    const key = choose(random, [...this.#histories.keys()]) ?? '';
    const history = this.#history(key);
    const [oldest] = history.versions.keys();
    if (oldest !== undefined && history.versions.size > versionsMax) return this.#deleteVersion(key, oldest);
    const isThere = history.current !== undefined;
    const which = random.below(10);
    if (which < 5 || !isThere) return this.#put(key);
    if (which < 6) return this.#hide(key);
    return this.#write(key, history.current ?? new Uint8Array(0), random);
  }

  #put(Key: string): Change {
    const content = this.#contents.next();
    const input = { Bucket: this.#parts.bucket, Key, Body: content };
    return {
      ...{ name: 'put a version', key: Key, made: { content } },
      run: async ({ s3 }) => (await s3.ok((client) => client.send(new PutObjectCommand(input)))).VersionId,
    };
  }

  #hide(Key: string): Change {
    const input = { Bucket: this.#parts.bucket, Key };
    return {
      ...{ name: 'put a delete marker', key: Key, made: { content: undefined } },
      run: async ({ s3 }) => (await s3.ok((client) => client.send(new DeleteObjectCommand(input)))).VersionId,
    };
  }

  /** Never the current one: what the key would lead to then is told by the order of all, NFS's own included. */
  #deleteVersion(Key: string, VersionId: string): Change {
    const input = { Bucket: this.#parts.bucket, Key, VersionId };
    return {
      ...{ name: 'delete a version', key: Key, deleted: VersionId },
      run: async ({ s3 }) => (await s3.ok((client) => client.send(new DeleteObjectCommand(input)))).VersionId,
    };
  }

  #write(key: string, current: Uint8Array, random: Random): Change {
    const data = this.#contents.next().subarray(0, 100_000);
    const offset = random.below(current.length + 1);
    const draft = Buffer.alloc(Math.max(current.length, offset + data.length));
    draft.set(current);
    draft.set(data, offset);
    const run = async ({ nfs }: Doors): Promise<undefined> => {
      const dir = await nfs.root(`/${this.#parts.bucket}`);
      const { object } = await nfs.ok('LOOKUP', { what: { dir, name: Buffer.from(key) } });
      await nfs.write(object, { offset, data }, 'FILE_SYNC');
      return undefined;
    };
    return { name: 'write to a version', key, draft, run };
  }
}

/**
 * What a write over NFS that was not answered may have left: its content, or, where its version was sealed, the next one as it is
 * before the write (ADR 10).
 */
const draftsOf = (asked: Change | undefined, { current }: History): readonly Uint8Array[] =>
  asked?.draft === undefined || current === undefined ? [] : [asked.draft, current];

const said = (asked: Change | undefined): string =>
  asked === undefined ? '' : ` (asked for and not answered: ${asked.name})`;

const same = (one: Uint8Array | undefined, other: Uint8Array | undefined): boolean =>
  one === undefined || other === undefined ? one === other : Buffer.from(one).equals(other);
