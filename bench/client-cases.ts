import { execFile, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { longDriverMsMax, stopChild, within, type DriverResult, type Server } from './programs.ts';

const run = promisify(execFile);
/** Linux counts the CPU of a process in hundredths of a second. */
const ticksPerSecond = 100;
/** An archive of this checkout's sources, for the case that unpacks one. */
const archived = ['src', 'test', 'docs'];

export interface ClientOptions {
  /** Called as `PROGRAM --port PORT --mount-port PORT --export /BUCKET -- COMMAND…`; runs COMMAND in a mount of the export. */
  readonly program: string;
  readonly bucket: string;
  readonly seconds: number;
  readonly archive: string;
}

export async function makeArchive(directory: string): Promise<string> {
  const archive = path.join(directory, 'tree.tar');
  await run('tar', ['cf', archive, ...archived]);
  return archive;
}

/** User and system time of a process so far, in seconds. */
async function cpuSecondsOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

async function residentMegabytesOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+)/m.exec(text)?.[1] ?? 0) / 1024;
}

/** What the program in the mount prints at its end. */
interface Seen {
  readonly ops: number;
  readonly seconds: number;
  readonly bytes: number;
  readonly latency_us: DriverResult['latency_us'];
}

/** One case through a real client. The CPU of the server counts from the line `ready` on, when the case has made what it needs. */
export async function runClient(
  { program, bucket, seconds, archive }: ClientOptions,
  name: string,
  server: Server,
): Promise<DriverResult> {
  const { port = '', mountPort = port } = server.nfs ?? {};
  const script = path.resolve('bench/on-client.py');
  const mount = ['--port', port, '--mount-port', mountPort, '--export', `/${bucket}`];
  const command = ['python3', '-B', script, name, String(seconds), archive];
  const child = spawn(program, [...mount, '--', ...command], { stdio: ['ignore', 'pipe', 'inherit'] });
  const failed = new Promise<never>((_resolve, reject) => void child.once('error', reject));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const cpuAtNextLine = async (): Promise<{ readonly line: string; readonly cpuSeconds: number }> => {
    const next = await within(longDriverMsMax, `${name} did not end`, Promise.race([lines.next(), failed]));
    if (next.done === true) throw new Error(`${name} ended early in the mount`);
    return { line: next.value, cpuSeconds: await cpuSecondsOf(server.pid) };
  };
  try {
    const before = await cpuAtNextLine();
    const after = await cpuAtNextLine();
    const seen = JSON.parse(after.line) as Seen;
    return {
      ops: seen.ops,
      errors: 0,
      ops_per_s: seen.ops / seen.seconds,
      mb_per_s: seen.bytes / 1e6 / seen.seconds,
      latency_us: seen.latency_us,
      server: {
        cpu_s_per_1k_ops: ((after.cpuSeconds - before.cpuSeconds) / seen.ops) * 1000,
        rss_mb: await residentMegabytesOf(server.pid),
      },
      machine: { others_share: undefined },
    };
  } finally {
    await stopChild(child);
  }
}
