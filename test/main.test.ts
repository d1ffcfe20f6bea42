import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { CreateBucketCommand, ListBucketsCommand, S3Client } from '@aws-sdk/client-s3';

const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as { readonly version: string };

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly errors: string;
}

/** The program as a process of its own; `onReady` gets its process id and its ready line. */
function program(
  args: readonly string[],
  onReady?: (pid: number, line: string, out: string) => Promise<void> | void,
  variables: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('TERRACE_'));
  const child = spawn(process.execPath, ['dist/src/main.js', ...args], {
    env: { ...Object.fromEntries(inherited), ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let errors = '';
  let isReady = false;
  return new Promise((resolve, reject) => {
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
      const [line] = /^ready .*$/m.exec(out) ?? [];
      if (line === undefined || isReady) return;
      isReady = true;
      Promise.resolve(onReady?.(child.pid ?? 0, line, out)).catch((failure: Error) => {
        child.kill('SIGKILL');
        reject(failure);
      });
    });
    child.once('error', reject).once('close', (code) => resolve({ code, out, errors }));
  });
}

/** Runs `node` with the size of the pool of threads as `terrace` sets it. */
function withThreads(code: string, variables: Readonly<Record<string, string>> = {}): Promise<string> {
  const child = spawn(process.execPath, ['--require', './bin/threads.cjs', '--eval', code], {
    env: { PATH: process.env['PATH'], ...variables },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  return new Promise((resolve) => child.once('close', () => resolve(out.trim())));
}

suite('the threads of the program', () => {
  test('are 36, or as many as somebody says', async () => {
    const size = 'console.log(process.env.UV_THREADPOOL_SIZE)';
    assert.equal(await withThreads(size), '36');
    assert.equal(await withThreads(size, { UV_THREADPOOL_SIZE: '5' }), '5');
  });

  test('leave some for others while calls of 32 files hang', async (context) => {
    const directory = await mkdtemp(path.join(tmpdir(), 'terrace-threads-'));
    context.after(() => rm(directory, { recursive: true }));
    // To open a FIFO that nobody writes to takes as long as that is so, and an exit would wait for it.
    const pipe = path.join(directory, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const code = `
      const { open, readFile } = require('node:fs/promises');
      for (let count = 0; count < 32; count += 1) void open(${JSON.stringify(pipe)}, 'r');
      readFile('package.json').then(() => {
        require('node:fs').writeSync(1, 'read');
        process.kill(process.pid, 'SIGKILL');
      });
    `;
    assert.equal(await withThreads(code), 'read');
  });

  test('are there for whoever starts the program by its name', async () => {
    const child = spawn('bin/terrace.cjs', ['version'], { stdio: ['ignore', 'pipe', 'inherit'] });
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    const code = await new Promise((resolve) => child.once('close', resolve));
    assert.deepEqual([code, out], [0, `${manifest.version}\n`]);
  });
});

suite('the program as a process', () => {
  let root = '';
  before(async () => (root = await mkdtemp(path.join(tmpdir(), 'terrace-main-'))));
  after(() => rm(root, { recursive: true }));
  const free = '127.0.0.1:0';
  const serve = (): string[] => [
    'serve',
    '--data',
    path.join(root, 'data'),
    '--s3',
    free,
    '--nfs',
    free,
    '--admin',
    free,
  ];

  test('a mistake is one line on standard error and exit code 2', async () => {
    const { code, out, errors } = await program(['serv']);
    assert.deepEqual(
      { code, out, errors },
      { code: 2, out: '', errors: 'There is no command "serv"; did you mean "serve"?\n' },
    );
  });

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    test(`it serves, answers \`terrace status\`, and ends with 0 on ${signal}`, async () => {
      const { code, errors } = await program(serve(), async (pid, line) => {
        const [, admin = ''] = /admin=(\S+)/.exec(line) ?? [];
        const status = await program(['status', '--json', '--admin', admin]);
        process.kill(pid, signal);
        assert.equal(`http://127.0.0.1:${JSON.parse(status.out).addresses.admin.port}`, admin);
      });
      assert.equal(code, 0);
      assert.deepEqual(
        errors
          .trim()
          .split('\n')
          .map((it) => JSON.parse(it).level)
          .filter((it) => it !== 'info'),
        [],
      );
    });
  }

  test('the keys are printed at the first start only', async () => {
    const fresh = ['--data', path.join(root, 'fresh')];
    const args = [...serve().filter((_, index) => index !== 1 && index !== 2), ...fresh];
    const stop = (pid: number): void => void process.kill(pid, 'SIGTERM');
    const first = await program(args, stop);
    const [, secret = ''] = /AWS_SECRET_ACCESS_KEY=(\S{40})$/m.exec(first.out) ?? [];
    assert.equal(secret.length, 40);
    assert(!first.errors.includes(secret));
    const second = await program(args, stop);
    assert.equal(second.code, 0);
    assert(!second.out.includes(secret));
  });

  test('users of the config and of `terrace user` have their own buckets, also after a restart', async () => {
    const data = path.join(root, 'peopled');
    const config = path.join(root, 'users.yaml');
    await writeFile(config, 'users: [{ name: dora, accessKey: DORA-KEY, secretKey: the secret of dora }]\n');
    const args = [...serve().filter((_, index) => index !== 1 && index !== 2), '--data', data];
    const secrets = new Set<string>(['the secret of dora']);
    let keys = { accessKey: '', secretKey: '' };
    const addressesOf = (line: string): readonly string[] =>
      [/ s3=(\S+)/, /admin=(\S+)/].map((pattern) => pattern.exec(line)?.[1] ?? '');
    const first = await program([...args, '--config', config], async (pid, line, out) => {
      const [s3 = '', admin = ''] = addressesOf(line);
      const variables = Object.fromEntries(
        [...out.matchAll(/export (AWS_\w+KEY\w*)=(\S+)/g)].map(([, ...pair]) => pair),
      );
      const made = await program(
        ['user', 'create', 'alice', '--json', '--admin', admin],
        undefined,
        variables,
      );
      assert.equal(made.code, 0, made.errors);
      keys = JSON.parse(made.out);
      secrets.add(keys.secretKey);
      const dora = { accessKey: 'DORA-KEY', secretKey: 'the secret of dora' };
      assert.deepEqual(await bucketsAfter(s3, keys, 'alice-bucket'), ['alice-bucket']);
      assert.deepEqual(await bucketsAfter(s3, dora, 'dora-bucket'), ['dora-bucket']);
      await assert.rejects(bucketsAfter(s3, dora, 'alice-bucket'), { name: 'BucketAlreadyExists' });
      process.kill(pid, 'SIGTERM');
    });
    assert.equal(first.code, 0);
    const second = await program(args, async (pid, line) => {
      const [s3 = ''] = addressesOf(line);
      assert.deepEqual(await bucketsAfter(s3, keys), ['alice-bucket']);
      const dora = { accessKey: 'DORA-KEY', secretKey: 'the secret of dora' };
      await assert.rejects(bucketsAfter(s3, dora), { name: 'InvalidAccessKeyId' });
      process.kill(pid, 'SIGTERM');
    });
    assert.equal(second.code, 0);
    for (const secret of secrets) assert(!`${first.errors}${first.out}${second.errors}`.includes(secret));
    const { mode } = await stat(path.join(data, 'secrets.key'));
    assert.equal(mode & 0o777, 0o600);
  });
});

/** The buckets of a user, after one more was made. */
async function bucketsAfter(
  endpoint: string,
  { accessKey, secretKey }: { readonly accessKey: string; readonly secretKey: string },
  bucket?: string,
): Promise<readonly (string | undefined)[]> {
  const credentials = { accessKeyId: accessKey, secretAccessKey: secretKey };
  const s3 = new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials,
    maxAttempts: 1,
  });
  try {
    if (bucket !== undefined) await s3.send(new CreateBucketCommand({ Bucket: bucket }));
    const { Buckets = [] } = await s3.send(new ListBucketsCommand({}));
    return Buckets.map(({ Name }) => Name);
  } finally {
    s3.destroy();
  }
}
