import { Type } from '@sinclair/typebox';
import { S3Error } from '../errors.ts';
import { bucketMembers, bucketOf } from '../members.ts';
import { operation } from '../operation.ts';
import { changingRules } from '../rules.ts';
import { xmlElement, xmlHead, xmlNamespace } from '../xml.ts';

const status = Type.Union([Type.Literal('Enabled'), Type.Literal('Suspended')]);

/** AWS API reference, PutBucketVersioning. MFA delete cannot be had. */
export const putBucketVersioning = operation({
  name: 'PutBucketVersioning',
  route: { method: 'PUT', level: 'bucket', query: { versioning: true } },
  action: 's3:PutBucketVersioning',
  input: Type.Object({
    ...bucketMembers.input,
    configuration: Type.Object({
      Status: Type.Optional(status),
      MfaDelete: Type.Optional(Type.Union([Type.Literal('Enabled'), Type.Literal('Disabled')])),
    }),
  }),
  bindings: {
    ...bucketMembers.bindings,
    configuration: { in: 'xml', root: 'VersioningConfiguration', integrity: 'optional' },
  },
  success: 200,
  async handle(context, { configuration: { Status, MfaDelete } }) {
    if (MfaDelete === 'Enabled')
      throw new S3Error('NotImplemented', {
        message: 'MFA delete implies functionality that is not implemented.',
      });
    if (Status === undefined)
      throw new S3Error('IllegalVersioningConfigurationException', {
        message: 'The Versioning element must be specified',
      });
    const versioning = Status === 'Enabled' ? 'enabled' : 'suspended';
    await changingRules(
      context,
      { versioning },
      {
        operation: 'PutBucketVersioning',
        refusal:
          'An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.',
      },
    );
    return { headers: [] };
  },
});

/** AWS API reference, GetBucketVersioning: empty for a bucket that never had it. */
export const getBucketVersioning = operation({
  name: 'GetBucketVersioning',
  route: { method: 'GET', level: 'bucket', query: { versioning: true } },
  action: 's3:GetBucketVersioning',
  input: Type.Object(bucketMembers.input),
  bindings: bucketMembers.bindings,
  success: 200,
  handle(context) {
    const { versioning } = bucketOf(context).rules;
    const element =
      versioning === 'off' ? '' : xmlElement('Status', versioning === 'enabled' ? 'Enabled' : 'Suspended');
    const body = `${xmlHead}<VersioningConfiguration${xmlNamespace}>${element}</VersioningConfiguration>`;
    return Promise.resolve({ headers: [], body });
  },
});
