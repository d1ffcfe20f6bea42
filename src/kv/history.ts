import { SortedTexts } from './sorted-texts.ts';
import type { KeyText, TextRange } from './key-text.ts';
import type { Write } from './engine.ts';
import type { Key, Value } from './kv.ts';

/** A committed transaction on its way to the engine, and after that for as long as older readers are about. */
export interface Commit {
  readonly sequence: number;
  readonly bytes: number;
  /**
   * What must be durable before anybody may act on this commit: the commit itself when it is a durable one, else the
   * newest durable one that it had read.
   */
  readonly basis: Commit | undefined;
  /** Resolves when this and every earlier commit is written (and durable, if it is a durable one). */
  readonly landing: Promise<void>;
  hasLanded: boolean;
}

export interface Row {
  readonly key: Key;
  /** `undefined`: deleted. */
  readonly value: Value | undefined;
  readonly commit: Commit;
}

interface Episode {
  readonly commit: Commit;
  readonly texts: readonly KeyText[];
}

/** What V8 keeps for one row beside its bytes. */
const ROW_OVERHEAD_BYTES = 256;

/**
 * The newest row of every key that was written by a recent commit. It serves two ends at once. It lies over the engine,
 * so that a commit is visible before the engine has it; and it tells whether a key or a range was written after a
 * reader started. A commit leaves when the engine has it and no reader is older than it.
 */
export class History {
  readonly #rows = new Map<KeyText, Row>();
  readonly #order = new SortedTexts();
  /** Texts that have come and gone since `#order` was looked at: most come and go without anybody scanning. */
  readonly #came = new Set<KeyText>();
  readonly #went = new Set<KeyText>();
  readonly #episodes: Episode[] = [];
  readonly #bytesMax: number;
  #bytes = 0;
  #floor = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Readers that started before this sequence cannot be checked any more: they start again. */
  get floor(): number {
    return this.#floor;
  }

  find(text: KeyText): Row | undefined {
    return this.#rows.get(text);
  }

  /** In ascending order of keys. */
  within(range: TextRange): readonly Row[] {
    this.#sort();
    return this.#order.within(range).map((text) => this.#rows.get(text) as Row);
  }

  append(commit: Commit, written: ReadonlyMap<KeyText, Write>): void {
    const texts: KeyText[] = [];
    for (const [text, { key, value }] of written) {
      if (!this.#rows.has(text) && !this.#went.delete(text)) this.#came.add(text);
      this.#rows.set(text, { key, value, commit });
      texts.push(text);
    }
    this.#episodes.push({ commit, texts });
    this.#bytes += weight(commit, texts.length);
  }

  /** Forgets what no reader needs; `oldest` is the least start of the readers about. */
  prune(oldest: number): void {
    let count = 0;
    for (const { commit, texts } of this.#episodes) {
      if (!commit.hasLanded || (commit.sequence > oldest && this.#bytes <= this.#bytesMax)) break;
      if (commit.sequence > oldest) this.#floor = commit.sequence;
      for (const text of texts) {
        if (this.#rows.get(text)?.commit !== commit) continue;
        this.#rows.delete(text);
        if (!this.#came.delete(text)) this.#went.add(text);
      }
      this.#bytes -= weight(commit, texts.length);
      count += 1;
    }
    if (count === 0) return;
    this.#episodes.splice(0, count);
  }

  #sort(): void {
    if (this.#went.size > 0) this.#order.remove([...this.#went]);
    this.#went.clear();
    if (this.#came.size > 0) this.#order.insert([...this.#came]);
    this.#came.clear();
  }
}

function weight(commit: Commit, rowCount: number): number {
  return commit.bytes + rowCount * ROW_OVERHEAD_BYTES;
}
