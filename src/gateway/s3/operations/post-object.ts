import { Type } from '@sinclair/typebox';
import { encodePercent } from '../../../signing/percent.ts';
import { query, text } from '../members.ts';
import { operation, type S3Answer } from '../operation.ts';
import { xmlElement, xmlHead } from '../xml.ts';
import { putObject } from './put-object.ts';

/**
 * AWS API reference, POST Object: a browser's form. The door has turned it into the members of PutObject; what the form
 * says about the answer stands in the query.
 */
export const postObject = operation({
  name: 'PostObject',
  route: { method: 'POST', level: 'bucket' },
  action: 's3:PutObject',
  input: Type.Object({
    ...putObject.input.properties,
    location: Type.String(),
    successActionRedirect: text,
    successActionStatus: text,
  }),
  bindings: {
    ...putObject.bindings,
    location: query('location'),
    successActionRedirect: query('success_action_redirect'),
    successActionStatus: query('success_action_status'),
  },
  success: 204,
  async handle(context, input) {
    const put = await putObject.handle(context, input);
    const etag = put.headers[put.headers.indexOf('ETag') + 1] ?? '';
    const { bucket, key, location } = input;
    const redirect = redirection(input.successActionRedirect, { bucket, key, etag });
    if (redirect !== undefined) return { status: 303, headers: [...put.headers, 'Location', redirect] };
    const headers = [...put.headers, 'Location', location];
    return created(input.successActionStatus, headers, { location, bucket, key, etag });
  },
});

interface Created {
  readonly bucket: string;
  readonly key: string;
  readonly etag: string;
}

/** The page to go to, which is told what was made; a redirect that is no URL is as if it were not there. */
function redirection(target: string | undefined, { bucket, key, etag }: Created): string | undefined {
  if (target === undefined || !/^https?:/i.test(target) || !URL.canParse(target)) return undefined;
  const { href } = new URL(target);
  const told = `bucket=${encodePercent(bucket)}&key=${encodePercent(key)}&etag=${encodePercent(etag)}`;
  return `${href}${href.includes('?') ? '&' : '?'}${told}`;
}

/** 200 and 204 are empty, 201 has a document, and anything else counts as 204. */
function created(
  status: string | undefined,
  headers: readonly string[],
  { location, bucket, key, etag }: Created & { readonly location: string },
): S3Answer {
  if (status === '200') return { status: 200, headers: [...headers, 'Content-Length', '0'] };
  if (status !== '201') return { status: 204, headers };
  const body =
    `${xmlHead}<PostResponse>${xmlElement('Location', location)}${xmlElement('Bucket', bucket)}` +
    `${xmlElement('Key', key)}${xmlElement('ETag', etag)}</PostResponse>`;
  return { status: 201, headers, body };
}
