import assert from 'node:assert/strict';
import { createServer, type AddressInfo } from 'node:net';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { Fault } from '../../src/fault.ts';
import { SIGNAL_ECHO_MS_MAX } from '../../src/limits.ts';
import { listeningGateway, run } from './double.ts';

suite('terrace serve', () => {
  let root = '';
  before(async () => (root = await mkdtemp(path.join(tmpdir(), 'terrace-serve-'))));
  after(() => rm(root, { recursive: true }));
  const free = '127.0.0.1:0';
  const flags = (): string[] => [
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
  const stopAtOnce = (signal: (name: string) => void): void => signal('SIGTERM');

  test('prints the ready line last, with the ports that were taken, and ends with 0 on SIGTERM', async () => {
    let closed = 0;
    const openGateway = listeningGateway({ close: async () => void (closed += 1) });
    const { code, out, errors, events } = await run(flags(), { openGateway, onReady: stopAtOnce });
    assert.equal(code, 0);
    assert.deepEqual(errors, []);
    assert.equal(closed, 1);
    assert.deepEqual(events, ['stopping', 'stopped']);
    assert.match(
      out.at(-1) ?? '',
      /^ready s3=http:\/\/127\.0\.0\.1:[1-9]\d* nfs=127\.0\.0\.1:[1-9]\d* admin=http:\/\/127\.0\.0\.1:[1-9]\d*$/,
    );
  });

  test('the lines to copy have the real addresses', async () => {
    const { out } = await run(flags(), { openGateway: listeningGateway(), onReady: stopAtOnce });
    const [, s3 = '', nfsPort = ''] = /s3=(\S+) nfs=127\.0\.0\.1:(\d+)/.exec(out.at(-1) ?? '') ?? [];
    const text = out.join('\n');
    assert(text.includes(`aws --endpoint-url ${s3} s3 mb s3://demo`));
    assert(text.includes(`endpoint='${s3}':demo`));
    assert(
      text.includes(`port=${nfsPort},mountproto=tcp,mountport=${nfsPort},nolock 127.0.0.1:/demo /mnt/demo`),
    );
  });

  test('new keys are printed, kept ones are not', async () => {
    const made = await run(flags(), {
      openGateway: listeningGateway({ created: true }),
      onReady: stopAtOnce,
    });
    assert(made.out.includes('  export AWS_SECRET_ACCESS_KEY=the secret key'));
    const kept = await run(flags(), { openGateway: listeningGateway(), onReady: stopAtOnce });
    assert(!kept.out.join('\n').includes('the secret key'));
    assert(kept.out.includes(`The root keys are in ${path.join(root, 'data')}/root-keys.json.`));
  });

  test('an occupied port is one sentence with the flag to use', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    const args = flags().map((it, index, all) => (all[index - 1] === '--nfs' ? `127.0.0.1:${port}` : it));
    const { code, out, errors } = await run(args, { openGateway: listeningGateway() });
    await new Promise((resolve) => other.close(resolve));
    assert.equal(code, 1);
    assert.deepEqual(out, []);
    assert.deepEqual(errors, [
      `The address 127.0.0.1:${port} is in use: stop the program that listens there, or choose another with --nfs HOST:PORT (port 0: any free one)`,
    ]);
  });

  test('a data directory that cannot be is one sentence', async () => {
    await writeFile(path.join(root, 'file'), '');
    const { code, errors } = await run(['serve', '--data', path.join(root, 'file/data')], {
      openGateway: listeningGateway(),
    });
    assert.equal(code, 1);
    assert.equal(errors.length, 1);
    assert.match(
      errors[0] ?? '',
      /^The data directory .* cannot be used, a part of the path is no directory: choose another with --data DIR\.$/,
    );
  });

  test('a fault while opening is its detail, without a stack', async () => {
    const openGateway = () =>
      Promise.reject(new Fault('unavailable', 'store', 'Another gateway uses this data directory.'));
    const { code, errors } = await run(flags(), { openGateway });
    assert.equal(code, 1);
    assert.deepEqual(errors, ['Another gateway uses this data directory.']);
  });

  test('an unexpected failure shows its stack', async () => {
    const { code, errors } = await run(flags(), { openGateway: () => Promise.reject(new Error('a defect')) });
    assert.equal(code, 1);
    assert.match(errors[0] ?? '', /^An unexpected failure, please report it: Error: a defect\n {4}at /);
  });

  test('a gateway that cannot go on is closed, and the exit code says so', async () => {
    let closed = 0;
    const openGateway = listeningGateway({
      stopped: Promise.resolve(new Error('disk gone')),
      close: async () => void (closed += 1),
    });
    const { code, events } = await run(flags(), { openGateway });
    assert.equal(code, 1);
    assert.equal(closed, 1);
    assert.deepEqual(events, ['the gateway cannot go on', 'stopped']);
  });

  test('a gateway that cannot go on says why, whatever else fails when it is closed', async () => {
    const openGateway = listeningGateway({
      stopped: Promise.resolve(new Error('disk gone')),
      close: () => Promise.reject(new Error('the store has stopped')),
    });
    const { code, errors, events } = await run(flags(), { openGateway });
    assert.equal(code, 1);
    assert.deepEqual(errors, []);
    assert.deepEqual(events, ['the gateway cannot go on', 'not everything could be closed', 'stopped']);
  });

  test('a signal while it opens stops it as soon as it is open', async () => {
    const { code, events } = await run(flags(), {
      openGateway: listeningGateway(),
      onListening: (signal) => signal('SIGINT'),
    });
    assert.equal(code, 0);
    assert.deepEqual(events, ['stopping', 'stopped']);
  });

  test('a second signal ends it at once, but not the echo of the first one', async () => {
    let now = 0;
    let send: (name: string) => void = () => undefined;
    const exitsAfter: number[] = [];
    const exits = await run(flags(), {
      monotonicMs: () => now,
      onReady: (signal) => {
        send = signal;
        signal('SIGINT');
      },
      openGateway: listeningGateway({
        close: async () => {
          for (const ms of [1, SIGNAL_ECHO_MS_MAX, SIGNAL_ECHO_MS_MAX + 1]) {
            now = ms;
            send('SIGINT');
            exitsAfter.push(ms);
          }
        },
      }),
    });
    assert.equal(exitsAfter.length, 3);
    assert.deepEqual(exits.exits, [1]);
    assert.equal(exits.events.filter((it) => it.startsWith('stopped at once')).length, 1);
  });
});
