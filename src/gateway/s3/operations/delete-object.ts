import { Type } from '@sinclair/typebox';
import { actorOf } from '../actor.ts';
import { mayBypass } from '../authorise.ts';
import { deleteExpectation } from '../conditions.ts';
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
    lastModified: text,
    size: Type.Optional(Type.Integer({ minimum: 0 })),
    bypassGovernance: text,
  }),
  bindings: {
    ...objectMembers.bindings,
    ...versionMembers.bindings,
    ifMatch: header('if-match'),
    lastModified: header('x-amz-if-match-last-modified-time'),
    size: header('x-amz-if-match-size'),
    bypassGovernance: header('x-amz-bypass-governance-retention'),
  },
  success: 204,
  async handle(context, input) {
    const { key, ifMatch, lastModified, size } = input;
    const expect = deleteExpectation({ ifMatch, lastModified, size });
    const bypassesGovernance = isTrue(input.bypassGovernance) && (await mayBypass(context, input));
    const at = { ...versionAt(context, input), by: actorOf(context, 'DeleteObject') };
    const removal = await publishing({ key, expect }, () =>
      context.parts.objects.removeKey({ ...at, expect, bypassesGovernance }),
    );
    const marker = removal.isDeleteMarker ? ['x-amz-delete-marker', 'true'] : [];
    return { headers: [...versionHeaders(context, removal.versionId), ...marker] };
  },
});
