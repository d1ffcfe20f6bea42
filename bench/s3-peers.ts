import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { answering, benchKeys, freePort, stopChild, within, type Server } from './programs.ts';

const startMsMax = 30_000;

interface Start {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly port: number;
}

async function started({ name, program, args, env, port }: Start): Promise<Server> {
  const child = spawn(program, args, { stdio: 'ignore', env: { ...process.env, ...env } });
  const ended = new Promise<never>((_resolve, reject) => {
    child.once('error', reject).once('exit', () => reject(new Error(`${name} ended at its start`)));
  });
  try {
    await within(startMsMax, `${name} did not answer`, Promise.race([answering(port), ended]));
  } catch (cause) {
    await stopChild(child);
    throw cause;
  }
  return { pid: child.pid ?? 0, s3: `http://127.0.0.1:${port}`, stop: () => stopChild(child) };
}

/** Starts MinIO over a directory of the file system that `directory` is on. */
export async function startMinio(program: string, directory: string): Promise<Server> {
  const place = path.join(directory, 'minio');
  await mkdir(place, { recursive: true });
  const [port, consolePort] = [await freePort(), await freePort()];
  const args = ['server', place, '--address', `127.0.0.1:${port}`];
  return started({
    name: 'MinIO',
    program,
    args: [...args, '--console-address', `127.0.0.1:${consolePort}`, '--quiet'],
    env: { MINIO_ROOT_USER: benchKeys.accessKey, MINIO_ROOT_PASSWORD: benchKeys.secretKey },
    port,
  });
}

/** Starts versitygw, which never syncs, over a directory of the file system that `directory` is on. */
export async function startVersitygw(program: string, directory: string): Promise<Server> {
  const place = path.join(directory, 'versitygw');
  await mkdir(place, { recursive: true });
  const port = await freePort();
  return started({
    name: 'versitygw',
    program,
    args: ['--port', `127.0.0.1:${port}`, '--keep-alive', '--quiet', 'posix', place],
    env: { ROOT_ACCESS_KEY: benchKeys.accessKey, ROOT_SECRET_KEY: benchKeys.secretKey },
    port,
  });
}
