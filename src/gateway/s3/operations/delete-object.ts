import { Type } from '@sinclair/typebox';
import { etagsOf } from '../conditions.ts';
import { header, isTrue, objectMembers, text } from '../members.ts';
import { operation } from '../operation.ts';
import { publishing } from '../publish.ts';
import { versionAt, versionHeaders, versionMembers } from '../version.ts';

/** AWS API reference, DeleteObject. A key that is not there is deleted already. */
export const deleteObject = operation({
  name: 'DeleteObject',
  route: { method: 'DELETE', level: 'object' },
  action: 's3:DeleteObject',
  input: Type.Object({
    ...objectMembers.input,
    ...versionMembers.input,
    ifMatch: text,
    bypassGovernance: text,
  }),
  bindings: {
    ...objectMembers.bindings,
    ...versionMembers.bindings,
    ifMatch: header('if-match'),
    bypassGovernance: header('x-amz-bypass-governance-retention'),
  },
  success: 204,
  async handle(context, input) {
    const { key, ifMatch } = input;
    const expect = ifMatch === undefined ? {} : { ifMatch: etagsOf(ifMatch) };
    const bypassesGovernance = isTrue(input.bypassGovernance);
    const removal = await publishing(context, { key, expect }, () =>
      context.parts.objects.removeKey({ ...versionAt(context, input), expect, bypassesGovernance }),
    );
    const marker = removal.isDeleteMarker ? ['x-amz-delete-marker', 'true'] : [];
    return { headers: [...versionHeaders(context, removal.versionId), ...marker] };
  },
});
