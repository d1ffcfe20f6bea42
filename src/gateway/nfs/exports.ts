import { plainAddress } from 'nfs-server-ts/peer-address';
import { AuthRefused } from 'nfs-server-ts/rpc';
import type { Peer } from 'nfs-server-ts/peer';
import type { ExportRule } from '../../config/export-rule.ts';
import type { ExportRules, NamedRule } from '../../exports/export-rules.ts';
import { Fault } from '../../fault.ts';
import {
  NFS_BUCKET_NAMES_CACHED_MAX,
  NFS_HOST_NAMES_FRESH_MS,
  NFS_HOST_NAMES_RETRY_MS,
  NFS_PRIVILEGED_PORT_MAX,
} from '../../limits/nfs.ts';
import type { Clock, Log } from '../../environment.ts';
import type { Ino, ObjectStore } from '../../namespace/namespace.ts';
import { ClientMatch, hasCertificate } from './client-match.ts';
import { idMapOf } from './id-map.ts';
import { NameBook, type HostNames } from './host-names.ts';

const ROOT_BUCKET = 0;

export interface ExportsParts {
  readonly rules: Pick<ExportRules, 'list'>;
  readonly buckets: Pick<ObjectStore, 'buckets'>;
  readonly names: HostNames;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly log: Pick<Log, 'warn'>;
}

/** A rule with its clients ready to be asked. */
interface Prepared {
  readonly rule: ExportRule;
  readonly clients: ClientMatch;
}

/** A rule for a client. */
interface Fitting {
  readonly rule: ExportRule;
  /** Nobody can say whether it fits: nothing is allowed by it, nor by a rule that is less specific. */
  readonly isUnsure: boolean;
}

/** What was found of a client. */
interface Client {
  /** Made from this list: another one is a change of rules. */
  readonly from: readonly NamedRule[];
  /** On the monotonic clock: names of hosts may have changed then. */
  readonly until: number;
  /** The rules that fit but perhaps for their certificates, the most specific one of each bucket first. */
  readonly rules: readonly Fitting[];
  readonly byBucket: Map<Ino, Verdict>;
}

/** What rules say of a bucket to one client; 'too-weak': a certificate that it has not shown might help. */
type Verdict = ExportRule | 'too-weak' | undefined;

/**
 * Who may do what in which bucket. A rule fits when its bucket, its clients and its certificates do; of those that fit, the most
 * specific one holds: one that names the bucket before `*`, then one that names certificates, then the one that names
 * the client most closely (exports(5)); among equals one made at run time before the config, then the earlier one. If none fits,
 * nothing is allowed; nor by a rule for `*` where one that names the bucket would fit but for its certificates, nor by any where a more
 * specific one names a host by a name that nobody can look up now. What was found of a client is kept until rules change, or for as
 * long as names of hosts are.
 */
export class Exports {
  readonly #parts: ExportsParts;
  readonly #nameBook: NameBook;
  readonly #bucketNames = new Map<Ino, string>();
  /** A peer is one connection: what was found goes with it. */
  readonly #clients = new WeakMap<Peer, Client>();
  #prepared: readonly Prepared[] = [];
  #preparedFrom: readonly NamedRule[] | undefined;
  #asksForNames = false;
  #mapsIds = false;

  /** Faults: UsageError when a rule names a client that is none. */
  constructor(parts: ExportsParts) {
    this.#parts = parts;
    this.#nameBook = new NameBook(parts.names, parts);
    this.#prepare();
  }

  /** Whether any rule maps ids. */
  get mapsIds(): boolean {
    this.#prepare();
    return this.#mapsIds;
  }

  /**
   * The rule for a bucket by inode number, 0 being the root; `undefined`: no access. Faults: AuthRefused('AUTH_TOOWEAK') where a
   * certificate might give some.
   */
  async rule(peer: Peer, bucket: Ino): Promise<ExportRule | undefined> {
    const client = this.#known(peer) ?? (await this.#find(peer));
    const known = client.byBucket.get(bucket);
    const verdict = known === undefined ? await this.#judge(peer, client, bucket) : known;
    if (verdict === 'too-weak') throw new AuthRefused('AUTH_TOOWEAK');
    return verdict;
  }

  /**
   * The rule that locks in a bucket go by. Linux locks in clear text also where it reads and writes through TLS, so neither
   * certificates nor `sec` count; whoever locks has a handle, and gets no byte of content for it.
   */
  async lockRule(peer: Peer, bucket: Ino): Promise<ExportRule | undefined> {
    const name = bucket === ROOT_BUCKET ? '*' : await this.#nameOf(bucket);
    return name === undefined ? undefined : this.mountRule(peer, name);
  }

  /**
   * The rule that MNT of a bucket goes by; `undefined` as the name is the root. Clients mount in clear text before they have a reason
   * to begin TLS, so certificates do not count here; the handle that MNT gives away is worth nothing without them.
   */
  async mountRule(peer: Peer, bucket: string | undefined): Promise<ExportRule | undefined> {
    const { rules } = this.#known(peer) ?? (await this.#find(peer));
    const decides = ({ access, certificates }: ExportRule): boolean =>
      access !== 'none' || certificates.length === 0;
    const [first] = certain(rules.filter(({ rule }) => isFor(rule, bucket ?? '*') && decides(rule)));
    return effective(first);
  }

  /**
   * Whether what a peer says of its whole machine counts, and not of files in a bucket: from a port that any user may have only where
   * all rules that fit its address take such ports. Without a rule, too: the locks that it had shall not outlive the rule.
   */
  async mayRelease(peer: Peer): Promise<boolean> {
    const { rules } = this.#known(peer) ?? (await this.#find(peer));
    const letting = rules.filter(({ rule }) => rule.access !== 'none');
    return mayUsePort({ secure: letting.length === 0 || letting.some(({ rule }) => rule.secure) }, peer);
  }

  /** Who may mount what, for EXPORT: the root first when any rule covers it, then each bucket that anyone may mount. */
  async list(): Promise<readonly { readonly path: string; readonly clients: readonly string[] }[]> {
    const rows = (await this.#parts.buckets.buckets()).map(({ name }) => ({
      path: `/${name}`,
      clients: this.#clientsOf(name),
    }));
    return [{ path: '/', clients: this.#clientsOf('*') }, ...rows].filter(
      ({ clients }) => clients.length > 0,
    );
  }

  #clientsOf(bucket: string): readonly string[] {
    const fitting = this.#parts.rules
      .list()
      .filter(({ rule }) => isFor(rule, bucket) && rule.access !== 'none');
    return [...new Set(fitting.flatMap(({ rule }) => rule.clients))];
  }

  #prepare(): readonly Prepared[] {
    const list = this.#parts.rules.list();
    if (list === this.#preparedFrom) return this.#prepared;
    this.#prepared = list.map(({ rule }) => ({ rule, clients: new ClientMatch(rule.clients) }));
    this.#preparedFrom = list;
    this.#mapsIds = list.some(({ rule }) => idMapOf(rule) !== undefined);
    this.#asksForNames = this.#prepared.some(({ clients }) => clients.asksForNames);
    return this.#prepared;
  }

  #known(peer: Peer): Client | undefined {
    const known = this.#clients.get(peer);
    if (known?.from !== this.#parts.rules.list()) return undefined;
    return !this.#asksForNames || this.#parts.clock.monotonic() < known.until ? known : undefined;
  }

  async #find(peer: Peer): Promise<Client> {
    const from = this.#parts.rules.list();
    const rules = await this.#fitting(peer.address);
    const isUnsure = rules.some((fitting) => fitting.isUnsure);
    const keptMs = isUnsure ? NFS_HOST_NAMES_RETRY_MS : NFS_HOST_NAMES_FRESH_MS;
    const until = this.#parts.clock.monotonic() + keptMs;
    const client = { from, until, rules, byBucket: new Map<Ino, Verdict>() };
    this.#clients.set(peer, client);
    return client;
  }

  async #judge(peer: Peer, { rules, byBucket }: Client, bucket: Ino): Promise<Verdict> {
    const name = bucket === ROOT_BUCKET ? '*' : await this.#nameOf(bucket);
    if (name === undefined) return undefined;
    const verdict = verdictOf(
      rules.filter(({ rule }) => isFor(rule, name)),
      peer,
    );
    remember(byBucket, { key: bucket, value: verdict, entriesMax: NFS_BUCKET_NAMES_CACHED_MAX });
    return verdict;
  }

  async #fitting(address: string): Promise<readonly Fitting[]> {
    const plain = matchedAddress(address);
    const ranked: { readonly fitting: Fitting; readonly rank: readonly number[] }[] = [];
    for (const [index, { rule, clients }] of this.#prepare().entries()) {
      if (plain === '') continue;
      for (const { rank: closeness, isUnsure } of await clients.closeness(plain, this.#nameBook)) {
        const rank = [Number(rule.bucket !== '*'), Number(rule.certificates.length > 0), closeness, -index];
        ranked.push({ fitting: { rule, isUnsure }, rank });
      }
    }
    return ranked.sort((one, other) => compare(other.rank, one.rank)).map(({ fitting }) => fitting);
  }

  /** Buckets keep their names, and inode numbers are not reused: what was found once stays right. */
  async #nameOf(bucket: Ino): Promise<string | undefined> {
    const known = this.#bucketNames.get(bucket);
    if (known !== undefined) return known;
    const name = (await this.#parts.buckets.buckets()).find(({ ino }) => ino === bucket)?.name;
    if (name === undefined) return undefined;
    remember(this.#bucketNames, { key: bucket, value: name, entriesMax: NFS_BUCKET_NAMES_CACHED_MAX });
    return name;
  }
}

const isFor = ({ bucket }: ExportRule, name: string): boolean => bucket === '*' || bucket === name;
const effective = (found: Fitting | undefined): ExportRule | undefined =>
  found === undefined || found.isUnsure || found.rule.access === 'none' ? undefined : found.rule;

/** Where a rule fits in any case, and no other comes between, it does not matter how closely it does. */
const certain = (rules: readonly Fitting[]): readonly Fitting[] =>
  rules.filter(({ rule, isUnsure }, index) => !isUnsure || rules[index + 1]?.rule !== rule);

/** `rules` are for one bucket, the most specific one first. */
function verdictOf(rules: readonly Fitting[], peer: Peer): Verdict {
  const [found] = certain(rules.filter(({ rule }) => isShown(rule, peer)));
  const hidden = rules.find(({ rule }) => rule.access !== 'none' && !isShown(rule, peer))?.rule;
  const isAbove =
    hidden !== undefined && (found === undefined || (found.rule.bucket === '*' && hidden.bucket !== '*'));
  return isAbove ? 'too-weak' : effective(found);
}

const isShown = ({ certificates }: ExportRule, { tls }: Peer): boolean =>
  certificates.length === 0 || hasCertificate(certificates, tls?.certificate);

/** Without a zone and without the prefix of mapped addresses. */
function matchedAddress(address: string): string {
  const [withoutZone = ''] = address.split('%');
  return plainAddress(withoutZone);
}

function compare(one: readonly number[], other: readonly number[]): number {
  const index = one.findIndex((value, at) => value !== other[at]);
  return index < 0 ? 0 : one[index]! - other[index]!;
}

/** Faults: 'access-denied' for a port that any user could have, AuthRefused('AUTH_TOOWEAK') for too little security. */
export function requireSecurity(rule: ExportRule, peer: Peer): void {
  requirePort(rule, peer);
  const { sec } = rule;
  const { tls } = peer;
  if (
    tls === undefined ? sec.includes('sys') : sec.includes('tls') || (tls.certificate && sec.includes('mtls'))
  )
    return;
  throw new AuthRefused('AUTH_TOOWEAK');
}

/** Faults: 'access-denied'. */
export function requirePort(rule: ExportRule, { address, port }: Pick<Peer, 'address' | 'port'>): void {
  if (mayUsePort(rule, { port })) return;
  const detail = `${address} calls from port ${port}, which any user may have`;
  throw new Fault('access-denied', 'request', detail);
}

export const mayUsePort = ({ secure }: Pick<ExportRule, 'secure'>, { port }: Pick<Peer, 'port'>): boolean =>
  !secure || port <= NFS_PRIVILEGED_PORT_MAX;

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
