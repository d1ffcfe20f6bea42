import { NATIVE_CHANGED_TOLD_MAX } from '../../limits/tiering.ts';

/** Keys in the cold store under which lies what others have put there, as far as they have been met since the start. */
export class ChangedOutside {
  readonly #keys = new Set<string>();
  /** Of those, what of ours was there, and is nowhere else. */
  readonly #lost = new Set<string>();

  add(key: string): void {
    if (this.#keys.size < NATIVE_CHANGED_TOLD_MAX) this.#keys.add(key);
  }

  /** A read has looked for content there in vain. */
  addLost(key: string): void {
    this.add(key);
    if (this.#lost.size < NATIVE_CHANGED_TOLD_MAX) this.#lost.add(key);
  }

  /** What lies there is ours again, or nothing is. */
  delete(key: string): void {
    this.#keys.delete(key);
    this.#lost.delete(key);
  }

  list(): readonly string[] {
    return [...this.#keys].sort();
  }

  lost(): readonly string[] {
    return [...this.#lost].sort();
  }
}
