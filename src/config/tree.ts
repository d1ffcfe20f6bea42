/** Settings by name, groups within groups, as a config file holds them. */
export type Tree = Record<string, unknown>;

/** A config file that has been read. */
export interface ConfigFile {
  readonly name: string;
  readonly tree: Readonly<Tree>;
}

export const isTree = (value: unknown): value is Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
