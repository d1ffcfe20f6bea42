import { Type, type Static } from '@sinclair/typebox';
import { Fault } from '../../../fault.ts';
import { DELETES_PARALLEL_MAX, KEY_BYTES_MAX, LIST_ENTRIES_MAX } from '../../../limits.ts';
import { actionFor } from '../actions.ts';
import { actorOf } from '../actor.ts';
import { mayBypass } from '../authorise.ts';
import { deleteExpectation } from '../conditions.ts';
import { codeOf, S3Error } from '../errors.ts';
import { versionText, type Removal } from '../../../namespace/version.ts';
import { bucketMembers, header, isTrue, text } from '../members.ts';
import { operation, type S3Context } from '../operation.ts';
import { publishing } from '../publish.ts';
import { versionAt } from '../version.ts';
import { xmlElement, xmlHead, xmlNamespace } from '../xml.ts';

const deletion = Type.Object({
  Key: Type.String({ minLength: 1 }),
  VersionId: Type.Optional(Type.String()),
  ETag: Type.Optional(Type.String()),
  LastModifiedTime: Type.Optional(Type.String()),
  Size: Type.Optional(Type.Integer({ minimum: 0 })),
});

/** AWS API reference, DeleteObjects. */
export const deleteObjects = operation({
  name: 'DeleteObjects',
  route: { method: 'POST', level: 'bucket', query: { delete: true } },
  action: 's3:DeleteObject',
  input: Type.Object({
    ...bucketMembers.input,
    bypassGovernance: text,
    delete: Type.Object({
      Quiet: Type.Optional(Type.Boolean()),
      Object: Type.Array(deletion, { minItems: 1, maxItems: LIST_ENTRIES_MAX }),
    }),
  }),
  bindings: {
    ...bucketMembers.bindings,
    bypassGovernance: header('x-amz-bypass-governance-retention'),
    delete: { in: 'xml', root: 'Delete', integrity: 'required' },
  },
  success: 200,
  async handle(context, { bypassGovernance, delete: { Quiet: isQuiet = false, Object: objects } }) {
    const how = { isQuiet, wantsBypass: isTrue(bypassGovernance) };
    const outcomes: string[] = new Array<string>(objects.length);
    let next = 0;
    const work = async (): Promise<void> => {
      for (let index = next++; index < objects.length; index = next++) {
        outcomes[index] = await remove(context, objects[index] as Deletion, how);
      }
    };
    await Promise.all(Array.from({ length: Math.min(DELETES_PARALLEL_MAX, objects.length) }, work));
    return {
      headers: [],
      body: `${xmlHead}<DeleteResult${xmlNamespace}>${outcomes.join('')}</DeleteResult>`,
    };
  },
});

type Deletion = Static<typeof deletion>;

/** One key's element of the result. A refusal is part of the answer; only what is unexpected fails the request. */
async function remove(
  context: S3Context,
  wish: Deletion,
  { isQuiet, wantsBypass }: { readonly isQuiet: boolean; readonly wantsBypass: boolean },
): Promise<string> {
  const version = wish.VersionId === undefined ? '' : xmlElement('VersionId', wish.VersionId);
  try {
    if (Buffer.byteLength(wish.Key) > KEY_BYTES_MAX) throw new S3Error('KeyTooLongError');
    const { ETag: ifMatch, LastModifiedTime: lastModified, Size: size } = wish;
    const expect = deleteExpectation({ ifMatch, lastModified, size });
    const named = {
      key: wish.Key,
      ...(wish.VersionId === undefined ? {} : { versionId: wish.VersionId }),
    };
    const action = actionFor('s3:DeleteObject', wish.VersionId);
    await context.access.require({ action, bucket: context.bucket, ...named });
    const bypassesGovernance = wantsBypass && (await mayBypass(context, named));
    const at = { ...versionAt(context, named), by: actorOf(context, 'DeleteObjects') };
    const removal = await publishing({ key: wish.Key, expect }, () =>
      context.parts.objects.removeKey({ ...at, expect, bypassesGovernance }),
    );
    if (isQuiet) return '';
    return `<Deleted>${xmlElement('Key', wish.Key)}${version}${markerXml(removal)}</Deleted>`;
  } catch (failure) {
    const error = failure instanceof Fault ? new S3Error(codeOf(failure)) : failure;
    if (!(error instanceof S3Error) || error.status >= 500) throw failure;
    const text = xmlElement('Code', error.code) + xmlElement('Message', error.message);
    return `<Error>${xmlElement('Key', wish.Key)}${version}${text}</Error>`;
  }
}

/** AWS API reference, DeletedObject. */
const markerXml = ({ isDeleteMarker, versionId }: Removal): string =>
  isDeleteMarker && versionId !== undefined
    ? `<DeleteMarker>true</DeleteMarker>${xmlElement('DeleteMarkerVersionId', versionText(versionId))}`
    : '';
