import { Ajv } from 'ajv';
import { test } from 'node:test';
import { operations } from '../../../src/gateway/s3/table.ts';

for (const operation of operations) {
  test(`the schema of ${operation.name} is a valid JSON schema`, () => {
    const ajv = new Ajv({ strict: true });
    ajv.addVocabulary(['s3', 'kind']);
    ajv.compile(operation.input);
  });
}
