import { algorithm, scopeText, type Scope } from './sigv4.ts';

/** The three components of an Authorization header; one that is missing is empty. */
export interface AuthorizationParts {
  readonly credential: string;
  /** Lower-case names joined by ';'. */
  readonly signedHeaders: string;
  readonly signature: string;
}

/** What stands behind the name of the algorithm. AWS: "Create a signed request", Authorization header. */
export function parseAuthorization(text: string): AuthorizationParts {
  const found = { credential: '', signedHeaders: '', signature: '' };
  for (const piece of text.split(',')) {
    const equals = piece.indexOf('=');
    const name = piece.slice(0, Math.max(equals, 0)).trim();
    const value = piece.slice(equals + 1).trim();
    if (name === 'Credential') found.credential = value;
    else if (name === 'SignedHeaders') found.signedHeaders = value;
    else if (name === 'Signature') found.signature = value;
  }
  return found;
}

/** The whole header. */
export const formatAuthorization = (scope: Scope, signedHeaders: readonly string[], signed: string): string =>
  `${algorithm} Credential=${scope.accessKey}/${scopeText(scope)}, SignedHeaders=${signedHeaders.join(';')}, Signature=${signed}`;

/** A scope as a client wrote it, not yet checked. */
export interface WrittenScope extends Scope {
  /** `aws4_request` when it is right. */
  readonly terminal: string;
}

/** `AKID/yyyyMMdd/region/service/aws4_request`, `undefined` when pieces are missing; the access key may hold slashes. */
export function parseCredential(credential: string): WrittenScope | undefined {
  const parts = credential.split('/');
  const [day = '', region = '', service = '', terminal = ''] = parts.slice(-4);
  const accessKey = parts.slice(0, -4).join('/');
  return parts.length < 5 || accessKey === '' ? undefined : { accessKey, day, region, service, terminal };
}

/** Headers that a signature must cover and this one does not: `host` and every x-amz-* header that is there. */
export function headersNotSigned(
  headers: Readonly<Record<string, string>>,
  { signedHeaders, payloadHash }: { readonly signedHeaders: readonly string[]; readonly payloadHash: string },
): readonly string[] {
  const unsigned: string[] = [];
  if (!signedHeaders.includes('host')) unsigned.push('host');
  for (const name in headers) {
    if (!name.startsWith('x-amz-') || signedHeaders.includes(name)) continue;
    // The header repeats what the signature already covers as the last line of the canonical request.
    if (name === 'x-amz-content-sha256' && headers[name] === payloadHash) continue;
    unsigned.push(name);
  }
  return unsigned;
}
