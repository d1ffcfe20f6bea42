import type { Fault } from '../../../fault.ts';
import type { Refusal } from '../../../signing/verify.ts';

/** Status of each error. AWS STS API reference, "Common errors" and the errors of each action. */
const stsErrorCodes = {
  AccessDenied: 403,
  ExpiredToken: 403,
  IncompleteSignature: 400,
  InternalFailure: 500,
  InvalidAction: 400,
  InvalidClientTokenId: 403,
  InvalidParameterValue: 400,
  MalformedPolicyDocument: 400,
  MalformedQueryString: 404,
  MissingAction: 400,
  MissingAuthenticationToken: 403,
  RequestEntityTooLarge: 413,
  SignatureDoesNotMatch: 403,
  ValidationError: 400,
} as const satisfies Readonly<Record<string, number>>;
export type StsErrorCode = keyof typeof stsErrorCodes;

/** An answer of STS that is an error. */
export class StsError extends Error {
  override readonly name = 'StsError';
  readonly code: StsErrorCode;

  constructor(code: StsErrorCode, message: string) {
    super(message);
    this.code = code;
  }

  get status(): number {
    return stsErrorCodes[this.code];
  }
}

const byReason = {
  missing: 'MissingAuthenticationToken',
  malformed: 'IncompleteSignature',
  'wrong-scope': 'SignatureDoesNotMatch',
  skewed: 'SignatureDoesNotMatch',
  mismatch: 'SignatureDoesNotMatch',
  'unknown-key': 'InvalidClientTokenId',
  'invalid-token': 'InvalidClientTokenId',
  'expired-token': 'ExpiredToken',
} as const satisfies Record<Refusal['reason'], StsErrorCode>;

export const refusalError = ({ reason, message }: Refusal): StsError =>
  new StsError(byReason[reason], message);

/** What a fault of the caller is called here; `undefined`: it is ours. */
export function faultError({ code, subject, detail }: Fault): StsError | undefined {
  if (code !== 'invalid-argument') return undefined;
  if (subject === 'policy') return new StsError('MalformedPolicyDocument', detail);
  if (subject === 'request')
    return new StsError('MalformedQueryString', 'The query string contains a syntax error.');
  return undefined;
}
