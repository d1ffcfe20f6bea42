import assert from 'node:assert/strict';

/**
 * Keys and their contents. Of each key every content that a crash may leave, in the order of the writes: first the
 * durable one, last the one that everybody sees.
 */
export type Files = ReadonlyMap<string, readonly string[]>;

/** What one actor knows about its own files: all it was told, and what it has asked for and not heard of yet. */
export class Ledger {
  #files: Files = new Map();
  #asked: Files | undefined;

  keys(): readonly string[] {
    return [...this.#files.keys()];
  }

  has(key: string): boolean {
    return this.#files.has(key);
  }

  /** What everybody sees. */
  content(key: string): string {
    const last = this.#files.get(key)?.at(-1);
    assert(last !== undefined);
    return last;
  }

  /** Runs `operation`, which makes `after` of what is there: wholly or not at all. */
  async perform(after: Files, operation: () => Promise<unknown>): Promise<void> {
    this.#asked = after;
    await operation();
    this.#files = after;
    this.#asked = undefined;
  }

  /** The operation under way had no effect. */
  failed(): void {
    this.#asked = undefined;
  }

  /** The operation under way has failed: `found` says whether it had an effect, wholly or not at all. */
  settle(found: ReadonlyMap<string, string>): void {
    const asked = this.#asked;
    this.#asked = undefined;
    if (difference(seenOf(this.#files), found) === '') return;
    const problem = asked === undefined ? 'nothing was asked' : difference(seenOf(asked), found);
    assert(problem === '', `after an operation that has failed: ${problem}`);
    assert(asked !== undefined);
    this.#files = asked;
  }

  with(key: string, contents: readonly string[]): Files {
    return new Map([...this.#files, [key, contents]]);
  }

  without(key: string): Files {
    return new Map([...this.#files].filter(([each]) => each !== key));
  }

  written(key: string, content: string): Files {
    return this.with(key, [...(this.#files.get(key) ?? []), content]);
  }

  /** A file under another name keeps what it holds, and what of it a crash may still take. */
  moved(rename: (key: string) => string): Files {
    const replaced = new Set(
      this.keys()
        .filter((key) => rename(key) !== key)
        .map(rename),
    );
    const entries = [...this.#files].filter(([key]) => rename(key) !== key || !replaced.has(key));
    return new Map(entries.map(([key, contents]) => [rename(key), contents]));
  }

  /** Faults when `found` is not what a crash may have left; from then on it is the truth. */
  recover(found: ReadonlyMap<string, string>): void {
    const problems = [this.#files, this.#asked].map((files) => files && difference(files, found));
    const isRight = problems.some((problem) => problem === '');
    assert(isRight, `after the crash: ${problems.join('; with the operation under way: ')}`);
    this.#files = new Map([...found].map(([key, content]) => [key, [content]]));
    this.#asked = undefined;
  }
}

/** What everybody sees of files. */
const seenOf = (files: Files): Files =>
  new Map([...files].map(([key, contents]) => [key, contents.slice(-1)]));

function difference(files: Files, found: ReadonlyMap<string, string>): string {
  for (const [key, contents] of files) {
    const there = found.get(key);
    if (there === undefined) return `${key} is lost`;
    if (!contents.includes(there)) {
      return `${key} has ${JSON.stringify(there)}, not one of ${JSON.stringify(contents)}`;
    }
  }
  for (const key of found.keys()) if (!files.has(key)) return `${key} should not be there`;
  return '';
}
