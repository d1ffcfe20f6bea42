import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../src/fault.ts';
import { bytes, get, openWorld, put, root, text, user } from './world.ts';

const faults =
  (code: string) =>
  (fault: unknown): boolean =>
    fault instanceof Fault && fault.code === code;

test('extended attributes stay through edits of the content, a change of mode and a rename', async () => {
  const world = await openWorld();
  const { files, objects } = world.namespace;
  const bucket = await objects.createBucket(root, 'b');
  const { ino } = (await put(world, bucket, 'file', 'one')).attributes;
  await files.setExtendedAttribute(root, ino, { name: 'user.colour', value: bytes('red') });
  await files.write(root, ino, { offset: 3, data: bytes(' two'), stable: true });
  await files.setAttributes(root, ino, { wish: { mode: 0o600 } });
  await files.rename(root, {
    from: { directory: bucket.ino, name: bytes('file') },
    to: { directory: bucket.ino, name: bytes('moved') },
  });
  const kept = await files.extendedAttributes(root, ino);
  assert.deepEqual([...kept.keys()], ['user.colour']);
  assert.equal(text(kept.get('user.colour') ?? new Uint8Array(0)), 'red');
  assert.equal(String(await get(world, bucket, 'moved')), 'one two');
  await files.setExtendedAttribute(root, ino, { name: 'user.colour', value: undefined });
  assert.equal((await files.extendedAttributes(root, ino)).size, 0);
});

const refused = [
  {
    name: 'removing one that is not there',
    code: 'not-found',
    attribute: { name: 'user.none', value: undefined },
  },
  { name: 'an empty name', code: 'invalid-argument', attribute: { name: '', value: bytes('x') } },
  {
    name: 'a name of 256 bytes',
    code: 'invalid-argument',
    attribute: { name: 'x'.repeat(256), value: bytes('x') },
  },
  {
    name: 'a value over the bound',
    code: 'too-large',
    attribute: { name: 'user.x', value: Buffer.alloc(32_769) },
  },
  {
    name: 'a caller who may not write',
    code: 'access-denied',
    caller: user(7),
    attribute: { name: 'user.x', value: bytes('x') },
  },
] as const;
for (const { name, code, attribute, ...rest } of refused) {
  test(`an extended attribute is refused: ${name}`, async () => {
    const world = await openWorld();
    const bucket = await world.namespace.objects.createBucket(root, 'b');
    const { ino } = (await put(world, bucket, 'file', 'one')).attributes;
    const caller = 'caller' in rest ? rest.caller : root;
    await assert.rejects(world.namespace.files.setExtendedAttribute(caller, ino, attribute), faults(code));
  });
}

test('all extended attributes of an inode together are bounded', async () => {
  const world = await openWorld();
  const bucket = await world.namespace.objects.createBucket(root, 'b');
  const { ino } = (await put(world, bucket, 'file', 'one')).attributes;
  const set = (name: string): Promise<void> =>
    world.namespace.files.setExtendedAttribute(root, ino, { name, value: Buffer.alloc(32_000) });
  await set('user.one');
  await set('user.two');
  await assert.rejects(set('user.three'), faults('no-space'));
  assert.equal((await world.namespace.files.extendedAttributes(root, ino)).size, 2);
});
