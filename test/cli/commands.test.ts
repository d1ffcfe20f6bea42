import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { suite, test } from 'node:test';
import { commands } from '../../src/cli/commands.ts';
import { settings } from '../../src/config/settings.ts';
import { run } from './double.ts';

suite('the command line', () => {
  for (const args of [[], ['help'], ['--help'], ['-h']]) {
    test(`terrace ${args.join(' ')} names every command`, async () => {
      const { code, out } = await run(args);
      assert.equal(code, 0);
      for (const { name, summary } of commands)
        assert(out.some((line) => line.includes(name) && line.includes(summary)));
    });
  }

  test('help of serve names every flag there is', async () => {
    const { code, out } = await run(['serve', '--data', 'x', '--help']);
    assert.equal(code, 0);
    for (const { flag } of settings)
      assert(flag === undefined || out.some((line) => line.includes(`  ${flag} `)), flag);
  });

  for (const args of [['version'], ['--version'], ['-v']]) {
    test(`terrace ${args.join(' ')} prints the version alone`, async () =>
      assert.deepEqual((await run(args)).out, ['0.0.0-test']));
  }

  const mistakes = [
    { args: ['serv'], want: 'There is no command "serv"; did you mean "serve"?' },
    {
      args: ['frobnicate'],
      want: `There is no command "frobnicate": the commands are ${commands.map(({ name }) => name).join(', ')}`,
    },
    {
      args: ['serve', '--hot-sise', '1'],
      want: 'terrace serve has no flag --hot-sise; did you mean "--hot-size"?',
    },
    { args: ['serve', '--zzzzzzzz'], want: 'terrace serve has no flag --zzzzzzzz: see terrace serve --help' },
    { args: ['serve', 'here'], want: 'terrace serve takes only flags, and "here" is none' },
    { args: ['serve', '--data'], want: '--data needs a value: write --data DIR' },
    { args: ['serve', '--data', '--s3', 'x'], want: '--data needs a value: write --data DIR' },
    { args: ['serve', '--data', 'a', '--data=b'], want: '--data is given twice: give it once' },
    {
      args: ['serve', '--warm', 'a', '--warm', './a'],
      want: `--warm ${path.resolve('a')} is there twice: give each device a place of its own`,
    },
    {
      args: ['serve', '--warm-ec', '0+2'],
      want: '--warm-ec: "0+2" is no erasure code: write data and parity shards, for example 4+2',
    },
    {
      args: ['serve', '--warm-ec=30+3'],
      want: '--warm-ec: "30+3" makes too many shards: write at most 32 in all',
    },
    { args: ['status', '--json=yes'], want: '--json takes no value: write it alone' },
    {
      args: ['serve', '--config', '/nowhere/terrace.yaml'],
      want: 'The config file /nowhere/terrace.yaml cannot be read, there is no such file: name another with --config FILE',
    },
  ] as const;
  for (const { args, want } of mistakes) {
    test(`terrace ${args.join(' ')}: one sentence and exit code 2`, async () => {
      const { code, out, errors } = await run(args);
      assert.equal(code, 2);
      assert.deepEqual(out, []);
      assert.equal(errors.length, 1);
      if (typeof want === 'string') assert.equal(errors[0], want);
      else assert.match(errors[0] ?? '', want);
    });
  }

  test('a config file is read, and a mistake in it is a sentence with its name', async () => {
    const directory = await mkdtemp(path.join(tmpdir(), 'terrace-config-'));
    const file = path.join(directory, 'terrace.yaml');
    try {
      await writeFile(file, 'region: eu-north-1\n');
      const good = await run(['serve', '--print-config'], { variables: { TERRACE_CONFIG: file } });
      assert(good.out.some((line) => line.startsWith('region ') && line.endsWith(`file ${file}`)));
      await writeFile(file, 'regoin: eu-north-1\n');
      const bad = await run(['serve', '--config', file]);
      assert.equal(bad.code, 2);
      assert.deepEqual(bad.errors, [`${file}: there is no setting "regoin"; did you mean "region"?`]);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  test('--print-config shows values and origins and opens nothing', async () => {
    const { code, out } = await run(['serve', '--region=eu-west-1', '--print-config'], {
      variables: { TERRACE_ROOT_ACCESS_KEY: 'operator', TERRACE_ROOT_SECRET_KEY: 'hush hush hush' },
    });
    assert.equal(code, 0);
    assert(out.some((line) => /^region +eu-west-1 +flag --region$/.test(line)));
    assert(!out.join('\n').includes('hush'));
  });
});
