import type { S3Error } from './errors.ts';
import type { HttpAnswer } from './http.ts';
import { xmlElement, xmlHead } from './xml.ts';

export interface ErrorFrame {
  readonly ids: { readonly requestId: string; readonly hostId: string };
  /** Headers that every answer has. */
  readonly own: readonly string[];
  readonly isHead: boolean;
  /** x-amz-bucket-region, for HeadBucket, and for who signed for another region. */
  readonly region: string | undefined;
}

/** AWS API reference, "Error responses": the REST error response. HEAD and 304 have the headers only. */
export function errorAnswer(error: S3Error, { ids, own, isHead, region }: ErrorFrame): HttpAnswer {
  const headers = [...own, ...error.headers];
  if (region !== undefined) headers.push('x-amz-bucket-region', region);
  if (error.status === 304) return { status: 304, headers, body: undefined };
  headers.push('Content-Type', 'application/xml');
  if (isHead) return { status: error.status, headers, body: undefined };
  const body = errorDocument(error, ids);
  headers.push('Content-Length', String(Buffer.byteLength(body)));
  return { status: error.status, headers, body };
}

function errorDocument(error: S3Error, ids: ErrorFrame['ids']): string {
  let members = '';
  for (const [name, value] of Object.entries(error.members)) members += xmlElement(name, value);
  return (
    `${xmlHead}<Error>${xmlElement('Code', error.code)}${xmlElement('Message', error.message)}${members}` +
    `${xmlElement('RequestId', ids.requestId)}${xmlElement('HostId', ids.hostId)}</Error>`
  );
}
