import { FORGOTTEN_FILES_MAX } from '../limits.ts';
import type { Ino } from './namespace.ts';

/**
 * Which files have ceased to be dirty lately. Who reads rows of the store and then asks what is dirty would miss what was
 * written out in between: it belongs to neither.
 */
export class ForgottenFiles {
  /** The newest of them: a ring. */
  readonly #inos: Ino[] = [];
  #count = 0;

  note(ino: Ino): void {
    this.#inos[this.#count % FORGOTTEN_FILES_MAX] = ino;
    this.#count += 1;
  }

  /** The present moment, for `since`. */
  mark(): number {
    return this.#count;
  }

  /** Those noted after the moment of `mark`; `undefined`: too many to say which. */
  since(mark: number): ReadonlySet<Ino> | undefined {
    if (this.#count - mark > FORGOTTEN_FILES_MAX) return undefined;
    const inos = new Set<Ino>();
    for (let index = mark; index < this.#count; index += 1)
      inos.add(this.#inos[index % FORGOTTEN_FILES_MAX] as Ino);
    return inos;
  }
}
