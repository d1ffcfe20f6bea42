import { STSClient } from '@aws-sdk/client-sts';
import type { S3Client } from '@aws-sdk/client-s3';
import type { KeyPair } from '../../../src/accounts/accounts.ts';
import { Sessions } from '../../../src/accounts/sessions.ts';
import { realClock } from '../../../src/environment-real.ts';
import { emptySha256, scopeText, signature, signingKey } from '../../../src/signing/sigv4.ts';
import { timestampOfSeconds } from '../../../src/signing/timestamp.ts';
import { seededRandom } from '../../kv/seeded-random.ts';
import { silent, TestClock } from '../../namespace/world.ts';
import { secretsKey, type LiveDoor } from './live-door.ts';
import { sha256, signedHeaders } from './signed-request.ts';

export interface TemporaryKeys extends KeyPair {
  readonly token: string;
}

/** Of an answer of STS. */
export function keysOf(answer: {
  readonly Credentials?:
    | {
        readonly AccessKeyId: string | undefined;
        readonly SecretAccessKey: string | undefined;
        readonly SessionToken: string | undefined;
      }
    | undefined;
}): TemporaryKeys {
  const { AccessKeyId = '', SecretAccessKey = '', SessionToken = '' } = answer.Credentials ?? {};
  return { accessKey: AccessKeyId, secretKey: SecretAccessKey, token: SessionToken };
}

const sdkCredentials = ({
  accessKey,
  secretKey,
  token,
}: KeyPair & { readonly token?: string }): {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
} => ({
  accessKeyId: accessKey,
  secretAccessKey: secretKey,
  ...(token !== undefined && { sessionToken: token }),
});

export const stsOf = (
  door: LiveDoor,
  keys: KeyPair & { readonly token?: string },
  region = 'us-east-1',
): STSClient =>
  new STSClient({
    region,
    endpoint: `http://127.0.0.1:${door.port}`,
    credentials: sdkCredentials(keys),
    maxAttempts: 1,
  });

export const s3Of = (door: LiveDoor, keys: KeyPair & { readonly token?: string }): S3Client =>
  door.client({ credentials: sdkCredentials(keys) });

/** Issues keys of the door's gateway as of another time. */
export function sessionsAt(door: LiveDoor, seconds: number): Sessions {
  const clock = new TestClock();
  clock.ms = seconds * 1000;
  const environment = { clock, random: seededRandom(seconds), log: silent };
  const { accounts, roles } = door;
  return new Sessions({ environment, accounts, roles, secretsKey });
}

export const statement = (effect: 'Allow' | 'Deny', action: string, resource: string): string =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: { Effect: effect, Action: action, Resource: resource },
  });

export const trustOf = (principal: object | string, condition?: object): string =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: {
      Effect: 'Allow',
      Principal: principal,
      Action: 'sts:AssumeRole',
      ...(condition !== undefined && { Condition: condition }),
    },
  });

/** A PUT of one signed chunk. AWS: "Transferring payload in multiple chunks". */
export function signedChunk(
  { accessKey, secretKey, token }: TemporaryKeys,
  host: string,
  path: string,
  content: string,
): { method: string; path: string; headers: Record<string, string>; body: string } {
  const [, bucket, key] = path.split('/') as [string, string, string];
  const seconds = realClock().wall().seconds;
  const own = {
    'x-amz-security-token': token,
    'content-encoding': 'aws-chunked',
    'x-amz-decoded-content-length': String(content.length),
  };
  const payloadHash = 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD';
  const wish = { method: 'PUT', bucket, key, headers: own, payloadHash, accessKey, secretKey, at: seconds };
  const headers = signedHeaders(wish, host);
  const day = timestampOfSeconds(seconds).slice(0, 8);
  const scope = { accessKey, day, region: 'us-east-1', service: 's3' };
  let previous = headers['authorization']?.slice(-64) ?? '';
  const framed = [content, ''].map((piece) => {
    const text = [
      'AWS4-HMAC-SHA256-PAYLOAD',
      timestampOfSeconds(seconds),
      scopeText(scope),
      previous,
      emptySha256,
      sha256(piece),
    ];
    previous = signature(signingKey(secretKey, scope), text.join('\n'));
    return `${piece.length.toString(16)};chunk-signature=${previous}\r\n${piece}\r\n`;
  });
  return { method: 'PUT', path, headers, body: framed.join('') };
}
