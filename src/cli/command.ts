import type { Config } from '../config.ts';
import type { Clock, Environment } from '../environment.ts';
import type { OpenGateway } from '../gateway/gateway.ts';

/** What the program sees of the process; main.ts gives the real one, tests their own. */
export interface Cli {
  readonly version: string;
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** One line on standard output. */
  out(line: string): void;
  /** One line on standard error. */
  error(line: string): void;
  /** Shows how far long work is, in one line that the next one replaces; nothing where nobody looks. `undefined`: it is over. */
  progress(line: string | undefined): void;
  /** Calls `listener` at each SIGINT and SIGTERM from now on. */
  onSignal(listener: (name: string) => void): void;
  /** Ends the process at once. */
  exit(code: number): void;
  environment(log: Config['log']): Environment;
  readonly openGateway: OpenGateway;
}

export interface Flag {
  /** With its dashes. */
  readonly name: string;
  /** What stands for its value in help; absent: the flag has none. */
  readonly placeholder?: string;
  /** It may be given several times: its values are joined with commas. */
  readonly isList?: boolean;
  readonly description: string;
}

/** One command: a row of the table in commands.ts. */
export interface Command {
  /** One or more words. */
  readonly name: string;
  /** What stands behind the name without a flag, in capitals; each must be given. */
  readonly operands?: readonly string[];
  readonly summary: string;
  readonly flags: readonly Flag[];
  /** Lines under the flags in its help. */
  readonly notes: readonly string[];
  /** Resolves to the exit code. UsageError and Fault become one sentence on standard error. */
  run(cli: Cli, flags: ReadonlyMap<string, string>, operands: readonly string[]): Promise<number>;
}
