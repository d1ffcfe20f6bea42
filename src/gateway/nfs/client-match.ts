import { BlockList, isIPv6 } from 'node:net';
import { parseClient, type ExportClient } from '../../config/export-client.ts';
import type { PeerCertificate } from 'nfs-server-ts/peer';
import type { NameBook } from './host-names.ts';

/** exports(5): a host before networks, the longer prefix before the shorter, then patterns, then everyone. */
const RANK = { host: 1_000, network: 100, pattern: 50, everyone: 0 } as const;
const V6_BITS = 128;
const V4_BITS = 32;

interface Network {
  readonly rank: number;
  readonly list: BlockList;
}

export interface Closeness {
  /** Greater is closer; >= 0. */
  readonly rank: number;
  /** Nobody can say whether the rule names the address so closely, but it may. */
  readonly isUnsure: boolean;
}

/** The clients of one rule. */
export class ClientMatch {
  /** Longest prefix first. */
  readonly #networks: readonly Network[];
  readonly #others: readonly Exclude<ExportClient, { kind: 'network' }>[];

  /** Faults: UsageError for a text that names no client. */
  constructor(clients: readonly string[]) {
    const parsed = clients.map(parseClient);
    const byRank = new Map<number, BlockList>();
    for (const client of parsed) {
      if (client.kind !== 'network') continue;
      const list = byRank.get(rankOf(client)) ?? new BlockList();
      byRank.set(rankOf(client), list);
      list.addSubnet(client.address, client.bits, familyOf(client.address));
    }
    this.#networks = [...byRank]
      .map(([rank, list]) => ({ rank, list }))
      .sort((one, other) => other.rank - one.rank);
    this.#others = parsed.filter((client) => client.kind !== 'network');
  }

  /** How closely the rule names the address, the closest first. Empty: not at all. */
  async closeness(address: string, names: NameBook): Promise<readonly Closeness[]> {
    const network = this.#networks.find(({ list }) => list.check(address, familyOf(address)))?.rank;
    let sure = network;
    let unsure: number | undefined;
    for (const client of this.#others) {
      const rank = RANK[client.kind];
      if (sure !== undefined && rank <= sure) continue;
      const found = await isIn(client, address, names);
      if (found === true) sure = rank;
      if (found === undefined) unsure = Math.max(unsure ?? rank, rank);
    }
    const ranks: Closeness[] = [];
    if (unsure !== undefined && (sure === undefined || unsure > sure))
      ranks.push({ rank: unsure, isUnsure: true });
    if (sure !== undefined) ranks.push({ rank: sure, isUnsure: false });
    return ranks;
  }

  /** Whether the rank depends on what somebody else says and may change. */
  get asksForNames(): boolean {
    return this.#others.some(({ kind }) => kind !== 'everyone');
  }
}

async function isIn(
  client: Exclude<ExportClient, { kind: 'network' }>,
  address: string,
  names: NameBook,
): Promise<boolean | undefined> {
  switch (client.kind) {
    case 'everyone':
      return true;
    case 'host':
      return names.hasName(address, client.name);
    case 'pattern':
      return names.hasNameLike(address, client.matches);
  }
}

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIPv6(address) ? 'ipv6' : 'ipv4');

function rankOf({ address, bits }: Extract<ExportClient, { kind: 'network' }>): number {
  const bitsMax = isIPv6(address) ? V6_BITS : V4_BITS;
  return bits === bitsMax ? RANK.host : RANK.network + bits;
}

const fingerprint = /^([0-9a-f]{2}:?){31}[0-9a-f]{2}$/i;

/** Whether a rule that asks for these certificates means this one. */
export function hasCertificate(wanted: readonly string[], certificate: PeerCertificate | undefined): boolean {
  if (certificate === undefined) return false;
  const names = certificate.names.map((name) => name.toLowerCase());
  return wanted.some((text) => {
    if (fingerprint.test(text)) return text.replace(/:/g, '').toLowerCase() === certificate.fingerprint;
    const name = text.toLowerCase();
    return names.some(
      (it) => it === name || (name.startsWith('*.') && afterFirstLabel(it) === name.slice(1)),
    );
  });
}

/** RFC 6125 §6.4.3: a star stands for one label. */
function afterFirstLabel(name: string): string | undefined {
  const dot = name.indexOf('.');
  return dot <= 0 ? undefined : name.slice(dot);
}
