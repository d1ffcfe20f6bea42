import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CHANGE_ATTEMPTS_MAX } from '../../src/limits.ts';
import { attempting } from '../../src/namespace/attempts.ts';
import { faultOf } from './fault-of.ts';

test('what others change each time ends in a fault that says to come back', async () => {
  let attempts = 0;
  const never = attempting('object', async () => {
    attempts += 1;
    return undefined;
  });
  assert.equal(await faultOf(never), 'throttled');
  assert.equal(attempts, CHANGE_ATTEMPTS_MAX);
});

test('the first answer counts, and a failure is no answer', async () => {
  const answers = [undefined, undefined, 'done', 'never'];
  assert.equal(await attempting('object', async () => answers.shift()), 'done');
  assert.deepEqual(answers, ['never']);
  await assert.rejects(
    attempting('object', () => Promise.reject(new Error('broken'))),
    /broken/,
  );
});
