import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { AdminDoor } from '../../../src/gateway/admin/serve.ts';
import { root } from '../../accounts/memory-accounts.ts';
import { memoryExports, ruleWith } from '../../exports/memory-exports.ts';
import { signedCall, type Answer } from './signed-call.ts';
import { openQuietDoor } from './quiet-door.ts';

const declared = ruleWith({ clients: ['::1'] });

suite('exports over the admin address', () => {
  let door: AdminDoor;
  before(async () => {
    door = await openQuietDoor({
      exports: await memoryExports([declared]),
    });
  });
  after(() => door.close());

  const call = (method: string, path: string, body?: object): Promise<Answer> =>
    signedCall(`http://127.0.0.1:${door.address.port}${path}`, method, {
      ...root,
      ...(body !== undefined && { body }),
    });

  test('a rule is made with its defaults, listed before those of the config, replaced and removed', async () => {
    const made = await call('PUT', '/v1/exports/lab', { clients: ['10.0.0.0/8'], bucket: 'photos' });
    assert.equal(made.status, 200, made.text);
    const rule = ruleWith({ clients: ['10.0.0.0/8'], bucket: 'photos' });
    assert.deepEqual(JSON.parse(made.text), { name: 'lab', rule, declared: false });
    const again = await call('PUT', '/v1/exports/lab', { clients: ['*'], access: 'none' });
    assert.equal(again.status, 200, again.text);
    const listed = JSON.parse((await call('GET', '/v1/exports')).text);
    assert.deepEqual(listed.exports, [
      { name: 'lab', rule: ruleWith({ clients: ['*'], access: 'none' }), declared: false },
      { rule: declared, declared: true },
    ]);
    assert.equal((await call('DELETE', '/v1/exports/lab')).status, 204);
    assert.equal((await call('DELETE', '/v1/exports/lab')).status, 404);
  });

  const mistakes = [
    { path: 'a', body: {}, want: /required property 'clients'/ },
    { path: 'a', body: { clients: [] }, want: /fewer than 1 items/ },
    { path: 'a', body: { clients: ['10.0.0/8'] }, want: /"10\.0\.0\/8" is no client/ },
    {
      path: 'a',
      body: { clients: ['*'], access: 'write' },
      want: /must be equal to one of the allowed values/,
    },
    { path: 'a', body: { clients: ['*'], anonUid: -1 }, want: /must be >= 0/ },
    {
      path: 'a',
      body: { clients: ['*'], sec: ['krb5'] },
      want: /must be equal to one of the allowed values/,
    },
    { path: 'a', body: { clients: ['*'], options: 'rw' }, want: /additional properties/ },
    { path: 'a%20b', body: { clients: ['*'] }, want: /must match pattern/ },
  ];
  for (const { path, body, want } of mistakes) {
    test(`${path} ${JSON.stringify(body)} is 400 and one sentence`, async () => {
      const answer = await call('PUT', `/v1/exports/${path}`, body);
      assert.equal(answer.status, 400, answer.text);
      assert.match(JSON.parse(answer.text).error.message, want);
    });
  }

  test('who has not signed learns nothing', async () => {
    const answer = await fetch(`http://127.0.0.1:${door.address.port}/v1/exports`);
    assert.equal(answer.status, 401);
  });
});
