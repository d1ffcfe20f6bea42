import { Fault } from '../../fault.ts';
import { nameOf, type ColdPlace } from './cold-place.ts';

/** What failed: the key of an object, or none. */
interface Failed {
  readonly place: ColdPlace;
  readonly key: string;
  /** The access key that was given; `undefined`: the usual chain. */
  readonly accessKey: string | undefined;
}

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
  { names: /^(NoSuchKey|NoSuchVersion)$/, code: 'not-found', subject: 'object', says: object },
  {
    names: /^NoSuchBucket$/,
    code: 'not-found',
    subject: 'bucket',
    says: ({ place }) =>
      `There is no bucket ${place.bucket} for the cold store ${nameOf(place)}: make it, or name another with --cold.`,
  },
  {
    names: /^(InvalidAccessKeyId|SignatureDoesNotMatch|InvalidToken|ExpiredToken)$/,
    code: 'access-denied',
    subject: 'store',
    says: (failed, { name }) =>
      `The cold store ${nameOf(failed.place)} does not take ${whose(failed)} (${name}): set ${keys} to keys that it knows.`,
  },
  {
    names: /^(CredentialsProviderError|Could not load credentials.*)$/,
    code: 'access-denied',
    subject: 'store',
    says: ({ place }) => `There are no keys for the cold store ${nameOf(place)}: set ${keys}.`,
  },
  {
    names: /^RequestTimeTooSkewed$/,
    code: 'access-denied',
    subject: 'store',
    says: ({ place }) =>
      `The clock of this machine and that of the cold store ${nameOf(place)} differ too much: set them right.`,
  },
  {
    names: /^(PermanentRedirect|AuthorizationHeaderMalformed|IllegalLocationConstraintException|Redirect)$/,
    statuses: [301, 307],
    code: 'invalid-argument',
    subject: 'store',
    says: ({ place }, { message }) =>
      `The bucket of the cold store ${nameOf(place)} is in another region: add region=NAME to --cold. It says: ${message}`,
  },
  { names: /^InvalidObjectState$/, code: 'recall-pending', subject: 'object', says: object },
  {
    names: /^(AccessDenied|AllAccessDisabled|AccountProblem)$/,
    statuses: [401, 403],
    code: 'access-denied',
    subject: 'store',
    says: (failed) =>
      `The cold store ${nameOf(failed.place)} does not let ${whose(failed)} do what it needs: allow s3:GetObject, s3:PutObject, s3:DeleteObject and s3:RestoreObject on its objects and s3:ListBucket on its bucket.`,
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
    says: ({ place }, { message }) => `The cold store ${nameOf(place)} lacks what is needed: ${message}`,
  },
  { names: /^RequestTimeout$/, statuses: [408], code: 'unavailable', subject: 'store', says: silent },
  {
    statuses: [400, 405, 411, 413, 414, 415, 422],
    code: 'invalid-argument',
    subject: 'store',
    says: ({ place }, { name, message }) => `The cold store ${nameOf(place)} refuses: ${name}: ${message}`,
  },
];

const unreachable: Row = { code: 'unavailable', subject: 'store', says: silent };

function busy({ place }: Failed): string {
  return `The cold store ${nameOf(place)} asks to slow down.`;
}

/** What a socket or a certificate says, or an internal error of the store. */
function silent({ place }: Failed, { code, name, message, status }: SdkFailure): string {
  const where = nameOf(place);
  if (status !== undefined) return `The cold store ${where} fails with status ${status}: ${name}: ${message}`;
  if (/^Region is missing/.test(message))
    return `No region is known for the cold store ${where}: add region=NAME to --cold.`;
  if (certificates.test(code))
    return `The certificate of the cold store ${where} is not trusted (${code}): name its authority in NODE_EXTRA_CA_CERTS.`;
  if (notTls.test(code))
    return `The cold store ${where} does not speak TLS there (${code}): write endpoint=http://… in --cold.`;
  const why = [code, message].filter((it) => it !== '').join(': ');
  return `The cold store ${where} does not answer (${why}): see that it runs and that the endpoint in --cold is right.`;
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
