import type { OpenFile } from './open-files.ts';

/** Files by what they hold, in classes of which each holds up to twice as much as the one below: nobody has to look at all. */
export class WeightClasses {
  readonly #classes: Set<OpenFile>[] = [];

  /** To be called with every change; 0: not at all. */
  move(file: OpenFile, before: number, after: number): void {
    const [from, to] = [classOf(before), classOf(after)];
    if (from === to) return;
    if (from >= 0) this.#classes[from]?.delete(file);
    if (to < 0) return;
    while (this.#classes.length <= to) this.#classes.push(new Set());
    this.#classes[to]?.add(file);
  }

  /** One that holds at least half as much as any other. */
  heaviest(except: ReadonlySet<OpenFile>): OpenFile | undefined {
    for (let index = this.#classes.length - 1; index >= 0; index -= 1) {
      for (const file of this.#classes[index] ?? []) if (!except.has(file)) return file;
    }
    return undefined;
  }
}

/** Of a whole number below 2^31; -1 for none. */
const classOf = (weight: number): number => (weight <= 0 ? -1 : 31 - Math.clz32(weight));
