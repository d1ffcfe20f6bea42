import { Type } from '@sinclair/typebox';
import { RESTORE_DAYS_MAX } from '../../../limits/storage-policy.ts';
import { S3Error } from '../errors.ts';
import { objectMembers } from '../members.ts';
import { operation } from '../operation.ts';
import { isArchived } from '../storage-class.ts';
import { existing, versionMembers } from '../version.ts';

const speeds = Type.Unsafe<'Standard' | 'Bulk' | 'Expedited'>({
  type: 'string',
  enum: ['Standard', 'Bulk', 'Expedited'],
});
const tier = Type.Optional(speeds);

/**
 * AWS API reference, RestoreObject. What counts is where the content lies, whatever the class (ADR 39). An object of an archive
 * class that can be read at once is to the client one that was restored before, for which AWS answers 200.
 */
export const restoreObject = operation({
  name: 'RestoreObject',
  route: { method: 'POST', level: 'object', query: { restore: true } },
  action: 's3:RestoreObject',
  input: Type.Object({
    ...objectMembers.input,
    ...versionMembers.input,
    request: Type.Object({
      Days: Type.Optional(Type.Integer({ minimum: 1, maximum: RESTORE_DAYS_MAX })),
      GlacierJobParameters: Type.Optional(Type.Object({ Tier: tier })),
      Tier: tier,
      Type: Type.Optional(Type.String()),
      SelectParameters: Type.Optional(Type.Object({})),
      OutputLocation: Type.Optional(Type.Object({})),
    }),
  }),
  bindings: {
    ...objectMembers.bindings,
    ...versionMembers.bindings,
    request: { in: 'xml', root: 'RestoreRequest', integrity: 'optional' },
  },
  success: 200,
  async handle(context, wish) {
    const { request } = wish;
    if (request.Type ?? request.SelectParameters ?? request.OutputLocation)
      throw new S3Error('NotImplemented', {
        message: 'A restore request with a query (SELECT) implies functionality that is not implemented.',
      });
    if (request.Days === undefined) throw new S3Error('MalformedXML');
    const found = await existing(context, wish);
    const { storageClass } = found.facet;
    const { Tier: speed = request.Tier ?? 'Standard' } = request.GlacierJobParameters ?? {};
    if (speed === 'Expedited' && storageClass === 'DEEP_ARCHIVE')
      throw new S3Error('InvalidArgument', {
        message: 'Retrieval option is not supported by this storage class',
      });
    const outcome = await context.parts.restores.request(found.attributes.ino, { days: request.Days, speed });
    if (outcome === 'begun') return { status: 202, headers: [] };
    if (outcome === 'under-way') throw new S3Error('RestoreAlreadyInProgress');
    if (outcome === 'needless' && !isArchived(storageClass))
      throw new S3Error('InvalidObjectState', {
        message: "Restore is not allowed for the object's current storage class",
        members: { StorageClass: storageClass },
      });
    return { headers: [] };
  },
});
