import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { renderDocument } from '../../src/config/render.ts';
import { settings } from '../../src/config/settings.ts';

test('docs/config.md is what the schema says: run `npm run docs` after a change of src/config.ts', () =>
  assert.equal(readFileSync('docs/config.md', 'utf8'), renderDocument()));

test('every setting is explained, and no two share a flag or a variable', () => {
  for (const { path, description } of settings) assert.match(description, /^[A-Za-z].*\.$/, path);
  for (const names of [settings.map((it) => it.flag), settings.map((it) => it.variable)]) {
    const given = names.filter((it) => it !== undefined);
    assert.equal(new Set(given).size, given.length);
  }
});

test('a secret has no flag, because the list of processes shows flags', () =>
  assert.deepEqual(
    settings.filter(({ secret, flag }) => secret && flag !== undefined),
    [],
  ));
