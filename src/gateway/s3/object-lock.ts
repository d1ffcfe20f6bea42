import { Type, type Static } from '@sinclair/typebox';
import type { Time } from '../../environment.ts';
import { RETENTION_DAYS_MAX, RETENTION_YEARS_MAX } from '../../limits.ts';
import type { BucketRules, DefaultRetention, ObjectLock, Retention } from '../../namespace/version.ts';
import { invalidArgument, S3Error } from './errors.ts';
import { bucketOf, header, text } from './members.ts';
import type { S3Context } from './operation.ts';
import { isoDate } from './timestamp.ts';
import { xmlElement, xmlHead, xmlNamespace } from './xml.ts';

/** Object lock of what PutObject, CopyObject and CreateMultipartUpload make. */
export const lockMembers = {
  input: { lockMode: text, lockUntil: text, legalHold: text },
  bindings: {
    lockMode: header('x-amz-object-lock-mode'),
    lockUntil: header('x-amz-object-lock-retain-until-date'),
    legalHold: header('x-amz-object-lock-legal-hold'),
  },
} as const;

export interface LockInput {
  readonly lockMode?: string;
  readonly lockUntil?: string;
  readonly legalHold?: string;
}

/** `undefined`: nothing was asked for. AWS API reference, PutObject, x-amz-object-lock-*. */
export function lockOf(
  context: S3Context,
  { lockMode, lockUntil, legalHold }: LockInput,
): ObjectLock | undefined {
  if (lockMode === undefined && lockUntil === undefined && legalHold === undefined) return undefined;
  requireObjectLock(context);
  if (legalHold !== undefined && legalHold !== 'ON' && legalHold !== 'OFF')
    throw invalidArgument(
      "Legal Hold must be either of 'ON' or 'OFF'",
      'x-amz-object-lock-legal-hold',
      legalHold,
    );
  const isHeld = legalHold === 'ON';
  if (lockMode === undefined && lockUntil === undefined) return { retention: undefined, legalHold: isHeld };
  if (lockMode === undefined || lockUntil === undefined)
    throw new S3Error('InvalidArgument', {
      message: 'x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied',
      members: {
        ArgumentName:
          lockMode === undefined ? 'x-amz-object-lock-mode' : 'x-amz-object-lock-retain-until-date',
      },
    });
  if (lockMode !== 'GOVERNANCE' && lockMode !== 'COMPLIANCE')
    throw invalidArgument('Unknown wormMode directive.', 'x-amz-object-lock-mode', lockMode);
  return { retention: { mode: lockMode, until: futureDate(context, lockUntil) }, legalHold: isHeld };
}

/** AWS: retention and legal holds need a bucket with object lock. */
export function requireObjectLock(context: S3Context): void {
  if (bucketOf(context).rules.objectLock === undefined)
    throw new S3Error('InvalidRequest', { message: 'Bucket is missing Object Lock Configuration' });
}

function futureDate({ parts }: S3Context, date: string): Time {
  const milliseconds = /^\d{4}-\d\d-\d\dT/.test(date) ? Date.parse(date) : NaN;
  if (Number.isNaN(milliseconds))
    throw invalidArgument(
      'The retain until date must be provided in ISO 8601 format',
      'x-amz-object-lock-retain-until-date',
      date,
    );
  const seconds = Math.floor(milliseconds / 1000);
  if (seconds <= parts.environment.clock.wall().seconds)
    throw invalidArgument(
      'The retain until date must be in the future!',
      'x-amz-object-lock-retain-until-date',
      date,
    );
  return { seconds, nanoseconds: (milliseconds - seconds * 1000) * 1_000_000 };
}

/** Answer headers of GetObject and HeadObject. */
export function lockHeaders({ retention, legalHold }: ObjectLock): readonly string[] {
  const hold = legalHold ? ['x-amz-object-lock-legal-hold', 'ON'] : [];
  if (retention === undefined) return hold;
  return [
    'x-amz-object-lock-mode',
    retention.mode,
    'x-amz-object-lock-retain-until-date',
    isoDate(retention.until),
    ...hold,
  ];
}

const mode = Type.Union([Type.Literal('GOVERNANCE'), Type.Literal('COMPLIANCE')]);

/** AWS API reference, ObjectLockRetention. Without members it takes the retention away. */
export const retentionDocument = Type.Object({
  Mode: Type.Optional(mode),
  RetainUntilDate: Type.Optional(Type.String()),
});

export function retentionFrom(
  context: S3Context,
  { Mode, RetainUntilDate }: Static<typeof retentionDocument>,
): Retention | 'none' {
  if (Mode === undefined && RetainUntilDate === undefined) return 'none';
  if (Mode === undefined || RetainUntilDate === undefined) throw new S3Error('MalformedXML');
  return { mode: Mode, until: futureDate(context, RetainUntilDate) };
}

export const retentionXml = ({ mode: chosen, until }: Retention): string =>
  `${xmlHead}<Retention${xmlNamespace}>${xmlElement('Mode', chosen)}` +
  `${xmlElement('RetainUntilDate', isoDate(until))}</Retention>`;

/** AWS API reference, ObjectLockConfiguration. */
export const objectLockDocument = Type.Object({
  ObjectLockEnabled: Type.Optional(Type.Literal('Enabled')),
  Rule: Type.Optional(
    Type.Object({
      DefaultRetention: Type.Object({
        Mode: mode,
        Days: Type.Optional(Type.Integer()),
        Years: Type.Optional(Type.Integer()),
      }),
    }),
  ),
});

/** The rules that a document asks for. */
export function objectLockFrom({
  ObjectLockEnabled,
  Rule,
}: Static<typeof objectLockDocument>): NonNullable<BucketRules['objectLock']> {
  if (ObjectLockEnabled === undefined) throw new S3Error('MalformedXML');
  if (Rule === undefined) return { defaultRetention: undefined };
  const { Mode, Days: days, Years: years } = Rule.DefaultRetention;
  if ((days === undefined) === (years === undefined)) throw new S3Error('MalformedXML');
  const amount = days ?? years ?? 0;
  const unit = days === undefined ? 'years' : 'days';
  const max = unit === 'days' ? RETENTION_DAYS_MAX : RETENTION_YEARS_MAX;
  if (amount <= 0)
    throw new S3Error('InvalidRetentionPeriod', {
      message: `Default retention period must be a positive integer value.`,
    });
  if (amount > max) throw new S3Error('InvalidRetentionPeriod');
  return { defaultRetention: { mode: Mode, unit, amount } };
}

export function objectLockXml({ defaultRetention }: NonNullable<BucketRules['objectLock']>): string {
  const rule = defaultRetention === undefined ? '' : ruleXml(defaultRetention);
  return (
    `${xmlHead}<ObjectLockConfiguration${xmlNamespace}>${xmlElement('ObjectLockEnabled', 'Enabled')}` +
    `${rule}</ObjectLockConfiguration>`
  );
}

const ruleXml = ({ mode: chosen, unit, amount }: DefaultRetention): string =>
  `<Rule><DefaultRetention>${xmlElement('Mode', chosen)}` +
  `${xmlElement(unit === 'days' ? 'Days' : 'Years', amount)}</DefaultRetention></Rule>`;
