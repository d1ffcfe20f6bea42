import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { within } from '../../bench/programs.ts';

export const rootKeys = { accessKeyId: 'crashes', secretAccessKey: 'only-for-these-crashes' } as const;

const startMsMax = 60_000;
const stopMsMax = 60_000;

/** Where the doors of a gateway listen. */
export interface Addresses {
  readonly s3: number;
  readonly nfs: number;
  readonly admin: number;
}
const anyPorts: Addresses = { s3: 0, nfs: 0, admin: 0 };

/** The real program in a directory of its own, started and killed many times. */
export class GatewayProcess {
  readonly log: string;
  readonly #directory: string;
  readonly #at: 'free ports' | 'the same ports';
  readonly #flags: readonly string[];
  #child: ChildProcess | undefined;
  #ended: Promise<unknown> = Promise.resolve();
  #addresses = anyPorts;

  /**
   * `at`: whether each start takes free ports, or those of the first one, where others know it by its URL: while it is down,
   * somebody else may be given them.
   */
  constructor(
    directory: string,
    { at, flags }: { readonly at: 'free ports' | 'the same ports'; readonly flags: readonly string[] },
  ) {
    this.#at = at;
    this.#directory = directory;
    this.#flags = flags;
    this.log = path.join(directory, 'log');
  }

  get addresses(): Addresses {
    return this.#addresses;
  }
  get endpoint(): string {
    return `http://127.0.0.1:${this.#addresses.s3}`;
  }

  /** Resolves when all doors answer, with the milliseconds that took. */
  async start(): Promise<number> {
    const before = performance.now();
    const line = await within(startMsMax, 'the gateway did not become ready', this.#spawn());
    const port = (door: string): number => Number(new RegExp(`${door}=\\S*:(\\d+)(?: |$)`).exec(line)?.[1]);
    this.#addresses = { s3: port('s3'), nfs: port('nfs'), admin: port('admin') };
    return performance.now() - before;
  }

  /** Starts and kills it after `ms`, ready or not. */
  async startAndKill(ms: number): Promise<void> {
    const line = this.#spawn();
    line.catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, ms));
    if (this.#child?.exitCode !== null) throw new Error('the gateway ended by itself while it started');
    await this.kill();
  }

  /** Has it ended although nobody asked for it? */
  hasEnded(): boolean {
    return this.#child === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** As power loss looks to the process. */
  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#ended;
    this.#child = undefined;
  }

  /** A clean stop: its exit code. */
  async stop(): Promise<number | null> {
    const child = this.#child;
    child?.kill('SIGTERM');
    await within(stopMsMax, 'the gateway did not stop', this.#ended);
    this.#child = undefined;
    return child?.exitCode ?? null;
  }

  /** What it has logged as errors, over all of its lives. */
  errors(): readonly string[] {
    return readFileSync(this.log, 'utf8')
      .split('\n')
      .filter((line) => line.includes('"level":"error"'));
  }

  /** Its ready line. */
  #spawn(): Promise<string> {
    const ports = this.#at === 'free ports' ? anyPorts : this.#addresses;
    const addresses = (['s3', 'nfs', 'admin'] as const).flatMap((door) => [
      `--${door}`,
      `127.0.0.1:${ports[door]}`,
    ]);
    const program = ['--require', './bin/threads.cjs', 'dist/src/main.js', 'serve'];
    const inherited = Object.entries(process.env).filter(([name]) => !/^(?:TERRACE_|AWS_)/.test(name));
    const env = {
      ...Object.fromEntries(inherited),
      TERRACE_ROOT_ACCESS_KEY: rootKeys.accessKeyId,
      TERRACE_ROOT_SECRET_KEY: rootKeys.secretAccessKey,
      TERRACE_COLD_ACCESS_KEY_ID: rootKeys.accessKeyId,
      TERRACE_COLD_SECRET_ACCESS_KEY: rootKeys.secretAccessKey,
      TERRACE_LOG_LEVEL: 'warn',
      TERRACE_LOG_FORMAT: 'json',
    };
    const log = openSync(this.log, 'a');
    const data = ['--data', path.join(this.#directory, 'data')];
    const child = spawn(process.execPath, [...program, ...data, ...addresses, ...this.#flags], {
      env,
      stdio: ['ignore', 'pipe', log],
    });
    closeSync(log);
    this.#child = child;
    this.#ended = new Promise((resolve) => child.once('exit', resolve));
    return new Promise((resolve, reject) => {
      let text = '';
      child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        const [line] = /^ready .*$/m.exec(text) ?? [];
        if (line !== undefined) resolve(line);
      });
      child.once('exit', () => reject(new Error('the gateway ended before it was ready')));
    });
  }
}
