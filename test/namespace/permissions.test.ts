import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../src/fault.ts';
import type { Ino } from '../../src/namespace/namespace.ts';
import { EXECUTE, grantedBits, READ, requireContentAccess, WRITE } from '../../src/namespace/permissions.ts';
import { root, s3, user } from './world.ts';

const inode = { ino: 7 as Ino, kind: 'file', mode: 0o000, uid: 1000, gid: 2000 } as const;
const member = { ...user(9), gid: 2000 };
const callers = [
  { name: 'owner', caller: user(1000), shift: 6 },
  { name: 'owner who is in the group as well', caller: user(1000, 2000), shift: 6 },
  { name: 'member by the first group', caller: member, shift: 3 },
  { name: 'member by a supplementary group', caller: user(9, 1, 2000), shift: 3 },
  { name: 'other', caller: user(9, 1), shift: 0 },
  { name: 'other with the number of the group', caller: { ...user(2000), gid: 5 }, shift: 0 },
] as const;

for (const { name, caller, shift } of callers) {
  test(`${name}: exactly one class of mode bits counts`, () => {
    for (let mode = 0; mode <= 0o777; mode += 1)
      assert.equal(grantedBits(caller, { ...inode, mode }), (mode >> shift) & 7);
  });
}

test('the superuser may all, but executes only what somebody may execute', () => {
  for (const caller of [root, s3]) {
    for (let mode = 0; mode <= 0o777; mode += 1) {
      const executes = (mode & 0o111) !== 0 ? EXECUTE : 0;
      assert.equal(grantedBits(caller, { ...inode, mode }), READ | WRITE | executes);
      assert.equal(grantedBits(caller, { ...inode, mode, kind: 'directory' }), 7);
    }
  }
});

const contents = [
  { name: 'the owner reads without a bit', caller: user(1000), mode: 0, bits: READ, may: true },
  { name: 'the owner writes without a bit', caller: user(1000), mode: 0, bits: WRITE, may: true },
  { name: 'who may execute may read', caller: user(9), mode: 0o001, bits: READ, may: true },
  { name: 'who may execute may not write', caller: user(9), mode: 0o001, bits: WRITE, may: false },
  { name: 'a member reads by the bit', caller: member, mode: 0o040, bits: READ, may: true },
  {
    name: 'a member does not read by the bit of others',
    caller: member,
    mode: 0o004,
    bits: READ,
    may: false,
  },
  { name: 'the superuser writes', caller: root, mode: 0, bits: WRITE, may: true },
] as const; // RFC 1813 §4.4

for (const { name, caller, mode, bits, may } of contents) {
  test(`content: ${name}`, () => {
    const check = (): void => requireContentAccess(caller, { ...inode, mode }, bits);
    if (may) assert.doesNotThrow(check);
    else assert.throws(check, (fault) => fault instanceof Fault && fault.code === 'access-denied');
  });
}
