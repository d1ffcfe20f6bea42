import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { signingHeaders } from '../../src/signing/sign.ts';
import { SigningKeys, type SignedRequest } from '../../src/signing/sigv4.ts';
import { secondsOfTimestamp } from '../../src/signing/timestamp.ts';
import {
  verifySignature,
  type KeyRefusal,
  type Refusal,
  type SignatureRules,
} from '../../src/signing/verify.ts';
import { TestClock } from '../namespace/world.ts';

/** AWS's signature test suite for all services: its keys, its time and its name of a service. */
const identity = { accessKey: 'AKIDEXAMPLE', secretKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
const date = '20150830T123600Z';

type Found = typeof identity;

function rules(change: Partial<SignatureRules<Found>> = {}, seconds = 0): SignatureRules<Found> {
  const clock = new TestClock();
  clock.ms = (secondsOfTimestamp(date) + seconds) * 1000;
  return {
    clock,
    keys: new SigningKeys(),
    service: 'service',
    region: 'us-east-1',
    find: (accessKey, token): Found | KeyRefusal => {
      if (token !== undefined) return token === 'old' ? 'expired-token' : 'invalid-token';
      return accessKey === identity.accessKey ? identity : 'unknown-key';
    },
    ...change,
  };
}

interface Vector {
  readonly name: string;
  readonly method: string;
  readonly path?: string;
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signed?: string;
  readonly body?: string;
  readonly signature: string;
}

const vectors: readonly Vector[] = [
  {
    name: 'get-vanilla',
    method: 'GET',
    signature: '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31',
  },
  {
    name: 'get-vanilla-query-order-key-case',
    method: 'GET',
    query: 'Param2=value2&Param1=value1',
    signature: 'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
  },
  {
    name: 'post-vanilla',
    method: 'POST',
    signature: '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b',
  },
  {
    name: 'post-x-www-form-urlencoded',
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    signed: 'content-type;host;x-amz-date',
    body: 'Param1=value1',
    signature: 'ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a',
  },
];

function request({ method, path = '/', query = '', headers = {}, signed, signature }: Vector): SignedRequest {
  return {
    method,
    path,
    rawQuery: query,
    headers: {
      host: 'example.amazonaws.com',
      'x-amz-date': date,
      ...headers,
      authorization: `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=${signed ?? 'host;x-amz-date'}, Signature=${signature}`,
    },
  };
}

for (const vector of vectors) {
  test(`AWS's vector ${vector.name} is accepted, and refused for other bytes`, () => {
    const body = Buffer.from(vector.body ?? '');
    assert.deepEqual(verifySignature(rules(), request(vector), body), { signer: identity });
    assert.equal(reasonOf(verifySignature(rules(), request(vector), Buffer.from('x'))), 'mismatch');
  });
}

const reasonOf = (verdict: object): unknown =>
  'refusal' in verdict ? (verdict.refusal as Refusal).reason : verdict;

const good = request(vectors[0] as Vector);
const authorization = good.headers['authorization'] ?? '';
const refusals: readonly {
  readonly name: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly without?: string;
  readonly seconds?: number;
  readonly reason: Refusal['reason'];
  readonly message: RegExp;
}[] = [
  {
    name: 'no Authorization',
    headers: {},
    without: 'authorization',
    reason: 'missing',
    message: /^Request is missing Authentication Token$/,
  },
  {
    name: 'another scheme',
    headers: { authorization: 'Basic YTpi' },
    reason: 'malformed',
    message: /requires the algorithm AWS4-HMAC-SHA256/,
  },
  {
    name: 'no signature',
    headers: { authorization: authorization.replace(/, Signature=.*/, '') },
    reason: 'malformed',
    message: /^Authorization header requires 'Signature' parameter\.$/,
  },
  {
    name: 'no credential scope',
    headers: { authorization: authorization.replace('/aws4_request', '') },
    reason: 'malformed',
    message: /Credential must have the form/,
  },
  {
    name: 'no date',
    headers: {},
    without: 'x-amz-date',
    reason: 'malformed',
    message: /either a 'X-Amz-Date' or a 'Date' header/,
  },
  {
    name: 'the scope of another day',
    headers: { authorization: authorization.replace('20150830', '20150829') },
    reason: 'wrong-scope',
    message: /'20150829' != '20150830', from '20150830T123600Z'\.$/,
  },
  {
    name: 'the scope of another region',
    headers: { authorization: authorization.replace('us-east-1', 'moon-1') },
    reason: 'wrong-scope',
    message: /^Credential should be scoped to a valid region/,
  },
  {
    name: 'the scope of another service',
    headers: { authorization: authorization.replace('/service/', '/s3/') },
    reason: 'wrong-scope',
    message: /^Credential should be scoped to correct service: 'service'\.$/,
  },
  {
    name: 'a signature that is too old',
    headers: {},
    seconds: 901,
    reason: 'skewed',
    message:
      /^Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z \(20150830T125101Z - 15 min\.\)$/,
  },
  {
    name: 'a signature from the future',
    headers: {},
    seconds: -901,
    reason: 'skewed',
    message:
      /^Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z \(20150830T122059Z \+ 15 min\.\)$/,
  },
  {
    name: 'an unknown key',
    headers: { authorization: authorization.replace('AKIDEXAMPLE', 'AKIDNOBODY') },
    reason: 'unknown-key',
    message: /^The security token included in the request is invalid\.$/,
  },
  {
    name: 'a token that has expired',
    headers: { 'x-amz-security-token': 'old' },
    reason: 'expired-token',
    message: /^The security token included in the request is expired$/,
  },
  {
    name: 'a token that is none',
    headers: { 'x-amz-security-token': 'x' },
    reason: 'invalid-token',
    message: /is invalid\.$/,
  },
  {
    name: 'an x-amz- header that is not signed',
    headers: { 'x-amz-extra': '1' },
    reason: 'mismatch',
    message: /^'x-amz-extra' must be a 'SignedHeader' in the AWS Authorization\.$/,
  },
  {
    name: 'one digit changed',
    headers: { authorization: authorization.replace(/1$/, '2') },
    reason: 'mismatch',
    message: /^The request signature we calculated does not match/,
  },
];

for (const { name, headers, without, seconds, reason, message } of refusals) {
  test(`a request with ${name} is refused: ${reason}`, () => {
    const kept = Object.entries(good.headers).filter(([header]) => header !== without);
    const sent = { ...good, headers: { ...Object.fromEntries(kept), ...headers } };
    const verdict = verifySignature(rules({}, seconds), sent, Buffer.alloc(0));
    assert('refusal' in verdict);
    assert.equal(verdict.refusal.reason, reason);
    assert.match(verdict.refusal.message, message);
    assert(!verdict.refusal.message.includes(identity.secretKey));
  });
}

test('whatever is signed here is accepted, and for nothing else', () =>
  fc.assert(
    fc.property(
      fc.webUrl({ withQueryParameters: true }),
      fc.string(),
      fc.constantFrom('GET', 'POST', 'DELETE'),
      (text, body, method) => {
        const url = new URL(text);
        const scope = { service: 'service', region: 'any', seconds: secondsOfTimestamp(date) };
        const headers = {
          host: url.host,
          ...signingHeaders({ ...identity, token: undefined }, { method, url, body }, scope),
        };
        const sent = { method, path: url.pathname, rawQuery: url.search.slice(1), headers };
        const any = rules({ region: undefined });
        assert.deepEqual(verifySignature(any, sent, Buffer.from(body)), { signer: identity });
        const others = [
          { ...sent, path: `${sent.path}/x` },
          { ...sent, rawQuery: `${sent.rawQuery}&x` },
          { ...sent, method: 'PUT' },
          { ...sent, headers: { ...headers, host: 'example.org' } },
        ];
        for (const other of others)
          assert.equal(reasonOf(verifySignature(any, other, Buffer.from(body))), 'mismatch');
      },
    ),
    { numRuns: 200, seed: 1 },
  ));
