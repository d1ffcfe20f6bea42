import { parseXml } from '../../src/gateway/s3/xml.ts';
import { ChunkDecoder, type ChunkEvent } from '../../src/gateway/s3/chunked.ts';
import { continuationToken, positionOf } from '../../src/gateway/s3/continuation.ts';
import { S3Error } from '../../src/gateway/s3/errors.ts';
import { boundaryOf, MultipartForm } from '../../src/gateway/s3/multipart-form.ts';
import { decodePolicy } from '../../src/gateway/s3/post-policy.ts';
import { parseCopyRange, parseRange } from '../../src/gateway/s3/ranges.ts';
import { parseRequest } from '../../src/gateway/s3/request.ts';
import { headerClaim, SaidBefore } from '../../src/gateway/s3/signed-header.ts';
import { presignedClaim } from '../../src/gateway/s3/presigned.ts';
import { parseParameters } from '../../src/gateway/s3/sts/parameters.ts';
import { StsError } from '../../src/gateway/s3/sts/sts-error.ts';
import { headerTags } from '../../src/gateway/s3/tags.ts';
import { Fault } from '../../src/fault.ts';
import { parsePolicy } from '../../src/policy/parse.ts';
import { latin1, plain, utf8, type Decoder } from './decoder.ts';

/** What the door turns into an answer below 500. */
const refusals = (failure: unknown): boolean =>
  failure instanceof Fault ||
  failure instanceof StsError ||
  (failure instanceof S3Error && failure.status < 500);

const noBody = { next: () => Promise.resolve(undefined), keep: () => true, letGo: () => undefined };
const host = ['host', 'bucket.s3.test'];

const chunks = {
  plain: '5\r\nhello\r\n0\r\n\r\n',
  signed: '5;chunk-signature=ab\r\nhello\r\n0;chunk-signature=cd\r\n\r\n',
  trailing: '5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n',
};

/** In pieces of seven bytes, so that every line is cut somewhere. */
function unchunk(input: Uint8Array, options: { isSigned: boolean; hasTrailer: boolean }): void {
  const decoder = new ChunkDecoder(options);
  const events: ChunkEvent[] = [];
  for (let at = 0; at < input.length; at += 7) decoder.push(input.subarray(at, at + 7), events);
  decoder.finish();
}

const form = [
  '--B\r\nContent-Disposition: form-data; name="key"\r\n\r\nk${filename}\r\n',
  '--B\r\nContent-Disposition: form-data; name="policy"\r\n\r\neyJ9\r\n',
  '--B\r\nContent-Disposition: form-data; name="file"; filename="f"\r\nContent-Type: a/b\r\n\r\nabc\r\n--B--\r\n',
].join('');

async function readForm(input: Uint8Array): Promise<void> {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < input.length; at += 11) pieces.push(input.subarray(at, at + 11));
  const next = (): Promise<Uint8Array[] | undefined> =>
    Promise.resolve(pieces.length === 0 ? undefined : pieces.splice(0, 3));
  const read = new MultipartForm(
    { next, keep: () => true, letGo: () => undefined },
    boundaryOf('multipart/form-data; boundary=B') ?? '',
  );
  await read.fields();
  while ((await read.next()) !== undefined);
}

const document = `<?xml version="1.0" encoding="UTF-8"?><Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
<Quiet>true</Quiet><Object><Key>a&amp;b&#x41;</Key></Object><Object><Key><![CDATA[c]]></Key></Object></Delete>`;

const scope = 'AKIAIOSFODNN7EXAMPLE/20261122/us-east-1/s3/aws4_request';
const claim = `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host;x-amz-date, Signature=${'0'.repeat(64)}`;
const signed = (target: string, headers: readonly string[] = []) =>
  parseRequest({ method: 'GET', target, rawHeaders: [...host, ...headers], body: noBody, peer: '::1' }, [
    's3.test',
  ]);

const policy = {
  Version: '2012-10-17',
  Id: 'p',
  Statement: [
    {
      Effect: 'Deny',
      Principal: { AWS: ['*', 'arn:aws:iam::123456789012:root'] },
      Action: ['s3:Get*', 's3:PutObject'],
      Resource: 'arn:aws:s3:::b/*',
      Condition: { NumericLessThan: { 's3:max-keys': '10' }, IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } },
    },
  ],
};
const postPolicy = {
  expiration: '2026-12-30T12:00:00.000Z',
  conditions: [{ bucket: 'b' }, ['starts-with', '$key', 'u/'], ['content-length-range', 1, 10]],
};

/** What comes over HTTP, each decoder by itself; whole requests are in live-decoders.ts. */
export const s3Decoders: readonly Decoder[] = [
  plain(
    's3-request',
    ['/k?list-type=2&prefix=a%2Fb&x=', 'http://h/b/k%20%C3%A9?versionId=null', '/?a=1&a=2&%61=3'],
    (input) => signed(latin1(input)),
    { refusals, tokens: ['%', '%00', '%ff', '%C3', '&&', '?', '://', '+', '=', '../'] },
  ),
  plain(
    'sigv4-header',
    [claim],
    (input) =>
      headerClaim(
        signed('/', ['x-amz-date', '20261122T000000Z', 'x-amz-content-sha256', 'UNSIGNED-PAYLOAD']),
        latin1(input),
        { region: 'us-east-1', said: new SaidBefore() },
      ),
    { refusals, tokens: [',', ';', '/', 'Credential=', 'SignedHeaders=', 'Signature=', ' '] },
  ),
  plain(
    'sigv4-query',
    [
      `/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=${encodeURIComponent(scope)}&X-Amz-Date=20261122T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=${'0'.repeat(64)}`,
    ],
    (input) => presignedClaim(signed(latin1(input)), 'us-east-1'),
    { refusals, tokens: ['&', '%2F', 'X-Amz-Expires=', '-1', '99999999999999999999'] },
  ),
  ...[
    { name: 'aws-chunked', body: chunks.plain, options: { isSigned: false, hasTrailer: false } },
    { name: 'aws-chunked-signed', body: chunks.signed, options: { isSigned: true, hasTrailer: false } },
    { name: 'aws-chunked-trailer', body: chunks.trailing, options: { isSigned: false, hasTrailer: true } },
  ].map(({ name, body, options }) =>
    plain(name, [body], (input) => unchunk(input, options), {
      refusals,
      tokens: ['\r\n', '\n', ';', ':', '0', 'ffffffffffff', 'chunk-signature='],
    }),
  ),
  plain('xml', [document], (input) => parseXml([input]), {
    refusals,
    tokens: [
      '<',
      '>',
      '</',
      '/>',
      '&#0;',
      '&#x1F;',
      '<!DOCTYPE a [',
      ']]>',
      '<![CDATA[',
      '<!--',
      '<?',
      '"',
      '\0',
    ],
  }),
  plain('post-form', [form], readForm, {
    refusals,
    tokens: ['--B', '--B--', '\r\n', '\r\n\r\n', 'name="file"', '"', ';'],
  }),
  plain(
    'post-policy',
    [Buffer.from(JSON.stringify(postPolicy)).toString('base64'), JSON.stringify(postPolicy)].slice(0, 1),
    (input) => decodePolicy(latin1(input)),
    { refusals },
  ),
  plain(
    'post-policy-text',
    [JSON.stringify(postPolicy)],
    (input) => decodePolicy(Buffer.from(input).toString('base64')),
    { refusals, tokens: ['[', '{', '"', '\\$', 'null', '1e999', ','] },
  ),
  plain('iam-policy', [JSON.stringify(policy)], (input) => parsePolicy(utf8(input), 'resource'), {
    refusals,
    tokens: ['[', '{', '"', 'null', '*', '?', '${', '"Not', '1e999', ',', '"__proto__":'],
  }),
  plain(
    'sts-parameters',
    ['Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam'],
    (input) => parseParameters(latin1(input), latin1(input)),
    { refusals, tokens: ['&', '=', '%', '+'] },
  ),
  plain('tagging-header', ['a=1&b=%20x&c'], (input) => headerTags(latin1(input)), {
    refusals,
    tokens: ['&', '=', '%', '+'],
  }),
  plain('range', ['bytes=0-9', 'bytes=-5', 'bytes=5-'], (input) => parseRange(latin1(input), 1000), {
    refusals,
  }),
  plain('copy-range', ['bytes=0-9'], (input) => parseCopyRange(latin1(input), 1000), { refusals }),
  plain(
    'continuation-token',
    [continuationToken({ kind: 'key', bytes: Buffer.from('a/b') })],
    (input) => positionOf(latin1(input)),
    { refusals },
  ),
];
