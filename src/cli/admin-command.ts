import type { Static, TSchema } from '@sinclair/typebox';
import { adminFlag, askAdmin, callAdmin, jsonFlag, printAnswer, type AdminRequest } from './admin-call.ts';
import type { Command, Flag } from './command.ts';
import { untilOver, waitFlag } from './wait.ts';

type Flags = ReadonlyMap<string, string>;
type Operands = readonly string[];

interface Described extends Pick<Command, 'name' | 'operands' | 'summary' | 'notes'> {
  /** Those of its own: they stand before what all such commands have. */
  readonly flags?: readonly Flag[];
}

interface Asking<Schema extends TSchema> extends Described {
  /** What the gateway answers. */
  readonly schema: Schema;
  readonly request: (operands: Operands, flags: Flags) => AdminRequest | Promise<AdminRequest>;
  /** The answer for people; `--json` prints it as it is. */
  readonly lines: (answer: Static<Schema>, operands: Operands) => Iterable<string>;
  /** The answer is bad news: the exit code is 1. */
  readonly isBad?: (answer: Static<Schema>) => boolean;
}

/** A command that asks the gateway once and prints the answer. */
export const asking = <Schema extends TSchema>(it: Asking<Schema>): Command => ({
  ...described(it, [jsonFlag, adminFlag]),
  async run(cli, flags, operands) {
    const answer = await askAdmin(cli, flags, it.schema, await it.request(operands, flags));
    printAnswer(cli, flags, answer, it.lines(answer, operands));
    return it.isBad?.(answer) === true ? 1 : 0;
  },
});

interface Telling extends Described {
  readonly request: (operands: Operands) => AdminRequest | Promise<AdminRequest>;
  /** What is said when it is done. */
  readonly done: (operands: Operands) => string;
  /** What `--json` prints, as the gateway answers nothing; absent: the command has no `--json`. */
  readonly json?: (operands: Operands) => object;
}

/** A command that tells the gateway to do something at once. */
export const telling = (it: Telling): Command => ({
  ...described(it, it.json === undefined ? [adminFlag] : [jsonFlag, adminFlag]),
  async run(cli, flags, operands) {
    await callAdmin(cli, flags, await it.request(operands));
    return printAnswer(cli, flags, it.json?.(operands), [it.done(operands)]);
  },
});

interface Ordering<Schema extends TSchema> extends Asking<Schema> {
  /** Asks how far it is; `first` is the answer of `request`. */
  readonly soFar: (ask: Ask, first: Static<Schema>) => Promise<Static<Schema>>;
  readonly isOver: (answer: Static<Schema>, operands: Operands) => boolean;
  /** What a terminal shows meanwhile. */
  readonly progress: (answer: Static<Schema>, operands: Operands) => string;
  /** What is said without `--wait`. Default: `lines`. */
  readonly begun?: (operands: Operands) => string;
}

/** `askAdmin` of one command line. */
type Ask = <Schema extends TSchema>(schema: Schema, request: AdminRequest) => Promise<Static<Schema>>;

/** A command that orders work, and waits for its end when told so: only then can the answer be bad news. */
export const ordering = <Schema extends TSchema>(it: Ordering<Schema>): Command => ({
  ...described(it, [waitFlag, jsonFlag, adminFlag]),
  async run(cli, flags, operands) {
    const ask: Ask = (schema, request) => askAdmin(cli, flags, schema, request);
    const first = await ask(it.schema, await it.request(operands, flags));
    if (!flags.has('--wait')) {
      const lines = it.begun === undefined ? it.lines(first, operands) : [it.begun(operands)];
      return printAnswer(cli, flags, first, lines);
    }
    const answer = await untilOver(cli, {
      ask: () => it.soFar(ask, first),
      isOver: (now) => it.isOver(now, operands),
      line: (now) => it.progress(now, operands),
    });
    printAnswer(cli, flags, answer, it.lines(answer, operands));
    return it.isBad?.(answer) === true ? 1 : 0;
  },
});

const described = (
  { name, operands, summary, notes, flags = [] }: Described,
  shared: readonly Flag[],
): Omit<Command, 'run'> => ({
  ...{ name, summary, notes, flags: [...flags, ...shared] },
  ...(operands !== undefined && { operands }),
});
