/** A value that a policy variable stands for; `undefined`: the request has none. */
export type Lookup = (key: string) => readonly string[] | undefined;

/** A text of a policy with wildcards and variables, taken apart once. */
export interface Pattern {
  /** As the policy has it. */
  readonly text: string;
  /** What stands between the stars; one more than there are stars. */
  readonly segments: readonly Segment[];
  /** Lower-case names of the variables in it. */
  readonly variables: readonly string[];
}

/** A run without stars: its text, and where in it any character will do. */
interface Run {
  readonly text: string;
  readonly anywhere: readonly number[];
}

interface Variable {
  readonly name: string;
  readonly fallback: string | undefined;
}

type Segment = readonly (Run | Variable)[];

export interface PatternRules {
  /** `*` and `?` stand for others. */
  readonly hasWildcards: boolean;
  /** `${…}` stands for a value of the request: policies of version 2012-10-17. */
  readonly hasVariables: boolean;
}

/** IAM User Guide, "Policy variables": `${name}`, `${name, 'default'}`, and `${*}`, `${?}`, `${$}` for the characters. */
const variableForm = /\$\{([*?$]|[^${}]*)\}/y;
const nameAndDefault = /^\s*([^\s,']+)\s*(?:,\s*'([^']*)'\s*)?$/;
const isEscape: ReadonlySet<string> = new Set(['*', '?', '$']);

/** Never fails: what is no variable is text. */
export function compilePattern(text: string, rules: PatternRules): Pattern {
  const segments: (Run | Variable)[][] = [[]];
  const variables: string[] = [];
  let run = '';
  let anywhere: number[] = [];
  const cut = (): void => {
    if (run !== '') segments.at(-1)?.push({ text: run, anywhere });
    run = '';
    anywhere = [];
  };
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at] as string;
    const found = char === '$' && rules.hasVariables ? variableAt(text, at) : undefined;
    if (found !== undefined) {
      at += found.length - 1;
      if (typeof found.stands === 'string') run += found.stands;
      else {
        cut();
        segments.at(-1)?.push(found.stands);
        variables.push(found.stands.name);
      }
    } else if (char === '*' && rules.hasWildcards) {
      cut();
      segments.push([]);
    } else {
      if (char === '?' && rules.hasWildcards) anywhere.push(run.length);
      run += char;
    }
  }
  cut();
  return { text, segments, variables };
}

function variableAt(
  text: string,
  at: number,
): { readonly length: number; readonly stands: string | Variable } | undefined {
  variableForm.lastIndex = at;
  const [whole, inner = ''] = variableForm.exec(text) ?? [];
  if (whole === undefined) return undefined;
  if (isEscape.has(inner)) return { length: whole.length, stands: inner };
  const [, name, fallback] = nameAndDefault.exec(inner) ?? [];
  if (name === undefined) return undefined;
  return { length: whole.length, stands: { name: name.toLowerCase(), fallback } };
}

/**
 * Does the whole text fit? Runs are searched from left to right, each once: the first place that fits is as good as any
 * later one, so nothing is tried again, and without `?` the cost is linear. A variable without a value fits nothing.
 */
export function matches({ segments }: Pattern, text: string, lookup: Lookup): boolean {
  const runs: Run[] = [];
  for (const segment of segments) {
    const run = runOf(segment, lookup);
    if (run === undefined) return false;
    runs.push(run);
  }
  const first = runs[0] as Run;
  if (runs.length === 1) return text.length === first.text.length && fits(first, text, 0);
  const last = runs.at(-1) as Run;
  const end = text.length - last.text.length;
  let from = first.text.length;
  if (end < from || !fits(first, text, 0) || !fits(last, text, end)) return false;
  for (const run of runs.slice(1, -1)) {
    const at = find(run, text, { from, end });
    if (at < 0) return false;
    from = at + run.text.length;
  }
  return true;
}

const empty: Run = { text: '', anywhere: [] };

/** A segment as one run, with the values of its variables, in which wildcards are plain characters. */
function runOf(segment: Segment, lookup: Lookup): Run | undefined {
  const [first = empty] = segment;
  if (segment.length <= 1 && 'text' in first) return first;
  let text = '';
  const anywhere: number[] = [];
  for (const piece of segment) {
    if ('text' in piece) {
      for (const index of piece.anywhere) anywhere.push(text.length + index);
      text += piece.text;
      continue;
    }
    const values = lookup(piece.name);
    const value = values?.length === 1 ? values[0] : piece.fallback;
    if (value === undefined) return undefined;
    text += value;
  }
  return { text, anywhere };
}

/** Where the run fits, between `from` and `end`; -1: nowhere. */
function find(run: Run, text: string, { from, end }: { from: number; end: number }): number {
  const last = end - run.text.length;
  if (run.anywhere.length === 0) {
    const at = text.indexOf(run.text, from);
    return at > last ? -1 : at;
  }
  for (let at = from; at <= last; at += 1) if (fits(run, text, at)) return at;
  return -1;
}

function fits({ text: wanted, anywhere }: Run, text: string, at: number): boolean {
  let from = 0;
  for (const hole of anywhere) {
    if (!text.startsWith(wanted.slice(from, hole), at + from)) return false;
    from = hole + 1;
  }
  return text.startsWith(from === 0 ? wanted : wanted.slice(from), at + from);
}
