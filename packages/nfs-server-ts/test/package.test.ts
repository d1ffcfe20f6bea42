import assert from 'node:assert/strict';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { systemClock } from '../src/environment.ts';
import { NLM_PROGRAM, NLM_V4, nlmProcedures } from '../src/nlm4.ts';
import { PMAP_PROGRAM, pmapProcedures, transportNumbers } from '../src/portmap.ts';
import { outgoingCalls } from '../src/rpc-call.ts';
import { NfsClient, unchanged } from './support/client.ts';
import { temporaryDirectory } from './support/planted.ts';

const run = promisify(execFile);
const bytes = Buffer.from('lock');
const alock = { caller_name: bytes, fh: bytes, oh: bytes, svid: 1, l_offset: 0, l_len: 0 };
const source = path.join(import.meta.dirname, '..', '..');

/** The package as npm packs it, installed in a directory of its own without a network. */
async function installed(context: TestContext): Promise<string> {
  const directory = await temporaryDirectory(context);
  const npm = (...args: readonly string[]): Promise<{ stdout: string }> =>
    run('npm', [...args, '--offline', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: directory });
  const { stdout } = await npm('pack', source, '--json');
  const [packed] = JSON.parse(stdout) as readonly { filename: string; files: readonly { path: string }[] }[];
  const names = packed!.files.map((file) => file.path);
  for (const name of ['README.md', 'package.json', 'dist/src/main.js', 'dist/src/tcp.d.ts'])
    assert(names.includes(name), name);
  assert.deepEqual(
    names.filter((name) => name.includes('.test.')),
    [],
  );
  await writeFile(path.join(directory, 'package.json'), '{"private":true,"type":"module"}');
  await npm('install', path.join(directory, packed!.filename));
  return directory;
}

/** The line that a server prints when it is ready. */
function firstLine(context: TestContext, server: ChildProcess): Promise<string> {
  context.after(() => server.kill());
  return new Promise<string>((resolve, reject) => {
    server.stdout!.once('data', (data: Buffer) => resolve(data.toString()));
    server.once('exit', (code) => reject(new Error(`ended with ${code}`)));
  });
}

/** The port in that line. */
async function ready(context: TestContext, server: ChildProcess): Promise<number> {
  const line = await firstLine(context, server);
  const found = /^mount -t nfs -o \S*\bport=(\d+),mountport=\d+ 127\.0\.0\.1:\/ \/mnt\n$/.exec(line);
  assert(found, line);
  return Number(found[1]);
}

async function writesAndReads(port: number): Promise<void> {
  const client = await NfsClient.connect(port);
  const dir = await client.root('/');
  const how = { mode: 'GUARDED', obj_attributes: unchanged } as const;
  const file = (await client.ok('CREATE', { where: { dir, name: Buffer.from('new') }, how })).obj!;
  const data = Buffer.from('hello');
  await client.ok('WRITE', { file, offset: 0, count: data.length, stable: 'FILE_SYNC', data });
  assert.deepEqual(Buffer.concat((await client.ok('READ', { file, offset: 0, count: 9 })).data), data);
  await client.close();
}

/** Asks the port mapper for the lock manager, as clients do, and that one for a lock. */
async function findsLocks(line: string): Promise<void> {
  const [, nfsPort, portmapPort] = /NFS on port (\d+), port mapper on (\d+)/.exec(line) ?? [];
  await writesAndReads(Number(nfsPort));
  const call = outgoingCalls({ clock: systemClock, machine: 'client', timeoutMs: 10_000 });
  for (const transport of ['tcp', 'udp'] as const) {
    const found = await call(
      { host: '127.0.0.1', port: Number(portmapPort), transport },
      {
        program: PMAP_PROGRAM,
        version: 2,
        procedure: pmapProcedures.GETPORT,
        args: { prog: NLM_PROGRAM, vers: NLM_V4, prot: transportNumbers[transport], port: 0 },
      },
    );
    assert(found.value > 0);
    const { test_stat } = await call(
      { host: '127.0.0.1', port: found.value, transport },
      {
        program: NLM_PROGRAM,
        version: NLM_V4,
        procedure: nlmProcedures.TEST,
        args: { cookie: Buffer.from('c'), exclusive: true, alock },
      },
    );
    assert.equal(test_stat.stat, 'NLM4_GRANTED');
  }
}

test('the package that npm packs serves a directory and a tree in memory, and its README tells no lies', async (context) => {
  const directory = await installed(context);
  const bin = path.join(directory, 'node_modules', '.bin', 'nfs-server-ts');
  const start = (command: string, ...args: readonly string[]): Promise<number> =>
    ready(context, spawn(command, args, { cwd: directory, stdio: ['ignore', 'pipe', 'inherit'] }));

  await writesAndReads(await start(bin, '--memory', '--port', '0'));
  const served = await temporaryDirectory(context);
  await writesAndReads(await start(bin, served, '--port', '0'));
  assert.equal(await readFile(path.join(served, 'new'), 'utf8'), 'hello');

  const client = await NfsClient.connect(await start(bin, served, '--port', '0', '--read-only'));
  const object = { dir: await client.root('/'), name: Buffer.from('new') };
  assert.equal((await client.call('REMOVE', { object })).status, 'NFS3ERR_ROFS');
  await client.close();

  const readme = await readFile(path.join(source, 'README.md'), 'utf8');
  const [program, withLocks] = [...readme.matchAll(/```js\n(.*?)```/gs)].map((found) => found[1]);
  assert(program !== undefined && program.split('\n').length <= 12, 'ten lines');
  await writeFile(path.join(directory, 'readme.mjs'), program);
  await writesAndReads(await start(process.execPath, 'readme.mjs', '0'));
  assert(withLocks !== undefined);
  await writeFile(path.join(directory, 'locks.mjs'), withLocks);
  const lockServer = spawn(process.execPath, ['locks.mjs', '127.0.0.1', '0', '0'], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await findsLocks(await firstLine(context, lockServer));
  await assert.rejects(run(bin, ['--port', 'none']), { code: 2 });
  await assert.rejects(run(bin, [path.join(served, 'new')]), { code: 1 });
});
