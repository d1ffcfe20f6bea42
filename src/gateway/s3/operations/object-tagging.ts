import { Type } from '@sinclair/typebox';
import { tagConditionValues } from '../condition-keys.ts';
import { bucketOf, keyBytes, objectMembers, query, text } from '../members.ts';
import { operation } from '../operation.ts';
import { noSuchKey } from '../publish.ts';
import { objectTags, tagging, taggingDocument } from '../tags.ts';
import { checkVersion } from '../version.ts';

const members = {
  input: { ...objectMembers.input, versionId: text },
  bindings: { ...objectMembers.bindings, versionId: query('versionId') },
} as const;

/** AWS API reference, PutObjectTagging. */
export const putObjectTagging = operation({
  name: 'PutObjectTagging',
  route: { method: 'PUT', level: 'object', query: { tagging: true } },
  action: 's3:PutObjectTagging',
  input: Type.Object({ ...members.input, tagging }),
  bindings: { ...members.bindings, tagging: { in: 'xml', root: 'Tagging', integrity: 'required' } },
  success: 200,
  async handle(context, input) {
    checkVersion(input.versionId);
    const tags = objectTags(input.tagging);
    const at = { bucket: bucketOf(context).ino, key: keyBytes(input.key) };
    if ((await context.parts.objects.setTags(at, tags)) === undefined) throw noSuchKey(input.key);
    return { headers: [] };
  },
  conditionValues: (input) => tagConditionValues(objectTags(input.tagging)),
});

/** AWS API reference, GetObjectTagging. */
export const getObjectTagging = operation({
  name: 'GetObjectTagging',
  route: { method: 'GET', level: 'object', query: { tagging: true } },
  action: 's3:GetObjectTagging',
  input: Type.Object(members.input),
  bindings: members.bindings,
  success: 200,
  async handle(context, { key, versionId }) {
    checkVersion(versionId);
    const found = await context.parts.objects.head({ bucket: bucketOf(context).ino, key: keyBytes(key) });
    if (found === undefined) throw noSuchKey(key);
    return { headers: [], body: taggingDocument(found.facet.tags) };
  },
});

/** AWS API reference, DeleteObjectTagging. */
export const deleteObjectTagging = operation({
  name: 'DeleteObjectTagging',
  route: { method: 'DELETE', level: 'object', query: { tagging: true } },
  action: 's3:DeleteObjectTagging',
  input: Type.Object(members.input),
  bindings: members.bindings,
  success: 204,
  async handle(context, { key, versionId }) {
    checkVersion(versionId);
    const at = { bucket: bucketOf(context).ino, key: keyBytes(key) };
    if ((await context.parts.objects.setTags(at, [])) === undefined) throw noSuchKey(key);
    return { headers: [] };
  },
});
