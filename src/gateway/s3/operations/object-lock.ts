import { Type } from '@sinclair/typebox';
import type { Found } from '../../../namespace/namespace.ts';
import type { LockChange } from '../../../namespace/version.ts';
import { actorOf } from '../actor.ts';
import { mayBypass } from '../authorise.ts';
import { S3Error } from '../errors.ts';
import { bucketMembers, bucketOf, header, isTrue, text } from '../members.ts';
import {
  objectLockDocument,
  objectLockFrom,
  objectLockXml,
  requireObjectLock,
  retentionDocument,
  retentionFrom,
  retentionXml,
} from '../object-lock.ts';
import { operation, type S3Context } from '../operation.ts';
import { changingRules } from '../rules.ts';
import { existing, missing, objectVersionMembers, versionAt, versionHeaders } from '../version.ts';
import { xmlElement, xmlHead, xmlNamespace } from '../xml.ts';

interface VersionInput {
  readonly key: string;
  readonly versionId?: string;
}

async function lockable(context: S3Context, input: VersionInput): Promise<Found> {
  requireObjectLock(context);
  return existing(context, input);
}

async function change(
  context: S3Context,
  { operation: name, ...input }: VersionInput & { readonly operation: string },
  wish: LockChange,
): Promise<readonly string[]> {
  requireObjectLock(context);
  const at = { ...versionAt(context, input), by: actorOf(context, name) };
  const found = await context.parts.objects.setLock(at, wish);
  if (found === undefined) throw await missing(context, input);
  return versionHeaders(context, found.versionId);
}

/** AWS API reference, PutObjectLockConfiguration. */
export const putObjectLockConfiguration = operation({
  name: 'PutObjectLockConfiguration',
  route: { method: 'PUT', level: 'bucket', query: { 'object-lock': true } },
  action: 's3:PutBucketObjectLockConfiguration',
  input: Type.Object({ ...bucketMembers.input, configuration: objectLockDocument }),
  bindings: {
    ...bucketMembers.bindings,
    configuration: { in: 'xml', root: 'ObjectLockConfiguration', integrity: 'optional' },
  },
  success: 200,
  async handle(context, { configuration }) {
    await changingRules(
      context,
      { objectLock: objectLockFrom(configuration) },
      {
        operation: 'PutObjectLockConfiguration',
        refusal: "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration",
      },
    );
    return { headers: [] };
  },
});

/** AWS API reference, GetObjectLockConfiguration. */
export const getObjectLockConfiguration = operation({
  name: 'GetObjectLockConfiguration',
  route: { method: 'GET', level: 'bucket', query: { 'object-lock': true } },
  action: 's3:GetBucketObjectLockConfiguration',
  input: Type.Object(bucketMembers.input),
  bindings: bucketMembers.bindings,
  success: 200,
  handle(context) {
    const { name, rules } = bucketOf(context);
    if (rules.objectLock === undefined)
      throw new S3Error('ObjectLockConfigurationNotFoundError', { members: { BucketName: name } });
    return Promise.resolve({ headers: [], body: objectLockXml(rules.objectLock) });
  },
});

/** AWS API reference, PutObjectRetention. */
export const putObjectRetention = operation({
  name: 'PutObjectRetention',
  route: { method: 'PUT', level: 'object', query: { retention: true } },
  action: 's3:PutObjectRetention',
  input: Type.Object({ ...objectVersionMembers.input, bypassGovernance: text, retention: retentionDocument }),
  bindings: {
    ...objectVersionMembers.bindings,
    bypassGovernance: header('x-amz-bypass-governance-retention'),
    retention: { in: 'xml', root: 'Retention', integrity: 'optional' },
  },
  success: 200,
  async handle(context, input) {
    requireObjectLock(context);
    const retention = retentionFrom(context, input.retention);
    const bypassesGovernance = isTrue(input.bypassGovernance) && (await mayBypass(context, input));
    return {
      headers: await change(
        context,
        { ...input, operation: 'PutObjectRetention' },
        { retention, bypassesGovernance },
      ),
    };
  },
  conditionValues({ retention: { Mode, RetainUntilDate } }) {
    return new Map([
      ...(Mode === undefined ? [] : [['s3:object-lock-mode', [Mode]] as const]),
      ...(RetainUntilDate === undefined
        ? []
        : [['s3:object-lock-retain-until-date', [RetainUntilDate]] as const]),
    ]);
  },
});

/** AWS API reference, GetObjectRetention. */
export const getObjectRetention = operation({
  name: 'GetObjectRetention',
  route: { method: 'GET', level: 'object', query: { retention: true } },
  action: 's3:GetObjectRetention',
  input: Type.Object(objectVersionMembers.input),
  bindings: objectVersionMembers.bindings,
  success: 200,
  async handle(context, input) {
    const { lock, versionId } = await lockable(context, input);
    if (lock.retention === undefined) throw new S3Error('NoSuchObjectLockConfiguration');
    return { headers: versionHeaders(context, versionId), body: retentionXml(lock.retention) };
  },
});

/** AWS API reference, PutObjectLegalHold. */
export const putObjectLegalHold = operation({
  name: 'PutObjectLegalHold',
  route: { method: 'PUT', level: 'object', query: { 'legal-hold': true } },
  action: 's3:PutObjectLegalHold',
  input: Type.Object({
    ...objectVersionMembers.input,
    hold: Type.Object({ Status: Type.Union([Type.Literal('ON'), Type.Literal('OFF')]) }),
  }),
  bindings: {
    ...objectVersionMembers.bindings,
    hold: { in: 'xml', root: 'LegalHold', integrity: 'optional' },
  },
  success: 200,
  async handle(context, input) {
    const legalHold = input.hold.Status === 'ON';
    return {
      headers: await change(
        context,
        { ...input, operation: 'PutObjectLegalHold' },
        { legalHold, bypassesGovernance: false },
      ),
    };
  },
  conditionValues: ({ hold }) => new Map([['s3:object-lock-legal-hold', [hold.Status]]]),
});

/** AWS API reference, GetObjectLegalHold. */
export const getObjectLegalHold = operation({
  name: 'GetObjectLegalHold',
  route: { method: 'GET', level: 'object', query: { 'legal-hold': true } },
  action: 's3:GetObjectLegalHold',
  input: Type.Object(objectVersionMembers.input),
  bindings: objectVersionMembers.bindings,
  success: 200,
  async handle(context, input) {
    const { lock, versionId } = await lockable(context, input);
    const status = xmlElement('Status', lock.legalHold ? 'ON' : 'OFF');
    return {
      headers: versionHeaders(context, versionId),
      body: `${xmlHead}<LegalHold${xmlNamespace}>${status}</LegalHold>`,
    };
  },
});
