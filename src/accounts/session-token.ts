import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import { RecordReader, RecordWriter } from '../codec.ts';
import type { Random } from '../environment.ts';
import { SECRETS_KEY_BYTES, SESSION_TOKEN_CHARS_MAX } from '../limits.ts';
import type { KeyPair } from './accounts.ts';

/** Whom temporary keys stand for. What they may do is looked up at each use. */
export type SessionSubject =
  /** GetSessionToken and, with a name, GetFederationToken: ends with the access key that asked for it. */
  | {
      readonly kind: 'user';
      readonly accountId: string;
      readonly parentKey: string;
      readonly federatedName: string | undefined;
    }
  /** AssumeRole: ends with the role. */
  | { readonly kind: 'role'; readonly name: string; readonly id: string; readonly sessionName: string };

/** All that there is of temporary keys: nothing is stored. Times in seconds since the epoch. */
export interface SessionClaims extends KeyPair {
  readonly subject: SessionSubject;
  readonly issuedAt: number;
  readonly expiresAt: number;
  /** Document of the inline session policy. */
  readonly policy: string | undefined;
}

const VERSION = 1;
const cipher = 'aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;
const context = 'terrace session tokens 1';

/** Seals session tokens with a key of their own, derived from that of the secrets. NIST SP 800-38D; RFC 5869; ADR 17. */
export class SessionTokens {
  readonly #key: Uint8Array;
  readonly #random: Random;

  constructor(secretsKey: Uint8Array, random: Random) {
    this.#key = new Uint8Array(hkdfSync('sha256', secretsKey, '', context, SECRETS_KEY_BYTES));
    this.#random = random;
  }

  seal(claims: SessionClaims): string {
    const nonce = this.#random.bytes(nonceBytes);
    const sealing = createCipheriv(cipher, this.#key, nonce);
    const text = Buffer.concat([sealing.update(encodeClaims(claims)), sealing.final()]);
    return Buffer.concat([nonce, sealing.getAuthTag(), text]).toString('base64url');
  }

  /** `undefined` for whatever was not sealed here, byte for byte. */
  open(token: string): SessionClaims | undefined {
    if (token.length > SESSION_TOKEN_CHARS_MAX) return undefined;
    const sealed = Buffer.from(token, 'base64url');
    if (sealed.length <= nonceBytes + tagBytes || sealed.toString('base64url') !== token) return undefined;
    const nonce = sealed.subarray(0, nonceBytes);
    const opening = createDecipheriv(cipher, this.#key, nonce, { authTagLength: tagBytes });
    opening.setAuthTag(sealed.subarray(nonceBytes, nonceBytes + tagBytes));
    const text = opening.update(sealed.subarray(nonceBytes + tagBytes));
    try {
      opening.final();
    } catch {
      return undefined; // Forged, broken, or of another gateway: the caller says so.
    }
    return decodeClaims(text);
  }
}

const subjectKinds = ['user', 'federated', 'role'] as const;

function encodeClaims({
  accessKey,
  secretKey,
  subject,
  issuedAt,
  expiresAt,
  policy,
}: SessionClaims): Uint8Array {
  const writer = new RecordWriter().number(VERSION).text(accessKey).text(secretKey);
  writer
    .number(issuedAt)
    .number(expiresAt)
    .text(policy ?? '');
  if (subject.kind === 'role') {
    writer.number(subjectKinds.indexOf('role')).text(subject.name).text(subject.id).text(subject.sessionName);
  } else {
    const kind = subject.federatedName === undefined ? 'user' : 'federated';
    writer.number(subjectKinds.indexOf(kind)).text(subject.accountId).text(subject.parentKey);
    writer.text(subject.federatedName ?? '');
  }
  return writer.finish();
}

/** `undefined` for claims of a version to come. */
function decodeClaims(bytes: Uint8Array): SessionClaims | undefined {
  const reader = new RecordReader(bytes);
  if (reader.number() !== VERSION) return undefined;
  const pair = { accessKey: reader.text(), secretKey: reader.text() };
  const times = { issuedAt: reader.number(), expiresAt: reader.number() };
  const policy = reader.text() || undefined;
  const subject = readSubject(reader);
  reader.end();
  return { ...pair, ...times, policy, subject };
}

function readSubject(reader: RecordReader): SessionSubject {
  const kind = subjectKinds[reader.number()];
  const [first, second, third] = [reader.text(), reader.text(), reader.text()];
  if (kind === 'role') return { kind, name: first, id: second, sessionName: third };
  const federatedName = kind === 'federated' ? third : undefined;
  return { kind: 'user', accountId: first, parentKey: second, federatedName };
}
