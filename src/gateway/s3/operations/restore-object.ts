import { Type } from '@sinclair/typebox';
import { S3Error } from '../errors.ts';
import { objectMembers } from '../members.ts';
import { operation } from '../operation.ts';
import { isArchived } from '../storage-class.ts';
import { existing, versionMembers } from '../version.ts';

const tier = Type.Optional(Type.String({ enum: ['Standard', 'Bulk', 'Expedited'] }));

/**
 * AWS API reference, RestoreObject. Objects of archive classes are kept where they can be read at once (ADR 15): to the
 * client that is an object restored before, for which AWS answers 200.
 */
export const restoreObject = operation({
  name: 'RestoreObject',
  route: { method: 'POST', level: 'object', query: { restore: true } },
  action: 's3:RestoreObject',
  input: Type.Object({
    ...objectMembers.input,
    ...versionMembers.input,
    request: Type.Object({
      Days: Type.Optional(Type.Integer({ minimum: 1 })),
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
    if (!isArchived(storageClass))
      throw new S3Error('InvalidObjectState', {
        message: "Restore is not allowed for the object's current storage class",
        members: { StorageClass: storageClass },
      });
    return { headers: [] };
  },
});
