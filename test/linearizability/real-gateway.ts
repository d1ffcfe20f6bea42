import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

const READY_MS_MAX = 60_000;

export const rootKeys = { accessKey: 'HISTORY-ROOT', secretKey: 'the secret of this test alone' };

export interface Ports {
  readonly s3: number;
  readonly nfs: number;
  readonly admin: number;
}

const noPorts: Ports = { s3: 0, nfs: 0, admin: 0 };

/** The program as a process of its own, over a directory of its own, on ports that it keeps over restarts. */
export class RealGateway {
  readonly directory: string;
  ports = noPorts;
  #child: ChildProcess | undefined;
  readonly #args: readonly string[];

  private constructor(directory: string, args: readonly string[]) {
    this.directory = directory;
    this.#args = args;
  }

  /** With `warm` directories as warm pool, of which one may be lost. */
  static async open({ warm = 0 }: { readonly warm?: number } = {}): Promise<RealGateway> {
    const directory = await mkdtemp(path.join(tmpdir(), 'terrace-history-'));
    const devices = Array.from({ length: warm }, (_, index) => path.join(directory, `warm${index}`));
    for (const device of devices) await mkdir(device);
    const pool = warm === 0 ? [] : ['--warm-ec', `${warm - 1}+1`];
    const gateway = new RealGateway(directory, [...pool, ...devices.flatMap((device) => ['--warm', device])]);
    await gateway.start();
    return gateway;
  }

  get pid(): number {
    assert(this.#child?.pid !== undefined);
    return this.#child.pid;
  }

  async start(): Promise<void> {
    const at = (port: number): string => `127.0.0.1:${port}`;
    const { s3, nfs, admin } = this.ports;
    const addresses = ['--s3', at(s3), '--nfs', at(nfs), '--admin', at(admin)];
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('TERRACE_'));
    const keys = {
      TERRACE_ROOT_ACCESS_KEY: rootKeys.accessKey,
      TERRACE_ROOT_SECRET_KEY: rootKeys.secretKey,
    };
    const args = ['serve', '--data', path.join(this.directory, 'data'), ...addresses, ...this.#args];
    const child = spawn(process.execPath, ['--require', './bin/threads.cjs', 'dist/src/main.js', ...args], {
      env: { ...Object.fromEntries(inherited), ...keys },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    child.stderr.pipe(createWriteStream(this.#log, { flags: 'a' }));
    this.ports = await portsOf(child);
  }

  /** Migrations of content that have come to their end in this life of the process. */
  async migrations(): Promise<number> {
    const answer = await fetch(`http://127.0.0.1:${this.ports.admin}/v1/status`);
    const { migrations } = (await answer.json()) as { readonly migrations: { readonly completed: number } };
    return migrations.completed;
  }

  /** SIGKILL, and nobody is there any more when it resolves. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Ends the process in good order, checks that it had nothing to complain of, and removes its directory. */
  async close(): Promise<void> {
    const code = await this.#end('SIGTERM');
    const log = await readFile(this.#log, 'utf8');
    await rm(this.directory, { recursive: true });
    assert.equal(code, 0, log);
    assert.doesNotMatch(log, /"level":"(error|fatal)"/);
  }

  get #log(): string {
    return path.join(this.directory, 'log');
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    const child = this.#child;
    assert(child !== undefined);
    const closed = once(child, 'close');
    child.kill(signal);
    await closed;
    return child.exitCode;
  }
}

/** From the line that says that it is ready. */
function portsOf(child: ChildProcess): Promise<Ports> {
  return new Promise((resolve, reject) => {
    let out = '';
    const late = setTimeout(() => reject(new Error(`not ready in time: ${out}`)), READY_MS_MAX);
    child.once('close', (code) => reject(new Error(`ended with ${code} before it was ready: ${out}`)));
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      out += text;
      const [line] = /^ready .*$/m.exec(out) ?? [];
      if (line === undefined) return;
      clearTimeout(late);
      const port = (name: string): number => Number(new RegExp(` ${name}=\\S*:(\\d+)`).exec(line)?.[1]);
      resolve({ s3: port('s3'), nfs: port('nfs'), admin: port('admin') });
    });
  });
}
