import type { Condition } from '../../policy/condition.ts';
import { addressRange } from '../../policy/address-range.ts';
import type { Policy, Statement } from '../../policy/policy.ts';

/**
 * Does the policy let in anyone? Only a fixed principal, or a condition with fixed values of a key that says who or where
 * a caller is, keeps a statement from being public. AWS User Guide, "The meaning of public".
 */
export const isPublic = ({ statements }: Policy): boolean => statements.some(letsInAnyone);

const letsInAnyone = ({ effect, principals, conditions }: Statement): boolean =>
  effect === 'Allow' && principals?.isEveryone === true && !conditions.some(isNarrow);

/** Keys whose fixed values narrow a statement to somebody. */
const narrowing: ReadonlySet<string> = new Set([
  'aws:principalorgid',
  'aws:sourceaccount',
  'aws:sourcearn',
  'aws:sourceowner',
  'aws:sourcevpc',
  'aws:sourcevpce',
  'aws:userid',
  's3:dataaccesspointaccount',
  's3:dataaccesspointarn',
  's3:x-amz-server-side-encryption-aws-kms-key-id',
]);

const equality: ReadonlySet<string> = new Set([
  'ArnEquals',
  'ArnLike',
  'StringEquals',
  'StringEqualsIgnoreCase',
  'StringLike',
]);

function isNarrow({ operator, key, values, set, isOptional }: Condition): boolean {
  // With these a request without the key passes.
  if (isOptional || set === 'all' || values.length === 0) return false;
  if (operator === 'IpAddress') return key === 'aws:sourceip' && values.every(isNarrowRange);
  return equality.has(operator) && narrowing.has(key) && values.every((value) => !/[*?]|\$\{/.test(value));
}

/** AWS: ranges wider than these are public, as is most of what they hold. */
const prefixLengthMin = { ipv4: 8, ipv6: 32 } as const;

function isNarrowRange(text: string): boolean {
  const range = addressRange(text);
  return range !== undefined && range.prefixLength >= prefixLengthMin[range.family];
}
