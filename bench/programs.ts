import { spawn, type ChildProcess } from 'node:child_process';
import { createServer, connect, type AddressInfo } from 'node:net';
import path from 'node:path';

/** A run of a driver takes a few seconds; one that takes this long hangs. */
const driverMsMax = 120_000;
/** The same when it prepares a million keys first: five to ten minutes on a quiet machine. */
export const longDriverMsMax = 1_800_000;
const startMsMax = 30_000;
const stopMsMax = 15_000;

/** A server under load: where it is and which process it is. */
export interface Server {
  readonly pid: number;
  readonly s3: string;
  /** HOST and PORT of NFS; absent for the roofline. */
  readonly nfs?: { readonly host: string; readonly port: string; readonly mountPort?: string };
  stop(): Promise<void>;
}

/** What both drivers print. Times in microseconds, `cpu_s_per_1k_ops` in CPU seconds of the server. */
export interface DriverResult {
  readonly ops: number;
  readonly errors: number;
  readonly ops_per_s: number;
  readonly mb_per_s: number;
  readonly latency_us: Readonly<Record<string, unknown>>;
  readonly server: { readonly cpu_s_per_1k_ops: number; readonly rss_mb: number };
  /** Absent where the driver cannot tell. */
  readonly machine: { readonly others_share: number | undefined };
}

export const benchKeys = { accessKey: 'TRCEBENCH', secretKey: 'only-for-this-benchmark' };

/** Rejects with `reason` when `work` takes longer. */
export async function within<T>(ms: number, reason: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(reason)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

export async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await within(stopMsMax, 'it did not stop', ended).catch(() => child.kill('SIGKILL'));
}

export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });

/** Starts this checkout's gateway on free ports with its data in `directory`. */
export async function startGateway(directory: string): Promise<Server> {
  const free = '127.0.0.1:0';
  const flags = ['--data', path.join(directory, 'data'), '--s3', free, '--nfs', free, '--admin', free];
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('TERRACE_'));
  const env = {
    ...Object.fromEntries(inherited),
    TERRACE_ROOT_ACCESS_KEY: benchKeys.accessKey,
    TERRACE_ROOT_SECRET_KEY: benchKeys.secretKey,
    TERRACE_LOG_LEVEL: 'warn',
  };
  const child = spawn(process.execPath, ['dist/src/main.js', 'serve', ...flags], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ready = new Promise<string>((resolve, reject) => {
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      const [line] = /^ready .*$/m.exec(text) ?? [];
      if (line !== undefined) resolve(line);
    });
    child.once('exit', () => reject(new Error('the gateway ended before it was ready')));
  });
  const line = await within(startMsMax, 'the gateway did not become ready', ready).catch(
    async (cause: unknown) => {
      await stopChild(child);
      throw cause;
    },
  );
  const [, s3 = '', host = '', port = ''] = /s3=(\S+) nfs=([^ ]+):(\d+)/.exec(line) ?? [];
  return { pid: child.pid ?? 0, s3, nfs: { host, port }, stop: () => stopChild(child) };
}

/** Starts the roofline program: the least that a durable server can do, on the same machine at the same moment. */
export async function startRoofline(drivers: string, directory: string): Promise<Server> {
  const port = await freePort();
  const log = path.join(directory, 'roofline.log');
  const args = ['--port', String(port), '--log', log, '--prealloc', '512', '--sig', '--md5'];
  const child = spawn(path.join(drivers, 'roofline'), args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const stop = (): Promise<void> => stopChild(child);
  const failed = new Promise<never>((_resolve, reject) => {
    child.once('error', reject).once('exit', () => reject(new Error('roofline ended at its start')));
  });
  try {
    await within(startMsMax, 'roofline did not answer', Promise.race([answering(port), failed]));
  } catch (cause) {
    await stop();
    throw cause;
  }
  return { pid: child.pid ?? 0, s3: `http://127.0.0.1:${port}`, stop };
}

/** Resolves when something accepts connections. */
export async function answering(port: number): Promise<void> {
  const attempt = (): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
  for (let tries = 0; tries < startMsMax / 50; tries++) {
    if (await attempt()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Runs one driver to its end, `msMax` at the most. Its exit code is 1 when operations failed: that is in the result. */
export async function runDriver(
  program: string,
  args: readonly string[],
  msMax = driverMsMax,
): Promise<DriverResult> {
  const env = {
    ...process.env,
    AWS_ACCESS_KEY_ID: benchKeys.accessKey,
    AWS_SECRET_ACCESS_KEY: benchKeys.secretKey,
    AWS_REGION: 'us-east-1',
  };
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (out += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (errors += chunk));
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', reject).once('close', () => resolve());
  });
  try {
    await within(msMax, `${program} did not end`, ended);
  } finally {
    await stopChild(child);
  }
  const [line = ''] = out.trim().split('\n').slice(-1);
  if (!line.startsWith('{')) {
    throw new Error(
      `${path.basename(program)} ${args[0] ?? ''}: ${errors.trim().split('\n').at(-1) ?? 'no answer'}`,
    );
  }
  return JSON.parse(line) as DriverResult;
}
