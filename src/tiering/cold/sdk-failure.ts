import { Fault } from '../../fault.ts';
import { nameOf, type ColdPlace } from './cold-place.ts';

/** What failed: the key of an object, or none. */
interface Failed {
  readonly place: ColdPlace;
  readonly key: string;
  /** The access key that was given; `undefined`: the usual chain. */
  readonly accessKey: string | undefined;
  readonly role: StoreRole;
}

/** What a store is to the gateway, in words of sentences for operators. */
export interface StoreRole {
  readonly noun: string;
  /** Where its place was written. */
  readonly url: string;
  /** What the keys must be allowed to do. */
  readonly actions: string;
}

export const coldRole: StoreRole = {
  noun: 'cold store',
  url: '--cold',
  actions:
    's3:GetObject, s3:PutObject, s3:DeleteObject and s3:RestoreObject on its objects and s3:ListBucket on its bucket',
};

export const attachedRole: StoreRole = {
  noun: 'attached bucket',
  url: 'its URL',
  actions: 's3:GetObject on its objects and s3:ListBucket on the bucket',
};

/** Of what the SDK throws, as far as it is used: its own exceptions and those of sockets. */
interface SdkFailure {
  readonly name: string;
  readonly code: string;
  readonly message: string;
  readonly status: number | undefined;
}

/**
 * What the SDK throws as a Fault of the port, with a sentence that says what to do. Codes: AWS S3 API reference, Error
 * responses.
 */
export function faultOf(cause: unknown, failed: Failed): Fault {
  if (cause instanceof Fault) return cause;
  const failure = described(cause);
  const row = rows.find(
    ({ names, statuses = [] }) =>
      names?.test(failure.name) === true ||
      (failure.status === undefined ? names?.test(failure.code) === true : statuses.includes(failure.status)),
  );
  const { code, subject, says } = row ?? unreachable;
  return new Fault(code, subject, says(failed, failure), { cause });
}

interface Row extends Pick<Fault, 'code' | 'subject'> {
  readonly names?: RegExp;
  readonly statuses?: readonly number[];
  readonly says: (failed: Failed, failure: SdkFailure) => string;
}

const object = ({ key }: Failed, { name, message }: SdkFailure): string => `${key}: ${name}: ${message}`;
const keys = 'TERRACE_COLD_ACCESS_KEY_ID and TERRACE_COLD_SECRET_ACCESS_KEY';
const whose = ({ accessKey }: Failed): string =>
  accessKey === undefined ? 'the keys that AWS programs here use' : `the access key ${accessKey}`;

/**
 * First match decides. A status of 404 alone is none of them: what a proxy or a wrong address answers must not pass for
 * an object that is gone. The same for 503, which is an outage unless it says that it is not.
 */
const rows: readonly Row[] = [
  { names: /^(NoSuchKey|NoSuchVersion|NoSuchUpload)$/, code: 'not-found', subject: 'object', says: object },
  {
    names: /^NoSuchBucket$/,
    code: 'not-found',
    subject: 'bucket',
    says: ({ place, role }) =>
      `There is no bucket ${place.bucket} for the ${role.noun} ${nameOf(place)}: make it, or name another with ${role.url}.`,
  },
  {
    names: /^(InvalidAccessKeyId|SignatureDoesNotMatch|InvalidToken|ExpiredToken)$/,
    code: 'access-denied',
    subject: 'store',
    says: (failed, { name }) =>
      `The ${failed.role.noun} ${nameOf(failed.place)} does not take ${whose(failed)} (${name}): set ${keys} to keys that it knows.`,
  },
  {
    names: /^(CredentialsProviderError|Could not load credentials.*)$/,
    code: 'access-denied',
    subject: 'store',
    says: ({ place, role }) => `There are no keys for the ${role.noun} ${nameOf(place)}: set ${keys}.`,
  },
  {
    names: /^RequestTimeTooSkewed$/,
    code: 'access-denied',
    subject: 'store',
    says: ({ place, role }) =>
      `The clock of this machine and that of the ${role.noun} ${nameOf(place)} differ too much: set them right.`,
  },
  {
    names: /^(PermanentRedirect|AuthorizationHeaderMalformed|IllegalLocationConstraintException|Redirect)$/,
    statuses: [301, 307],
    code: 'invalid-argument',
    subject: 'store',
    says: ({ place, role }, { message }) =>
      `The bucket of the ${role.noun} ${nameOf(place)} is in another region: add region=NAME to ${role.url}. It says: ${message}`,
  },
  { names: /^InvalidObjectState$/, code: 'recall-pending', subject: 'object', says: object },
  {
    names: /^(AccessDenied|AllAccessDisabled|AccountProblem)$/,
    statuses: [401, 403],
    code: 'access-denied',
    subject: 'store',
    says: (failed) =>
      `The ${failed.role.noun} ${nameOf(failed.place)} does not let ${whose(failed)} do what it needs: allow ${failed.role.actions}.`,
  },
  {
    names: /^(BadDigest|InvalidDigest|XAmzContentSHA256Mismatch|XAmzContentChecksumMismatch)$/,
    code: 'checksum-mismatch',
    subject: 'object',
    says: object,
  },
  {
    names: /^InvalidRange$/,
    statuses: [416],
    code: 'range-not-satisfiable',
    subject: 'object',
    says: object,
  },
  {
    names: /^PreconditionFailed$/,
    statuses: [412],
    code: 'precondition-failed',
    subject: 'object',
    says: object,
  },
  {
    names: /^(SlowDown|ThrottlingException|TooManyRequests)$/,
    statuses: [429],
    code: 'throttled',
    subject: 'store',
    says: busy,
  },
  {
    names: /^(ConditionalRequestConflict|OperationAborted)$/,
    statuses: [409],
    code: 'conflict',
    subject: 'object',
    says: object,
  },
  {
    names: /^NotImplemented$/,
    statuses: [501],
    code: 'not-supported',
    subject: 'store',
    says: ({ place, role }, { message }) =>
      `The ${role.noun} ${nameOf(place)} lacks what is needed: ${message}`,
  },
  { names: /^RequestTimeout$/, statuses: [408], code: 'unavailable', subject: 'store', says: silent },
  {
    // Of one key, as far as anybody can tell: the store is there, and takes others.
    statuses: [400, 405, 411, 413, 414, 415, 422],
    code: 'invalid-argument',
    subject: 'request',
    says: ({ place, role }, { name, message }) =>
      `The ${role.noun} ${nameOf(place)} refuses: ${name}: ${message}`,
  },
];

const unreachable: Row = { code: 'unavailable', subject: 'store', says: silent };

function busy({ place, role }: Failed): string {
  return `The ${role.noun} ${nameOf(place)} asks to slow down.`;
}

/** What a socket or a certificate says, or an internal error of the store. */
function silent({ place, role }: Failed, { code, name, message, status }: SdkFailure): string {
  const where = nameOf(place);
  if (status !== undefined)
    return `The ${role.noun} ${where} fails with status ${status}: ${name}: ${message}`;
  if (/^Region is missing/.test(message))
    return `No region is known for the ${role.noun} ${where}: add region=NAME to ${role.url}.`;
  if (certificates.test(code))
    return `The certificate of the ${role.noun} ${where} is not trusted (${code}): name its authority in NODE_EXTRA_CA_CERTS.`;
  if (notTls.test(code))
    return `The ${role.noun} ${where} does not speak TLS there (${code}): write endpoint=http://… in ${role.url}.`;
  const why = [code, message].filter((it) => it !== '').join(': ');
  return `The ${role.noun} ${where} does not answer (${why}): see that it runs and that the endpoint in ${role.url} is right.`;
}

const certificates = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY/;
const notTls = /^(EPROTO|ERR_SSL_\w+)$/;

function described(cause: unknown): SdkFailure {
  if (!(cause instanceof Error))
    return { name: 'Error', code: '', message: String(cause), status: undefined };
  const { code, errors, $metadata } = cause as Error & {
    readonly code?: unknown;
    /** Of the attempts at several addresses of one name. */
    readonly errors?: readonly { readonly message?: string }[];
    readonly $metadata?: { readonly httpStatusCode?: number };
  };
  return {
    name: cause.name,
    code: typeof code === 'string' ? code : '',
    message: cause.message === '' ? (errors?.[0]?.message ?? '') : cause.message,
    status: $metadata?.httpStatusCode,
  };
}
