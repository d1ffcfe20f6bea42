import type { Address } from '../config/address.ts';
import { attachedUrlText, parseAttachedUrl, type AttachedUrl } from '../config/attached-url.ts';
import { UsageError } from '../config/usage-error.ts';
import type { Config } from '../config.ts';
import type { Environment } from '../environment.ts';
import { Fault } from '../fault.ts';
import type { AttachedBucket } from '../namespace/foreign/attached.ts';
import type { Bucket, Namespace } from '../namespace/namespace.ts';
import type { ForeignBlobs } from '../tiering/foreign/foreign-copies.ts';
import type { BindingId } from '../tiering/foreign/foreign-records.ts';
import type { ForeignStore, ForeignStoreSettings } from '../tiering/foreign/open-foreign-store.ts';
import type { Closable } from '../scope.ts';
import type { AttachedAnswer, AttachedControl, AttachWish } from './admin/attached.ts';
import type { Alert } from './admin/health.ts';
import { isoTime } from './admin/row.ts';

export interface AttachedParts {
  readonly environment: Environment;
  readonly namespace: Pick<Namespace, 'objects' | 'attachments'>;
  readonly foreign: ForeignBlobs;
  readonly nextId: () => number;
  /** Says that there is work in the background. */
  readonly wake: () => void;
  readonly open: (settings: ForeignStoreSettings) => Promise<ForeignStore>;
  /** Whether requests to that endpoint come to this very gateway, whose S3 door listens there. */
  readonly isOwn: (endpoint: string | undefined, own: Address | undefined) => Promise<boolean>;
}

type ColdKeys = Pick<Config['cold'], 'accessKeyId' | 'secretAccessKey' | 'requests'>;

/** Attached buckets with their stores, which are open as long as rows name them. */
export class AttachedStores implements AttachedControl, Closable {
  readonly #parts: AttachedParts;
  readonly #keys: ColdKeys;
  readonly #stores = new Map<BindingId, ForeignStore & { readonly bucket: string }>();

  /** Whose rows come in a moment. */
  readonly #attaching = new Set<BindingId>();

  #own: Address | undefined;

  private constructor(parts: AttachedParts, keys: ColdKeys) {
    this.#parts = parts;
    this.#keys = keys;
  }

  /** Those that are attached already may be away: they are asked when somebody reads. */
  static async open(parts: AttachedParts, keys: ColdKeys): Promise<AttachedStores> {
    const stores = new AttachedStores(parts, keys);
    for (const { id, name, place } of await parts.namespace.attachments.list())
      stores.#bind(id, name, await stores.#openStore(parseAttachedUrl(place)));
    return stores;
  }

  /** Where the S3 door of this gateway answers. */
  listensAt(own: Address): void {
    this.#own = own;
  }

  async list(): Promise<readonly AttachedAnswer[]> {
    return (await this.#parts.namespace.attachments.list()).map((it) => this.#answerOf(it));
  }

  async attach(name: string, { url, access = 'local' }: AttachWish): Promise<AttachedAnswer> {
    const { namespace, nextId } = this.#parts;
    const bucket = await this.#bucket(name);
    const place = readUrl(url);
    await this.#requireFree(bucket);
    await this.#requireForeign(name, place);
    const opened = await this.#openStore(place);
    const id = nextId() as BindingId;
    this.#attaching.add(id);
    try {
      await opened.probe(place.prefix).catch(asMistake);
      const binding = { id, prefix: place.prefix, place: attachedUrlText(place), access };
      this.#bind(id, name, opened);
      await namespace.attachments.attach(bucket, binding).catch(explaining(name));
    } catch (failure) {
      this.#unbind(id);
      await opened.store.close();
      throw failure;
    } finally {
      this.#attaching.delete(id);
    }
    return this.#required(name);
  }

  async detach(name: string): Promise<AttachedAnswer> {
    const { namespace, wake } = this.#parts;
    const { ino } = await this.#bucket(name);
    await namespace.attachments.detach(ino).catch(explaining(name));
    wake();
    return this.#required(name);
  }

  async refresh(name: string, prefix: string): Promise<AttachedAnswer> {
    const { namespace, wake } = this.#parts;
    const { ino } = await this.#bucket(name);
    await namespace.attachments.refresh({ bucket: ino, key: Buffer.from(prefix) }).catch(explaining(name));
    wake();
    return this.#required(name);
  }

  alerts(): readonly Alert[] {
    return [...this.#stores.values()].flatMap((opened) => {
      const found = opened.outage();
      if (found === undefined) return [];
      const since = isoTime({ seconds: found.since.seconds, nanoseconds: 0 });
      const text = `What the bucket ${opened.bucket} shows is out of reach since ${since}; the rest goes on. ${found.reason}`;
      return [{ severity: 'degraded' as const, text }];
    });
  }

  /** A unit of the work in the background; lets go of the stores of buckets that have been detached. */
  async step(): Promise<'busy' | 'idle'> {
    const { attachments } = this.#parts.namespace;
    if (this.#stores.size === 0) return 'idle';
    const outcome = await attachments.step();
    for (const [id, { store }] of [...this.#stores]) {
      if (attachments.isNeeded(id) || this.#attaching.has(id)) continue;
      this.#unbind(id);
      await store.close();
    }
    return outcome;
  }

  async close(): Promise<void> {
    for (const [id, { store }] of [...this.#stores]) {
      this.#unbind(id);
      await store.close();
    }
  }

  #openStore(place: AttachedUrl): Promise<ForeignStore> {
    const { accessKeyId, secretAccessKey, requests: requestsMax } = this.#keys;
    const { profile } = place;
    const hasKeys = accessKeyId !== undefined && secretAccessKey !== undefined && profile === undefined;
    const credentials = hasKeys ? { accessKeyId, secretAccessKey } : undefined;
    const { bucket, prefix, endpoint, region } = place;
    const shown = { bucket, prefix: prefix.replace(/\/$/, ''), endpoint, region };
    return this.#parts.open({ place: shown, credentials, profile, requestsMax });
  }

  #bind(id: BindingId, bucket: string, opened: ForeignStore): void {
    this.#parts.foreign.bind(id, opened.store);
    this.#stores.set(id, { ...opened, bucket });
  }

  #unbind(id: BindingId): void {
    if (this.#stores.delete(id)) this.#parts.foreign.unbind(id);
  }

  async #bucket(name: string): Promise<Bucket> {
    const bucket = await this.#parts.namespace.objects.bucket(name);
    if (bucket === undefined)
      throw new Fault('not-found', 'bucket', `There is no bucket ${name} here: make it first.`);
    return bucket;
  }

  /** Before the others' store is asked; the transaction that attaches looks once more. */
  async #requireFree({ ino, name }: Bucket): Promise<void> {
    const { objects, attachments } = this.#parts.namespace;
    const known = (await attachments.list()).some(({ bucket }) => bucket === ino);
    if (known) throw explained(name, new Fault('exists', 'bucket', name));
    const all = { prefix: NOTHING, after: NOTHING, delimiter: undefined, entriesMax: 1 };
    const { entries } = await objects.walk(ino, all);
    if (entries.length > 0) throw explained(name, new Fault('not-empty', 'bucket', name));
  }

  async #requireForeign(name: string, { bucket, endpoint }: AttachedUrl): Promise<void> {
    const { isOwn, namespace } = this.#parts;
    if (!(await isOwn(endpoint, this.#own)) || (await namespace.objects.bucket(bucket)) === undefined) return;
    const detail = `${bucket} is a bucket of this very gateway, and ${name} would ask the gateway for what it is being asked: attach one of another store, or copy what is in it.`;
    throw new Fault('invalid-argument', 'request', detail);
  }

  async #required(name: string): Promise<AttachedAnswer> {
    const found = (await this.list()).find(({ bucket }) => bucket === name);
    if (found === undefined) throw explained(name, new Fault('not-found', 'bucket', name));
    return found;
  }

  #answerOf(attached: AttachedBucket): AttachedAnswer {
    const { id, name, place, access, state, attachedAt, refreshedAt, foldersWaiting, blobsLeft } = attached;
    const reason = this.#stores.get(id)?.outage()?.reason;
    return {
      ...{ bucket: name, url: place, access, state, attachedAt: isoTime(attachedAt), foldersWaiting },
      answers: reason === undefined,
      ...(reason !== undefined && { reason }),
      ...(refreshedAt !== undefined && { refreshedAt: isoTime(refreshedAt) }),
      ...(blobsLeft !== undefined && { blobsLeft }),
    };
  }
}

const NOTHING = new Uint8Array(0);

function readUrl(url: string): AttachedUrl {
  try {
    return parseAttachedUrl(url);
  } catch (cause) {
    if (cause instanceof UsageError)
      throw new Fault('invalid-argument', 'request', `${cause.message}.`, { cause });
    throw cause;
  }
}

/** What does not answer when it is attached is the wrong place until it does. */
function asMistake(cause: unknown): never {
  throw cause instanceof Fault ? new Fault('invalid-argument', 'request', cause.detail, { cause }) : cause;
}

const sentences: Partial<Readonly<Record<Fault['code'], (name: string, detail: string) => string>>> = {
  exists: (name) => `The bucket ${name} is attached already: detach it first.`,
  'not-empty': (name) => `The bucket ${name} is not empty: attach an empty one.`,
  'not-found': (name) => `The bucket ${name} is not attached.`,
  conflict: (name) => `The bucket ${name} is being detached.`,
};

/** What the namespace says of a bucket or a folder as a sentence; faults of the store have theirs. */
function explained(name: string, fault: Fault): Fault {
  if (fault.code === 'not-found' && fault.subject === 'object')
    return new Fault(fault.code, fault.subject, `There is no folder ${fault.detail} in what ${name} shows.`);
  const sentence = fault.subject === 'bucket' ? sentences[fault.code] : undefined;
  return sentence === undefined ? fault : new Fault(fault.code, fault.subject, sentence(name, fault.detail));
}

const explaining =
  (name: string) =>
  (cause: unknown): never => {
    throw cause instanceof Fault ? explained(name, cause) : cause;
  };
