import type { Entry, KeyRange, Value } from '../../kv/kv.ts';
import { AUDIT_CHUNKS_MAX, COLLECT_ROWS } from '../../limits/tiering.ts';
import { decodeCounts, encodeCounts } from '../counts.ts';
import type { ChunkParts } from './parts.ts';
import { decodeChunk, decodeRecipe, heldBy, type ChunkRow } from './records.ts';
import { fingerprintOfReferencesKey, type FingerprintText } from './tables.ts';

/** How many values the first two bytes of a fingerprint have. */
const prefixes = 65_536;

interface Pass {
  /** The second pass counts only what the first one found wrong. */
  readonly isSecond: boolean;
  /** How many recipes and deltas name each chunk, as far as they were read. */
  readonly counts: Map<FingerprintText, number>;
  /** What is still to be read of them, the tables in their order. */
  unread: readonly Unread[];
}

interface Unread {
  readonly range: KeyRange;
  /** The chunks that a row names. */
  readonly named: (row: Value) => Iterable<FingerprintText>;
}

/**
 * Compares the references of chunks with the recipes, and the deltas, that name them: share by share of the fingerprints, so that memory is
 * bounded, and each share by one pass over all recipes and rows of chunks. They agree, since both are written by the same transactions; should a
 * mistake ever part them, a count that is too low is raised when two passes have found the same and nobody has touched it since
 * before the first. One that is too high is only reported: it costs space, and to lower it by another mistake would cost content.
 */
export class Audit {
  readonly #parts: ChunkParts;
  #share = 0;
  #shares = 1;
  #pass: Pass | undefined;

  constructor(parts: ChunkParts) {
    this.#parts = parts;
  }

  /** One page; false at the end of a round. */
  async step(): Promise<boolean> {
    const { usage, touched } = this.#parts;
    if (this.#pass === undefined) {
      if (this.#share === 0) this.#shares = sharesFor(usage.now().chunks);
      touched.begin();
      this.#pass = { isSecond: false, counts: new Map(), unread: this.#tables() };
    }
    const [unread] = this.#pass.unread;
    if (unread !== undefined) await this.#count(this.#pass, unread);
    else if (!(await this.#judge(this.#pass))) return this.#nextShare();
    return true;
  }

  #nextShare(): boolean {
    this.#pass = undefined;
    this.#parts.touched.end();
    this.#share = (this.#share + 1) % this.#shares;
    return this.#share > 0;
  }

  /** Where no chunk is a delta, rows of chunks need not be read: one that becomes one meanwhile touches its base. */
  #tables(): readonly Unread[] {
    const { tables, usage } = this.#parts;
    const recipes = {
      range: tables.recipes(undefined),
      named: (row: Value) => heldBy(decodeRecipe(row)),
    };
    const chunks = { range: tables.chunks(undefined), named: (row: Value) => basesOf(decodeChunk(row)) };
    return usage.now().deltas === 0 ? [recipes] : [recipes, chunks];
  }

  async #count(pass: Pass, { range, named }: Unread): Promise<void> {
    const page = await firstOf(this.#parts.kv.scan(range, { pageEntries: COLLECT_ROWS }));
    const last = page.at(-1);
    const later = pass.unread.slice(1);
    if (last === undefined) {
      pass.unread = later;
      return;
    }
    for (const { value } of page) {
      for (const fingerprint of named(value)) {
        if (!this.#isCounted(pass, fingerprint)) continue;
        pass.counts.set(fingerprint, (pass.counts.get(fingerprint) ?? 0) + 1);
      }
    }
    const start = Buffer.concat([last.key, Uint8Array.of(0)]);
    pass.unread = [{ range: { ...range, start }, named }, ...later];
  }

  /** Of the first two bytes of the fingerprints of this share. */
  #bounds(): { readonly first: number; readonly end: number } {
    const width = prefixes / this.#shares;
    return { first: this.#share * width, end: (this.#share + 1) * width };
  }

  #isCounted({ isSecond, counts }: Pass, fingerprint: FingerprintText): boolean {
    if (isSecond) return counts.has(fingerprint);
    const { first, end } = this.#bounds();
    const prefix = fingerprint.charCodeAt(0) * 256 + fingerprint.charCodeAt(1);
    return prefix >= first && prefix < end;
  }

  /** True when a second pass is needed. */
  async #judge({ isSecond, counts }: Pass): Promise<boolean> {
    const wrong = await this.#wrong({ isSecond, counts });
    if (isSecond) {
      for (const fingerprint of wrong) await this.#repair(fingerprint, counts.get(fingerprint) ?? 0);
      return false;
    }
    if (wrong.length === 0) return false;
    const zeros = wrong.map((fingerprint) => [fingerprint, 0] as const);
    this.#pass = { isSecond: true, counts: new Map(zeros), unread: this.#tables() };
    return true;
  }

  /** What was counted, and what has references without having been counted. */
  async #wrong({ isSecond, counts }: Pick<Pass, 'isSecond' | 'counts'>): Promise<FingerprintText[]> {
    const { kv, tables, touched } = this.#parts;
    const wrong: FingerprintText[] = [];
    const compare = async (some: readonly FingerprintText[]): Promise<void> => {
      const rows = await kv.getMany(some.map(tables.references));
      const isWrong = (fingerprint: FingerprintText, index: number): boolean =>
        !touched.has(fingerprint) && decodeCounts(rows[index], 1)[0] !== (counts.get(fingerprint) ?? 0);
      wrong.push(...some.filter(isWrong));
    };
    const counted = [...counts.keys()];
    for (let at = 0; at < counted.length; at += COLLECT_ROWS) {
      await compare(counted.slice(at, at + COLLECT_ROWS));
    }
    if (isSecond) return wrong;
    const { first, end } = this.#bounds();
    const range = tables.referencesWithin(first, end);
    for await (const page of kv.scan(range, { pageEntries: COLLECT_ROWS })) {
      const uncounted = page
        .map(({ key }) => fingerprintOfReferencesKey(key))
        .filter((fingerprint) => !counts.has(fingerprint));
      await compare(uncounted);
    }
    return wrong;
  }

  async #repair(fingerprint: FingerprintText, count: number): Promise<void> {
    const { kv, tables, touched, environment, tier } = this.#parts;
    const key = tables.references(fingerprint);
    await kv.transact('buffered', async (tx) => {
      const [found] = decodeCounts(await tx.get(key), 1);
      if (touched.has(fingerprint) || found === undefined) return;
      if (found < count) tx.put(key, encodeCounts([count]));
      const event =
        found < count
          ? 'references of a chunk were counted too low'
          : 'a chunk has references that nothing holds';
      tx.whenCommitted(() => environment.log.error(event, { tier, found, count }));
    });
  }
}

const basesOf = ({ base }: ChunkRow): readonly FingerprintText[] => (base === undefined ? [] : [base]);

function sharesFor(chunks: number): number {
  let shares = 1;
  while (shares < prefixes && chunks / shares > AUDIT_CHUNKS_MAX) shares *= 2;
  return shares;
}

async function firstOf(pages: AsyncIterable<readonly Entry[]>): Promise<readonly Entry[]> {
  for await (const page of pages) return page;
  return [];
}
