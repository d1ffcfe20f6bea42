import { BlockList, isIP, isIPv6 } from 'node:net';
import type { ExportRule } from '../../config.ts';
import { parseNetwork } from '../../config/address.ts';
import { NFS_BUCKET_NAMES_CACHED_MAX, NFS_CLIENTS_CACHED_MAX } from '../../limits.ts';
import type { Caller, Ino, ObjectStore } from '../../namespace/namespace.ts';
import type { CallContext } from 'nfs-server-ts/rpc';

const ROOT_BUCKET = 0;
const MAPPED_PREFIX = '::ffff:';

/**
 * Who may do what in which bucket. Of the rules that fit client and bucket the first holds; if none fits, nothing is allowed.
 * `*` is every bucket, and the root that lists them. What fits a client is found once and kept.
 */
export class Exports {
  readonly #rules: readonly { readonly rule: ExportRule; readonly clients: BlockList }[];
  readonly #byClient = new Map<string, readonly ExportRule[]>();
  readonly #buckets: Pick<ObjectStore, 'buckets'>;
  readonly #names = new Map<Ino, string>();
  readonly #namesBuckets: boolean;

  /** Faults: UsageError when a client is neither address nor network. */
  constructor(rules: readonly ExportRule[], buckets: Pick<ObjectStore, 'buckets'>) {
    this.#rules = rules.map((rule) => ({ rule, clients: clientList(rule.clients) }));
    this.#buckets = buckets;
    this.#namesBuckets = rules.some(({ bucket }) => bucket !== '*');
  }

  /** The rule for a bucket by inode number, 0 being the root; `undefined`: no access. */
  async rule(client: string, bucket: Ino): Promise<ExportRule | undefined> {
    const rules = this.#fitting(client);
    if (!this.#namesBuckets || bucket === ROOT_BUCKET) return rules.find((rule) => rule.bucket === '*');
    const name = await this.#nameOf(bucket);
    return name === undefined ? undefined : this.ruleByName(client, name);
  }

  ruleByName(client: string, bucket: string): ExportRule | undefined {
    return this.#fitting(client).find((rule) => rule.bucket === '*' || rule.bucket === bucket);
  }

  /** Who may mount what, for EXPORT: the root first when any rule covers it, then each bucket that anyone may mount. */
  async list(): Promise<readonly { readonly path: string; readonly clients: readonly string[] }[]> {
    const rows = (await this.#buckets.buckets()).map(({ name }) => ({
      path: `/${name}`,
      clients: this.#clientsOf(name),
    }));
    return [{ path: '/', clients: this.#clientsOf('*') }, ...rows].filter(
      ({ clients }) => clients.length > 0,
    );
  }

  #clientsOf(bucket: string): readonly string[] {
    const fitting = this.#rules.filter(({ rule }) => rule.bucket === '*' || rule.bucket === bucket);
    return [...new Set(fitting.flatMap(({ rule }) => rule.clients))];
  }

  #fitting(client: string): readonly ExportRule[] {
    const known = this.#byClient.get(client);
    if (known !== undefined) return known;
    const address = client.startsWith(MAPPED_PREFIX) ? client.slice(MAPPED_PREFIX.length) : client;
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    const fitting = this.#rules.filter(
      ({ clients }) => isIP(address) !== 0 && clients.check(address, family),
    );
    const rules = fitting.map(({ rule }) => rule);
    remember(this.#byClient, { key: client, value: rules, entriesMax: NFS_CLIENTS_CACHED_MAX });
    return rules;
  }

  /** Buckets keep their names, and inode numbers are not reused: what was found once stays right. */
  async #nameOf(bucket: Ino): Promise<string | undefined> {
    const known = this.#names.get(bucket);
    if (known !== undefined) return known;
    const name = (await this.#buckets.buckets()).find(({ ino }) => ino === bucket)?.name;
    if (name === undefined) return undefined;
    remember(this.#names, { key: bucket, value: name, entriesMax: NFS_BUCKET_NAMES_CACHED_MAX });
    return name;
  }
}

/** Adds to a cache whose oldest entry goes when it is full. */
function remember<Key, Value>(
  cache: Map<Key, Value>,
  { key, value, entriesMax }: { key: Key; value: Value; entriesMax: number },
): void {
  cache.set(key, value);
  if (cache.size <= entriesMax) return;
  const oldest = cache.keys().next();
  if (oldest.done !== true) cache.delete(oldest.value);
}

function clientList(clients: readonly string[]): BlockList {
  const list = new BlockList();
  for (const client of clients) {
    const [address = '', bits] = parseNetwork(client).split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return list;
}

/** Who the caller is under a rule. */
export function callerUnder(rule: ExportRule, call: CallContext): Caller {
  const { anonUid, anonGid } = rule;
  const { uid, gid, groups } = call;
  const client = { address: call.client, uid };
  if (rule.squash === 'all' || call.flavor === 'AUTH_NONE') {
    return { uid: anonUid, gid: anonGid, groups: [], bypassesModes: false, client };
  }
  if (rule.squash === 'none') return { uid, gid, groups, bypassesModes: false, client };
  return {
    uid: uid === 0 ? anonUid : uid,
    gid: gid === 0 ? anonGid : gid,
    groups: groups.includes(0) ? groups.filter((group) => group !== 0) : groups,
    bypassesModes: false,
    client,
  };
}
