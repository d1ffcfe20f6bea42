import { Type } from '@sinclair/typebox';
import { operation } from '../operation.ts';
import { readingOf, readMembers } from '../reading.ts';
import { existing } from '../version.ts';

/** AWS API reference, HeadObject: what GetObject would answer, without the bytes. */
export const headObject = operation({
  name: 'HeadObject',
  route: { method: 'HEAD', level: 'object' },
  action: 's3:GetObject',
  input: Type.Object(readMembers.input),
  bindings: readMembers.bindings,
  success: 200,
  async handle(context, input) {
    const found = await existing(context, input);
    const { status, headers } = await readingOf(context, found, input);
    return { status, headers };
  },
});
