import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { callerInGroups, callerUnder } from '../../../src/gateway/nfs/callers.ts';
import { GroupBook, listedGroups } from '../../../src/gateway/nfs/groups.ts';
import { idMapOf } from '../../../src/gateway/nfs/id-map.ts';
import { NFS_GROUPS_MAX } from '../../../src/limits/nfs.ts';
import { ruleWith } from '../../exports/memory-exports.ts';
import { silent, TestClock } from '../../namespace/world.ts';

const rule = (given: Parameters<typeof ruleWith>[0]) => ruleWith({ anonUid: 99, anonGid: 98, ...given });
const client = '10.0.0.1';
const root = { client, flavor: 'AUTH_SYS', uid: 0, gid: 0, groups: [0, 5] } as const;
const user = { client, flavor: 'AUTH_SYS', uid: 7, gid: 8, groups: [0, 5] } as const;
const nobody = { client, flavor: 'AUTH_NONE', uid: 65_534, gid: 65_534, groups: [] } as const;
const map = { uids: [{ client: 0, server: 1000, count: 10 }], gids: [{ client: 5, server: 0, count: 1 }] };
const cases = [
  {
    name: 'none believes everyone',
    given: { squash: 'none' },
    as: root,
    want: { uid: 0, gid: 0, groups: [0, 5] },
  },
  {
    name: 'root squashes the superuser',
    given: { squash: 'root' },
    as: root,
    want: { uid: 99, gid: 98, groups: [5] },
  },
  {
    name: 'root leaves users, but not their group 0',
    given: { squash: 'root' },
    as: user,
    want: { uid: 7, gid: 8, groups: [5] },
  },
  {
    name: 'all squashes everyone',
    given: { squash: 'all' },
    as: user,
    want: { uid: 99, gid: 98, groups: [] },
  },
  {
    name: 'no credential is anonymous always',
    given: { squash: 'none' },
    as: nobody,
    want: { uid: 99, gid: 98, groups: [] },
  },
  {
    name: 'ids that are mapped are those of this side',
    given: { squash: 'none', ...map },
    as: user,
    want: { uid: 1007, gid: 8, groups: [0, 0] },
  },
  {
    name: 'a mapped superuser is squashed all the same, and a map is no way to be one',
    given: { squash: 'root', ...map },
    as: root,
    want: { uid: 99, gid: 98, groups: [] },
  },
] as const;
for (const { name, given, as, want } of cases) {
  test(`squash: ${name}`, () =>
    assert.deepEqual(callerUnder(rule(given as never), as), {
      ...want,
      bypassesModes: false,
      client: { address: client, uid: as.uid },
    }));
}

test('a mapped id comes back as what it was, whatever the ranges, and others stay', () => {
  const id = fc.integer({ min: 0, max: 4_294_967_294 });
  const ids = idMapOf({ uids: [{ client: 1000, server: 500_000, count: 1000 }], gids: [] })!;
  fc.assert(
    fc.property(id, (given) => {
      const isMapped = given >= 1000 && given < 2000;
      const isTarget = given >= 500_000 && given < 501_000;
      assert.equal(ids.uid.toServer(given), isMapped ? given + 499_000 : given);
      if (!isTarget) assert.equal(ids.uid.toClient(ids.uid.toServer(given)), given);
      assert.equal(ids.gid.toServer(given), given);
    }),
  );
  assert.equal(idMapOf({ uids: [], gids: [] }), undefined);
});

test('groups of this side take the place of those of the call', async () => {
  const source = listedGroups([{ uid: 7, groups: [0, ...Array<number>(20).keys()] }]);
  const book = new GroupBook(source, { clock: new TestClock(), log: silent, freshMs: 1000 });
  const found = await callerInGroups(rule({ squash: 'none' }), user, book);
  assert.deepEqual([found.uid, found.gid, found.groups.length], [7, 8, 21]);
  assert.equal((await callerInGroups(rule({ squash: 'root' }), user, book)).groups.includes(0), false);
  assert.deepEqual((await callerInGroups(rule({ squash: 'none' }), { ...user, uid: 8 }, book)).groups, []);
  assert.deepEqual((await callerInGroups(rule({ squash: 'all', anonUid: 7 }), user, book)).groups, []);
});

test('groups are asked for once at a time, again after their time, and are bounded', async () => {
  const clock = new TestClock();
  let asked = 0;
  let isDown = false;
  let answer = [1];
  const source = {
    groupsOf: async (): Promise<readonly number[]> => {
      asked += 1;
      if (isDown) throw new Error('away');
      return answer;
    },
  };
  const book = new GroupBook(source, { clock, log: silent, freshMs: 1000 });
  assert.deepEqual(await Promise.all([book.groupsOf(7), book.groupsOf(7)]), [[1], [1]]);
  assert.equal(asked, 1);
  answer = Array<number>(NFS_GROUPS_MAX + 5).fill(2);
  assert.deepEqual(await book.groupsOf(7), [1]);
  clock.ms += 1000;
  assert.equal((await book.groupsOf(7)).length, NFS_GROUPS_MAX);
  isDown = true;
  clock.ms += 1000;
  assert.equal((await book.groupsOf(7)).length, NFS_GROUPS_MAX, 'what was known stands in');
  assert.deepEqual(await book.groupsOf(8), [], 'nothing is known');
  assert.equal(asked, 4);
});
