import type { Time } from '../../environment.ts';
import { encodePercentPath } from '../../signing/percent.ts';
import type { Route } from './operation.ts';

/** One request as a server access log tells of it. Members that are not known or do not apply are `undefined`. */
export interface LogRecord {
  /** Canonical user ids. */
  readonly bucketOwner: string;
  readonly requester: string | undefined;
  readonly bucket: string;
  readonly time: Time;
  readonly remoteIp: string;
  readonly requestId: string;
  readonly hostId: string;
  /** `REST.GET.OBJECT` */
  readonly operation: string;
  /** Decoded. */
  readonly key: string | undefined;
  /** Of the request line, one byte a character as all headers. */
  readonly method: string;
  readonly target: string;
  readonly status: number;
  readonly errorCode: string | undefined;
  readonly bytesSent: number;
  readonly objectSize: number | undefined;
  readonly totalMs: number;
  readonly turnAroundMs: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly versionId: string | undefined;
  readonly signatureVersion: 'SigV2' | 'SigV4' | undefined;
  readonly authenticationType: 'AuthHeader' | 'QueryString' | undefined;
  readonly region: string;
}

/** AWS User Guide, "Amazon S3 server access log format": all fields, in that order. One character a byte. */
export function logLine(record: LogRecord): string {
  const { headers } = record;
  return [
    record.bucketOwner,
    record.bucket,
    `[${logTime(record.time)}]`,
    orDash(record.remoteIp),
    record.requester ?? '-',
    record.requestId,
    record.operation,
    record.key === undefined ? '-' : encodePercentPath(record.key),
    quoted(`${record.method} ${withoutSecrets(record.target)} HTTP/1.1`),
    String(record.status),
    record.errorCode ?? '-',
    positive(record.bytesSent),
    record.objectSize === undefined ? '-' : String(record.objectSize),
    String(Math.round(record.totalMs)),
    String(Math.round(record.turnAroundMs)),
    quoted(orDash(headers['referer'])),
    quoted(orDash(headers['user-agent'])),
    record.versionId ?? '-',
    record.hostId,
    record.signatureVersion ?? '-',
    // Cipher suite: this door speaks no TLS.
    '-',
    record.authenticationType ?? '-',
    orDash(headers['host']),
    // TLS version, and the access point, of which there are none.
    '-',
    '-',
    // Whether only an ACL allowed it.
    '-',
    record.region,
  ].join(' ');
}

/** What a reader of the log could use: signatures and tokens of URLs that still hold, keys of customers. */
const secrets = /([?&](?:x-amz-signature|signature|x-amz-security-token|[a-z-]*customer-key)=)[^&]*/gi;
const withoutSecrets = (target: string): string => target.replace(secrets, '$1REDACTED');

const orDash = (value: string | undefined): string => (value === undefined || value === '' ? '-' : value);
const quoted = (value: string): string => `"${value.replaceAll('"', '%22')}"`;
const positive = (value: number): string => (value > 0 ? String(value) : '-');

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `06/Feb/2019:00:00:38 +0000` */
function logTime({ seconds }: Time): string {
  const text = new Date(seconds * 1000).toISOString();
  const month = months[Number(text.slice(5, 7)) - 1] ?? '';
  return `${text.slice(8, 10)}/${month}/${text.slice(0, 4)}:${text.slice(11, 19)} +0000`;
}

/** Operations whose name does not follow from their route. */
const named: Readonly<Record<string, string>> = {
  AbortMultipartUpload: 'REST.DELETE.UPLOAD',
  CompleteMultipartUpload: 'REST.POST.UPLOAD',
  CopyObject: 'REST.COPY.OBJECT',
  DeleteObjects: 'REST.POST.MULTI_OBJECT_DELETE',
  GetObjectAttributes: 'REST.GET.OBJECT_ATTRIBUTES',
  ListMultipartUploads: 'REST.GET.UPLOADS',
  ListObjectVersions: 'REST.GET.BUCKETVERSIONS',
  ListParts: 'REST.GET.UPLOAD',
  OptionsObject: 'REST.OPTIONS.PREFLIGHT',
  PostObject: 'REST.POST.OBJECT',
  UploadPart: 'REST.PUT.PART',
  UploadPartCopy: 'REST.COPY.PART',
};

/** Sub-resources that the log calls otherwise. */
const resources: Readonly<Record<string, string>> = {
  logging: 'LOGGING_STATUS',
  policy: 'BUCKETPOLICY',
  publicAccessBlock: 'PUBLIC_ACCESS_BLOCK',
  requestPayment: 'REQUEST_PAYMENT',
  'legal-hold': 'OBJECT_LOCK_LEGALHOLD',
  'object-lock': 'OBJECT_LOCK_CONFIGURATION',
  retention: 'OBJECT_LOCK_RETENTION',
};

/** What the log calls an operation: `REST.method.resource`. */
export function logOperation(name: string, { method, level, query = {} }: Route): string {
  const known = named[name];
  if (known !== undefined) return known;
  const subresource = Object.keys(query).find((it) => it !== 'list-type');
  if (subresource === undefined) return `REST.${method}.${level.toUpperCase()}`;
  const resource = resources[subresource] ?? subresource.toUpperCase().replaceAll('-', '_');
  const isObjectTagging = level === 'object' && subresource === 'tagging';
  return `REST.${method}.${isObjectTagging ? 'OBJECT_TAGGING' : resource}`;
}
