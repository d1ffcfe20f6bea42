import { Type } from '@sinclair/typebox';
import { tagConditionValues } from '../condition-keys.ts';
import { operation } from '../operation.ts';
import { objectTags, tagging, taggingDocument } from '../tags.ts';
import { existing, missing, objectVersionMembers, versionAt, versionHeaders } from '../version.ts';

/** AWS API reference, PutObjectTagging. */
export const putObjectTagging = operation({
  name: 'PutObjectTagging',
  route: { method: 'PUT', level: 'object', query: { tagging: true } },
  action: 's3:PutObjectTagging',
  input: Type.Object({ ...objectVersionMembers.input, tagging }),
  bindings: {
    ...objectVersionMembers.bindings,
    tagging: { in: 'xml', root: 'Tagging', integrity: 'required' },
  },
  success: 200,
  async handle(context, input) {
    const tags = objectTags(input.tagging);
    const found = await context.parts.objects.setTags(versionAt(context, input), tags);
    if (found === undefined) throw await missing(context, input);
    return { headers: versionHeaders(context, found.versionId) };
  },
  conditionValues: (input) => tagConditionValues(objectTags(input.tagging)),
});

/** AWS API reference, GetObjectTagging. */
export const getObjectTagging = operation({
  name: 'GetObjectTagging',
  route: { method: 'GET', level: 'object', query: { tagging: true } },
  action: 's3:GetObjectTagging',
  input: Type.Object(objectVersionMembers.input),
  bindings: objectVersionMembers.bindings,
  success: 200,
  async handle(context, input) {
    const found = await existing(context, input);
    return { headers: versionHeaders(context, found.versionId), body: taggingDocument(found.facet.tags) };
  },
});

/** AWS API reference, DeleteObjectTagging. */
export const deleteObjectTagging = operation({
  name: 'DeleteObjectTagging',
  route: { method: 'DELETE', level: 'object', query: { tagging: true } },
  action: 's3:DeleteObjectTagging',
  input: Type.Object(objectVersionMembers.input),
  bindings: objectVersionMembers.bindings,
  success: 204,
  async handle(context, input) {
    const found = await context.parts.objects.setTags(versionAt(context, input), []);
    if (found === undefined) throw await missing(context, input);
    return { headers: versionHeaders(context, found.versionId) };
  },
});
