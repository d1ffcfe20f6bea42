import { PUT_BYTES_MAX } from '../../limits/s3.ts';
import { encodePercent } from '../../signing/percent.ts';
import type { Authentication, Authenticated } from './authenticate.ts';
import { invalidArgument, S3Error } from './errors.ts';
import { boundaryOf, MultipartForm, type FormFields } from './multipart-form.ts';
import { checkPolicy, decodePolicy, type LengthBounds } from './post-policy.ts';
import type { S3Request } from './request.ts';
import { signedForm } from './signed-form.ts';
import { parseXml, type XmlNode } from './xml.ts';

/** A form that was checked, as the request that it stands for. */
export interface PostedForm {
  /** `undefined`: nobody signed it. */
  readonly who: Authenticated | undefined;
  /** With the form's key, its fields as headers, the file as body; where to go afterwards is in the query. */
  readonly request: S3Request;
  readonly lengths: LengthBounds;
}

/** Forms are posted to a bucket. */
export const isFormPost = ({ method, bucket, key, rawQuery }: S3Request): boolean =>
  method === 'POST' && bucket !== undefined && key === undefined && rawQuery === '';

/** What AWS answers to a POST to a bucket that is neither a form nor another operation. */
export const notAForm = (): S3Error =>
  new S3Error('PreconditionFailed', {
    members: { Condition: 'Bucket POST must be of the enclosure-type multipart/form-data' },
  });

/**
 * Reads a form up to its file, checks its signature and its policy. AWS: "Browser-based uploads using POST": the form
 * itself says who signed it, so a header does not.
 */
export async function postedForm(auth: Authentication, plain: S3Request): Promise<PostedForm> {
  const boundary = boundaryOf(plain.headers['content-type']);
  if (boundary === undefined) throw notAForm();
  if (plain.headers['content-length'] === undefined) throw new S3Error('MissingContentLength');
  const form = new MultipartForm(plain.body, boundary);
  const values = named(await form.fields());
  const key = keyOf(values);
  const who = signedForm(auth, values);
  const policy = values.get('policy');
  const bounds =
    who === undefined || policy === undefined
      ? undefined
      : checkPolicy(decodePolicy(policy), textsOf(values, { ...plain, key }), auth.clock.wall().seconds);
  const headers = { ...keptHeaders(plain.headers), ...fieldHeaders(values) };
  const query = { ...answerFields(values), location: locationOf(plain, key) };
  const request = { ...plain, key, headers, query, body: form };
  const max = Math.min(bounds?.max ?? PUT_BYTES_MAX, PUT_BYTES_MAX);
  return { who, request, lengths: { min: bounds?.min ?? 0, max } };
}

const utf8 = (bytes: string): string => Buffer.from(bytes, 'latin1').toString('utf8');

/** Fields with the name of the file filled in where AWS does so: in the key and in user metadata. */
function named({ values, filename = '' }: FormFields): FormFields['values'] {
  const filled = new Map(values);
  const last = lastName(filename);
  for (const [name, value] of values) {
    if (name === 'key' || name.startsWith('x-amz-meta-'))
      filled.set(
        name,
        value.replaceAll('${filename}', () => last),
      );
  }
  return filled;
}

/** Of a path only what follows its last slash or backslash is used. */
const lastName = (filename: string): string =>
  filename.slice(Math.max(filename.lastIndexOf('/'), filename.lastIndexOf('\\')) + 1);

/** AWS sends InvalidArgument, though its list of errors has UserKeyMustBeSpecified. */
function keyOf(values: FormFields['values']): string {
  const given = values.get('key');
  if (given === undefined)
    throw invalidArgument(
      "Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the fields.",
      'key',
      '',
    );
  if (given === '') throw invalidArgument('User key must have a length greater than 0.', 'key', '');
  return utf8(given);
}

/** What the policy judges: the bucket is the one that the form was sent to, whatever a field says. */
function textsOf(
  values: FormFields['values'],
  { bucket = '', key = '' }: Pick<S3Request, 'bucket' | 'key'>,
): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const [name, value] of values) texts.set(name, utf8(value));
  return texts.set('bucket', bucket).set('key', key);
}

/** Headers that describe the client; all that describe an object come from fields. */
const keptNames = ['host', 'origin', 'referer', 'user-agent', 'x-amz-expected-bucket-owner'] as const;

function keptHeaders(headers: S3Request['headers']): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of keptNames) if (headers[name] !== undefined) kept[name] = headers[name];
  return kept;
}

const isHeaderField =
  /^(?:cache-control|content-(?:type|disposition|encoding|language|md5)|expires|x-amz-(?:meta-.+|storage-class|website-redirect-location|server-side-encryption.*|checksum-.+|sdk-checksum-algorithm|object-lock-.+))$/;

function fieldHeaders(values: FormFields['values']): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of values) if (isHeaderField.test(name)) headers[name] = headerSafe(value);
  const acl = values.get('acl');
  if (acl !== undefined) headers['x-amz-acl'] = acl;
  const tagging = values.get('tagging');
  if (tagging !== undefined) headers['x-amz-tagging'] = taggingHeader(Buffer.from(tagging, 'latin1'));
  return headers;
}

/** The field is a Tagging document, the header has query parameters. */
function taggingHeader(document: Uint8Array): string {
  const root = parseXml([document]);
  const tagSet = root.children.find(({ name }) => name === 'TagSet');
  if (root.name !== 'Tagging' || tagSet === undefined) throw new S3Error('MalformedXML');
  const pairs = tagSet.children.map(
    (tag) => `${encodePercent(childText(tag, 'Key'))}=${encodePercent(childText(tag, 'Value'))}`,
  );
  return pairs.join('&');
}

function childText({ children }: XmlNode, name: string): string {
  const child = children.find((it) => it.name === name);
  if (child === undefined) throw new S3Error('MalformedXML');
  return child.text;
}

/** A field may hold line ends, the header that it becomes must not. */
const headerSafe = (value: string): string => value.replace(/[\x00-\x08\x0a-\x1f\x7f]/g, ' ');

function answerFields(values: FormFields['values']): Record<string, string> {
  const found: Record<string, string> = {};
  const redirect = values.get('success_action_redirect') ?? values.get('redirect');
  if (redirect !== undefined) found['success_action_redirect'] = utf8(redirect);
  const status = values.get('success_action_status');
  if (status !== undefined) found['success_action_status'] = status;
  return found;
}

const locationOf = ({ headers, bucket = '', isVirtualHosted }: S3Request, key: string): string =>
  `http://${headers['host'] ?? ''}/${isVirtualHosted ? '' : `${bucket}/`}${encodePercent(key)}`;
