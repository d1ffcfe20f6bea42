import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeExport, encodeExport, exportKey, nameOfExportKey } from '../../src/exports/records.ts';
import { Fault } from '../../src/fault.ts';
import { MemoryEngine } from '../../src/kv/memory.ts';
import { EXPORT_RULES_MAX } from '../../src/limits.ts';
import { memoryExports, ruleWith } from './memory-exports.ts';

const declared = ruleWith({ bucket: 'photos' });

test('rules made at run time come first, by name, are replaced, and outlive a restart', async () => {
  const engine = new MemoryEngine();
  const rules = await memoryExports([declared], engine);
  await rules.put('b', ruleWith({ access: 'ro' }));
  await rules.put('a', ruleWith({ bucket: 'logs' }));
  await rules.put('b', ruleWith({ access: 'none' }));
  const want = [
    { name: 'a', rule: ruleWith({ bucket: 'logs' }) },
    { name: 'b', rule: ruleWith({ access: 'none' }) },
    { name: undefined, rule: declared },
  ];
  assert.deepEqual(rules.list(), want);
  assert.deepEqual((await memoryExports([declared], engine)).list(), want);
  await rules.remove('a');
  assert.deepEqual((await memoryExports([], engine)).list(), want.slice(1, 2));
});

test('the list is the same array until something changes', async () => {
  const rules = await memoryExports([declared]);
  const before = rules.list();
  assert.equal(rules.list(), before);
  await rules.put('a', declared);
  const after = rules.list();
  assert.notEqual(after, before);
  await rules.remove('a');
  assert.notEqual(rules.list(), after);
});

test('a row from before a member was there has its default', async () => {
  const engine = new MemoryEngine();
  const stored = encodeExport('{"clients":["10.0.0.0/8"]}');
  await engine.write([{ key: exportKey('old'), value: stored }], true);
  assert.deepEqual((await memoryExports([], engine)).list(), [
    { name: 'old', rule: ruleWith({ clients: ['10.0.0.0/8'] }) },
  ]);
});

const refused = [
  { name: 'a client that is none', rule: { clients: ['10.0.0/8'] }, want: 'invalid-argument' },
  {
    name: 'certificates in clear text',
    rule: { certificates: ['a.example'], sec: ['sys'] },
    want: 'invalid-argument',
  },
  {
    name: 'two meanings for one id',
    rule: {
      uids: [
        { client: 1000, server: 1, count: 10 },
        { client: 1009, server: 50, count: 1 },
      ],
    },
    want: 'invalid-argument',
  },
] as const;
for (const { name, rule, want } of refused) {
  test(`refused: ${name}`, async () => {
    const rules = await memoryExports();
    await assert.rejects(
      rules.put('a', { ...ruleWith({}), ...rule } as never),
      (failure) => failure instanceof Fault && failure.code === want && failure.subject === 'export',
    );
    assert.deepEqual(rules.list(), []);
  });
}

test('there are no more rules than may be, but those that are there can be changed', async () => {
  const rules = await memoryExports();
  for (let index = 0; index < EXPORT_RULES_MAX; index++) await rules.put(`r${index}`, declared);
  await assert.rejects(rules.put('more', declared), /quota-exceeded/);
  await rules.put('r0', ruleWith({ access: 'ro' }));
  assert.equal(rules.list().length, EXPORT_RULES_MAX);
});

test('what is not there cannot be removed', async () =>
  assert.rejects((await memoryExports([declared])).remove('a'), /export: not-found: There is no export a/));

test('records: what was written is what is read', () =>
  fc.assert(
    fc.property(fc.string(), fc.stringMatching(/^[A-Za-z0-9_.-]{1,64}$/), (json, name) => {
      assert.equal(decodeExport(encodeExport(json)), json);
      assert.equal(nameOfExportKey(exportKey(name)), name);
    }),
  ));
