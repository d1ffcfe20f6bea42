import { realClock } from '../../../src/environment-real.ts';
import { adminService } from '../../../src/gateway/admin/access.ts';
import { signingHeaders } from '../../../src/signing/sign.ts';

export interface Signed {
  readonly accessKey: string;
  readonly secretKey: string;
  readonly token?: string;
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
  readonly service?: string;
  /** By how much the clock of the signer is ahead. */
  readonly aheadSeconds?: number;
  /** Sent in the place of the body that was signed. */
  readonly sent?: string;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** One call of the admin API, signed. */
export async function signedCall(url: string, method: string, signed: Signed): Promise<Answer> {
  const { accessKey, secretKey, token, service = adminService, aheadSeconds = 0 } = signed;
  const body = signed.body === undefined ? '' : JSON.stringify(signed.body);
  const scope = { service, region: 'us-east-1', seconds: realClock().wall().seconds + aheadSeconds };
  const headers = {
    ...signingHeaders({ accessKey, secretKey, token }, { method, url: new URL(url), body }, scope),
    ...(signed.body !== undefined && { 'content-type': 'application/json' }),
    ...signed.headers,
  };
  const sent = signed.sent ?? body;
  const response = await fetch(url, { method, headers, ...(sent !== '' && { body: sent }) });
  return { status: response.status, text: await response.text() };
}
