import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { Value } from '@sinclair/typebox/value';
import { peerGroup } from 'nfs-server-ts/peer-address';
import { Trail } from '../../src/audit/trail.ts';
import { realClock } from '../../src/environment-real.ts';
import { auditPageSchema } from '../../src/gateway/admin/audit.ts';
import type { AdminDoor } from '../../src/gateway/admin/serve.ts';
import { MemoryEngine } from '../../src/kv/memory.ts';
import { openOptimistic } from '../../src/kv/optimistic.ts';
import { openSequence } from '../../src/kv/sequence.ts';
import { root } from '../accounts/memory-accounts.ts';
import { seededRandom } from '../kv/seeded-random.ts';
import { silent } from '../namespace/world.ts';
import { run, type Outcome } from './double.ts';
import { openQuietDoor } from '../gateway/admin/quiet-door.ts';

interface Shown {
  readonly events: readonly Readonly<Record<string, unknown>>[];
  readonly nextPage?: string;
}

suite('terrace audit', () => {
  let door: AdminDoor;
  before(async () => {
    const stopped = (cause: unknown): never => {
      throw cause;
    };
    const kv = openOptimistic(new MemoryEngine(), { merge: () => undefined, stopped });
    const sequence = await openSequence(kv, Buffer.from('sequence'), stopped);
    const environment = { clock: realClock(), random: seededRandom(1), log: silent };
    const trail = await Trail.open({ kv, sequence, environment, groupOf: peerGroup });
    const until = { seconds: 1_900_000_000, nanoseconds: 0 };
    for (let index = 0; index < 5; index += 1)
      await trail.refused({
        kind: 'refused',
        actor: { door: 's3', operation: 'DeleteObject', client: '10.0.0.1', requestId: 'R' },
        bucket: index % 2 === 0 ? 'even' : 'odd',
        key: index === 0 ? Buffer.from([0x66, 0xff, 0x1b]) : Buffer.from(`k${index}`),
        versionId: index,
        lock: { retention: { mode: 'GOVERNANCE', until }, legalHold: index === 0 },
        detail: 'locked',
      });
    door = await openQuietDoor({
      environment,
      audit: trail,
    });
  });
  after(() => door.close());
  const variables = { AWS_ACCESS_KEY_ID: root.accessKey, AWS_SECRET_ACCESS_KEY: root.secretKey };
  const audit = (...args: readonly string[]): Promise<Outcome> =>
    run(['audit', ...args, '--admin', `http://127.0.0.1:${door.address.port}`], { variables });
  const json = async (...args: readonly string[]): Promise<Shown> => {
    const { code, out, errors } = await audit(...args, '--json');
    assert.deepEqual([code, errors], [0, []]);
    return JSON.parse(out.join('')) as Shown;
  };
  const keysOf = ({ events }: Shown): readonly unknown[] => events.map(({ key }) => key);

  test('shows events newest first, all of each', async () => {
    const { events } = await json('--bucket', 'odd');
    assert.deepEqual(keysOf({ events }), ['k3', 'k1']);
    const { id, at, lastAt, ...event } = events[0] ?? {};
    assert.match(String(id), /^\d+$/);
    assert.equal(at, lastAt);
    assert.deepEqual(event, {
      ...{ kind: 'refused', count: 1, door: 's3', operation: 'DeleteObject', client: '10.0.0.1' },
      ...{ principal: 'anonymous', requestId: 'R', bucket: 'odd', key: 'k3', versionId: '0000000000000003' },
      ...{ lock: { retention: { mode: 'GOVERNANCE', until: '2030-03-17T17:46:40.000Z' }, legalHold: false } },
      detail: 'locked',
    });
  });

  test('goes on where a page has ended', async () => {
    const first = await json('--limit', '2');
    assert.deepEqual(keysOf(first), ['k4', 'k3']);
    const second = await json('--limit', '2', '--page', first.nextPage ?? '');
    assert.deepEqual(keysOf(second), ['k2', 'k1']);
  });

  test('a key that is no text stands beside it as it is, and no terminal obeys it', async () => {
    const { events } = await json('--bucket', 'even');
    assert.equal(events.at(-1)?.['keyBase64'], Buffer.from([0x66, 0xff, 0x1b]).toString('base64'));
    const { out } = await audit('--bucket', 'even');
    assert(!out.join('').includes('\u001b'));
    assert.match(out.join('\n'), /refused +1 +anonymous from 10\.0\.0\.1 +DeleteObject +even\/k4 \(0{15}4\)/);
    assert.match(out.join('\n'), /GOVERNANCE until 2030-03-17T17:46:40\.000Z, legal hold/);
  });

  test('since is a time or an age', async () => {
    assert.equal((await json('--since', '1h')).events.length, 5);
    assert.equal((await json('--since', '2001-01-01')).events.length, 5);
    assert.equal((await json('--since', '2100-01-01')).events.length, 0);
    assert.deepEqual((await audit('--since', '2100-01-01')).out, ['No events.']);
  });

  const refused: readonly [args: readonly string[], says: RegExp][] = [
    [['--since', 'yesterday'], /"yesterday" is no time: write for example 2026-01-31T12:00:00Z/],
    [['--limit', '0'], /--limit is "0": write a whole number above 0/],
    [['--page', 'x'], /page/],
  ];
  for (const [args, says] of refused)
    test(`${args.join(' ')} is one sentence`, async () => {
      const { code, errors } = await audit(...args);
      assert.notEqual(code, 0);
      assert.match(errors.join(), says);
    });

  test('nobody but root and who may by a policy reads it', async () => {
    const response = await fetch(`http://127.0.0.1:${door.address.port}/v1/audit`);
    assert.equal(response.status, 401);
  });
});

test('the answer of a gateway before there were bypasses is understood', () => {
  assert(Value.Check(auditPageSchema, { events: [], removed: { refusals: 1, changes: 2 } }));
});
