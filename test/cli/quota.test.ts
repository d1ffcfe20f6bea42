import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { AdminDoor } from '../../src/gateway/admin/serve.ts';
import { root } from '../accounts/memory-accounts.ts';
import { openWorld, put, s3 } from '../namespace/world.ts';
import { run, type Outcome } from './double.ts';
import { openQuietDoor } from '../gateway/admin/quiet-door.ts';

const variables = { AWS_ACCESS_KEY_ID: root.accessKey, AWS_SECRET_ACCESS_KEY: root.secretKey };

suite('terrace quota', () => {
  let door: AdminDoor;
  before(async () => {
    const world = await openWorld();
    const bucket = await world.namespace.objects.createBucket(s3, 'photos');
    await put(world, bucket, 'a', Buffer.alloc(1536));
    door = await openQuietDoor({
      namespace: world.namespace,
    });
  });
  after(() => door.close());
  const quota = (...args: readonly string[]): Promise<Outcome> =>
    run(['quota', ...args, '--admin', `http://127.0.0.1:${door.address.port}`], { variables });

  test('set takes quantities as people write them; get and list show them with what is used', async () => {
    const set = await quota(
      'set',
      'bucket/photos',
      '--bytes',
      '10Gi',
      '--soft-bytes',
      '1Ki',
      '--inodes',
      '1M',
    );
    const shown = [
      'bucket/photos',
      /^ {2}bytes +1\.5Ki used +soft 1ki +hard 10Gi +over soft until 2023-11-21T22:13:20\.000Z$/,
      /^ {2}inodes +1 used +soft - +hard 1M +ok$/,
      '  grace   7d',
    ];
    for (const { out, code } of [set, await quota('get', 'bucket/photos')]) {
      assert.equal(code, 0);
      for (const [index, want] of shown.entries())
        if (typeof want === 'string') assert.equal(out[index], want);
        else assert.match(out[index] ?? '', want);
    }
    const [head, row] = (await quota('list')).out;
    assert.match(head ?? '', /^subject +bytes +soft +hard +inodes +soft +hard +state$/);
    assert.match(
      row ?? '',
      /^bucket\/photos +1\.5Ki +1ki +10Gi +1 +- +1M +bytes over soft until 2023-11-21T/,
    );
  });

  test('what is not given stays, none takes a limit away, remove all of them', async () => {
    await quota('set', 'group/5', '--bytes', '1000', '--inodes', '7');
    const { out } = await quota('set', 'group/5', '--inodes', 'none', '--grace', '2h', '--json');
    const { bytes, inodes, graceSeconds } = JSON.parse(out[0] ?? '');
    assert.deepEqual([bytes.hard, inodes.hard, graceSeconds], [1000, undefined, 7200]);
    assert.deepEqual((await quota('remove', 'group/5')).out, ['group/5 has no quota any more.']);
    const { quotas } = JSON.parse((await quota('list', '--json')).out[0] ?? '');
    assert.deepEqual(
      (quotas as { subject: string }[]).map(({ subject }) => subject),
      ['bucket/photos'],
    );
  });

  const refused = [
    { args: ['set', 'bucket/photos'], code: 2, want: /^terrace quota set needs a limit/ },
    { args: ['set', 'bucket/photos', '--bytes', 'much'], code: 2, want: /"much" is not a quantity/ },
    { args: ['set', 'bucket/photos', '--grace', 'long'], code: 2, want: /"long" is not a duration/ },
    { args: ['set', 'bucket/none', '--bytes', '1'], code: 1, want: /^There is no bucket none\.$/ },
    {
      args: ['set', 'user/7', '--bytes', '1', '--soft-bytes', '2'],
      code: 1,
      want: /soft limit of 2 bytes is above/,
    },
    { args: ['get', 'photos'], code: 1, want: /names nothing that has a quota/ },
    { args: ['remove', 'user/7'], code: 1, want: /^user\/7 has no quota\.$/ },
    { args: ['set'], code: 2, want: /needs SUBJECT/ },
  ];
  for (const { args, code, want } of refused) {
    test(`terrace quota ${args.join(' ')}: one sentence and exit code ${code}`, async () => {
      const outcome = await quota(...args);
      assert.equal(outcome.code, code);
      assert.equal(outcome.errors.length, 1);
      assert.match(outcome.errors[0] ?? '', want);
    });
  }
});
