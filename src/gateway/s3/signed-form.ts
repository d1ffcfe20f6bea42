import { PRESIGN_SECONDS_MAX, SIGNATURE_SKEW_SECONDS_MAX } from '../../limits/s3.ts';
import { algorithm, equalsInConstantTime, signature } from '../../signing/sigv4.ts';
import { secondsOfTimestamp } from '../../signing/timestamp.ts';
import {
  credentialOf,
  hexBytes,
  versionRefused,
  type Authentication,
  type Authenticated,
} from './authenticate.ts';
import { invalidArgument, S3Error } from './errors.ts';
import type { FormFields } from './multipart-form.ts';
import { parseScope } from './signed-header.ts';
import { signatureV2 } from './sigv2.ts';

type Values = FormFields['values'];

/** Who signed the policy of a form, by version 4 or 2; `undefined` when nobody did and there is no policy. */
export function signedForm(auth: Authentication, values: Values): Authenticated | undefined {
  if (values.has('x-amz-algorithm') || values.has('x-amz-signature')) return signedV4(auth, values);
  if (values.has('awsaccesskeyid') || values.has('signature') || values.has('policy'))
    return signedV2(auth, values);
  return undefined;
}

/** `name` as AWS writes it. */
function required(values: Values, name: string): string {
  const value = values.get(name.toLowerCase());
  if (value !== undefined) return value;
  throw invalidArgument(
    `Bucket POST must contain a field named '${name}'.  If it is specified, please check the order of the fields.`,
    name,
    '',
  );
}

/** AWS: "Authenticating requests in browser-based uploads using POST (Signature Version 4)": the policy is what is signed. */
function signedV4(auth: Authentication, values: Values): Authenticated {
  const policy = required(values, 'Policy');
  const given = required(values, 'X-Amz-Signature');
  const timestamp = required(values, 'X-Amz-Date');
  const credential = required(values, 'X-Amz-Credential');
  if (required(values, 'X-Amz-Algorithm') !== algorithm)
    throw refuse('X-Amz-Algorithm only supports "AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256"');
  checkTimestamp(auth, timestamp);
  const scope = parseScope(credential, {
    region: auth.region,
    timestamp,
    refuse: (detail, members) => refuse(`Error parsing the X-Amz-Credential parameter; ${detail}`, members),
  });
  const { secret, principal } = credentialOf(auth, scope.accessKey, values.get('x-amz-security-token'));
  const wanted = signature(auth.keys.of(secret, scope), policy);
  if (!equalsInConstantTime(wanted, given)) throw mismatch(scope.accessKey, policy, given);
  return { principal, payload: { kind: 'unsigned' } };
}

const refuse = (message: string, members: Readonly<Record<string, string>> = {}): S3Error =>
  new S3Error('AuthorizationQueryParametersError', { message, members });

/** Beside the expiration of the policy: a signing key is good for a week. */
function checkTimestamp({ clock }: Authentication, timestamp: string): void {
  const signedAt = secondsOfTimestamp(timestamp);
  if (Number.isNaN(signedAt))
    throw refuse(`X-Amz-Date must be in the ISO8601 Long Format "yyyyMMdd'T'HHmmss'Z'"`);
  const now = clock.wall().seconds;
  if (signedAt - now > SIGNATURE_SKEW_SECONDS_MAX)
    throw new S3Error('AccessDenied', { message: 'Request is not yet valid' });
  if (now - signedAt > PRESIGN_SECONDS_MAX)
    throw new S3Error('AccessDenied', { message: 'Invalid according to Policy: Policy expired.' });
}

/** AWS: "Browser-based uploads using POST (AWS signature version 2)". */
function signedV2(auth: Authentication, values: Values): Authenticated {
  if (!auth.signatureV2) throw versionRefused();
  const accessKey = required(values, 'AWSAccessKeyId');
  const given = required(values, 'Signature');
  const policy = required(values, 'Policy');
  const { secret, principal } = credentialOf(auth, accessKey, values.get('x-amz-security-token'));
  if (!equalsInConstantTime(signatureV2(secret, policy), given)) throw mismatch(accessKey, policy, given);
  return { principal, payload: { kind: 'unsigned' } };
}

const mismatch = (accessKey: string, policy: string, given: string): S3Error =>
  new S3Error('SignatureDoesNotMatch', {
    members: {
      AWSAccessKeyId: accessKey,
      StringToSign: policy,
      SignatureProvided: given,
      StringToSignBytes: hexBytes(policy),
    },
  });
