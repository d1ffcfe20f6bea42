import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly errors: string;
}

/** The program as a process of its own; `onReady` gets its process id and its ready line. */
function program(
  args: readonly string[],
  onReady?: (pid: number, line: string) => Promise<void> | void,
): Promise<Ended> {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('TERRACE_'));
  const child = spawn(process.execPath, ['dist/src/main.js', ...args], {
    env: Object.fromEntries(inherited),
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
      Promise.resolve(onReady?.(child.pid ?? 0, line)).catch((failure: Error) => {
        child.kill('SIGKILL');
        reject(failure);
      });
    });
    child.once('error', reject).once('close', (code) => resolve({ code, out, errors }));
  });
}

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
});
