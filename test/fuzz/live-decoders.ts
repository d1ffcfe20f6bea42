import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { CreateBucketCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { Fault } from '../../src/fault.ts';
import { coldRole } from '../../src/tiering/cold/sdk-failure.ts';
import { sdkObjectStore } from '../../src/tiering/cold/sdk-object-store.ts';
import { referenceCompute } from '../../src/workers/reference.ts';
import { openQuietDoor } from '../gateway/admin/quiet-door.ts';
import { keys, openLiveDoor, type LiveDoor } from '../gateway/s3/live-door.ts';
import { sendSigned, type RawAnswer } from '../gateway/s3/signed-request.ts';
import { latin1, type Decoder, type OpenDecoder } from './decoder.ts';

const BUCKET = 'fuzzed';
/** A server that waits for more is left alone after this. */
const PATIENCE_MS = 30;
const never = (): boolean => false;

/** The S3 address with a bucket and an object; nothing that comes over it may be a failure of its own. */
async function openDoor(
  decode: (door: LiveDoor, input: Uint8Array) => Promise<unknown>,
): Promise<OpenDecoder> {
  const door = await openLiveDoor();
  await door.s3.send(new CreateBucketCommand({ Bucket: BUCKET }));
  await door.s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'k', Body: 'content' }));
  return {
    async decode(input) {
      await decode(door, input);
      assert.deepEqual(door.errors, [], latin1(input));
    },
    isRefusal: never,
    close: () => door.close(),
  };
}

const requests = [
  `GET /${BUCKET}?list-type=2&max-keys=2 HTTP/1.1\r\nHost: x\r\nAuthorization: AWS4-HMAC-SHA256 Credential=a/20261122/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=00\r\nx-amz-date: 20261122T000000Z\r\nx-amz-content-sha256: UNSIGNED-PAYLOAD\r\nConnection: close\r\n\r\n`,
  `PUT /${BUCKET}/k HTTP/1.1\r\nHost: ${BUCKET}.s3.test\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
  `POST /${BUCKET} HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=B\r\nContent-Length: 90\r\nConnection: close\r\n\r\n--B\r\nContent-Disposition: form-data; name="key"\r\n\r\nk\r\n--B--\r\n`,
  `OPTIONS /${BUCKET}/k HTTP/1.1\r\nHost: x\r\nOrigin: http://a\r\nAccess-Control-Request-Method: PUT\r\nConnection: close\r\n\r\n`,
];

/** Sends bytes, ends its side of the connection, and waits for the other side, a moment. */
function exchange(port: number, bytes: Uint8Array): Promise<string> {
  return new Promise((resolve) => {
    let received = '';
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => void socket.end(bytes));
    socket.setEncoding('latin1').on('data', (text: string) => (received += text));
    socket.on('error', () => undefined).on('close', () => resolve(received));
    void sleep(PATIENCE_MS).then(() => socket.destroy());
  });
}

const http: Decoder = {
  name: 'http',
  sound: requests.map((text) => Buffer.from(text)),
  tokens: [
    '\r\n',
    '\n',
    '\0',
    ' ',
    ':',
    '%',
    'HTTP/1.1',
    'Content-Length: 9999999999999999999\r\n',
    'Transfer-Encoding: chunked\r\n',
    'x-amz-',
    '?acl&',
    '/../',
  ],
  cost: 20,
  open: () =>
    openDoor(async (door, input) => {
      const answer = await exchange(door.port, input);
      assert(answer === '' || /^HTTP\/1\.1 [1-4]\d\d /.test(answer), answer);
    }),
};

/** As a line and headers, which are signed as they come: `METHOD key?query` and `name: value`. */
const signedTexts = [
  'GET k?versionId=null\nrange: bytes=0-2\nif-match: "a"',
  'PUT k?partNumber=1&uploadId=abc\nx-amz-copy-source: /fuzzed/k\nx-amz-copy-source-range: bytes=0-1',
  'PUT new\nx-amz-tagging: a=1\nx-amz-acl: private\nx-amz-storage-class: STANDARD\nx-amz-meta-a: b\ncontent-md5: 1B2M2Y8AsgTpgAmY7PhCfg==\nx-amz-checksum-crc32: AAAAAA==',
  'PUT new?renameObject\nx-amz-rename-source: k\nif-none-match: *',
  'DELETE k?versionId=1\nif-match: *\nx-amz-if-match-size: 7',
  'GET ?list-type=2&prefix=a&delimiter=/&continuation-token=AAAA&start-after=b&max-keys=3&encoding-type=url',
  'GET ?versions&key-marker=a&version-id-marker=null&prefix=',
  'GET ?uploads&key-marker=a&upload-id-marker=b',
  'HEAD k?partNumber=1\nx-amz-server-side-encryption-customer-algorithm: AES256\nx-amz-server-side-encryption-customer-key: AAAA\nx-amz-server-side-encryption-customer-key-md5: AAAA',
  'POST k?restore\n',
  'GET k?attributes\nx-amz-object-attributes: ETag,ObjectParts',
];

const headerLine = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\t\x20-\x7e\x80-\xff]*)$/;

async function sendText({ port }: LiveDoor, text: string): Promise<RawAnswer | undefined> {
  const [line = '', ...rest] = text.split('\n');
  const [, method, key = '', search = ''] = /^(GET|PUT|POST|HEAD|DELETE) ([^?]*)\??(.*)$/.exec(line) ?? [];
  if (method === undefined) return undefined;
  const query = Object.fromEntries(new URLSearchParams(search));
  const reserved = ['host', 'content-length', 'transfer-encoding', 'connection', 'expect', 'upgrade'];
  const headers = rest
    .map((it) => headerLine.exec(it))
    .flatMap((it) =>
      it === null || reserved.includes(it[1]!.toLowerCase()) ? [] : [[it[1]!, it[2]!.trim()]],
    );
  const given = {
    method,
    bucket: BUCKET,
    query,
    headers: Object.fromEntries(headers) as Record<string, string>,
  };
  const answer = await sendSigned(port, key === '' ? given : { ...given, key });
  assert(answer.status < 500 || answer.status === 501, `${answer.status} ${answer.body.toString()}`);
  return answer;
}

const signedRequests: Decoder = {
  name: 's3-signed-requests',
  sound: signedTexts.map((text) => Buffer.from(text)),
  tokens: [
    '\n',
    ': ',
    '&',
    '=',
    '%00',
    '\u00ff',
    '"',
    ',',
    '-1',
    '1e9',
    '99999999999999999999',
    '*',
    'x-amz-',
  ],
  cost: 20,
  open: () => openDoor((door, input) => sendText(door, latin1(input))),
};

/** `subresource` and behind a line end the document. */
const documents = [
  'delete\n<Delete><Object><Key>k</Key><VersionId>null</VersionId></Object></Delete>',
  'tagging\n<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>',
  'acl\n<AccessControlPolicy><Owner><ID>a</ID></Owner><AccessControlList><Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>a</ID></Grantee><Permission>READ</Permission></Grant></AccessControlList></AccessControlPolicy>',
  'cors\n<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod><MaxAgeSeconds>5</MaxAgeSeconds></CORSRule></CORSConfiguration>',
  'lifecycle\n<LifecycleConfiguration><Rule><ID>r</ID><Filter><And><Prefix>a</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></And></Filter><Status>Enabled</Status><Expiration><Days>3</Days></Expiration><Transition><Days>1</Days><StorageClass>GLACIER</StorageClass></Transition></Rule></LifecycleConfiguration>',
  'versioning\n<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>',
  'encryption\n<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>',
  'website\n<WebsiteConfiguration><IndexDocument><Suffix>i.html</Suffix></IndexDocument><RoutingRules><RoutingRule><Condition><KeyPrefixEquals>a/</KeyPrefixEquals></Condition><Redirect><ReplaceKeyPrefixWith>b/</ReplaceKeyPrefixWith></Redirect></RoutingRule></RoutingRules></WebsiteConfiguration>',
  'logging\n<BucketLoggingStatus><LoggingEnabled><TargetBucket>fuzzed</TargetBucket><TargetPrefix>l/</TargetPrefix></LoggingEnabled></BucketLoggingStatus>',
  'notification\n<NotificationConfiguration></NotificationConfiguration>',
  'replication\n<ReplicationConfiguration><Role>arn:aws:iam::123456789012:role/r</Role><Rule><Status>Enabled</Status><Destination><Bucket>arn:aws:s3:::b</Bucket></Destination></Rule></ReplicationConfiguration>',
  'ownershipControls\n<OwnershipControls><Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule></OwnershipControls>',
  'publicAccessBlock\n<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls></PublicAccessBlockConfiguration>',
  'object-lock\n<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>GOVERNANCE</Mode><Days>1</Days></DefaultRetention></Rule></ObjectLockConfiguration>',
  'inventory\n<InventoryConfiguration><Id>i</Id><IsEnabled>true</IsEnabled></InventoryConfiguration>',
  'policy\n{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::fuzzed/*"}]}',
];

async function sendDocument({ port }: LiveDoor, text: string): Promise<void> {
  const end = text.indexOf('\n');
  const [name, document] = [text.slice(0, end), Buffer.from(text.slice(end + 1), 'latin1')];
  const isKnown = documents.some((known) => known.startsWith(`${name}\n`));
  if (end < 0 || !isKnown) return;
  const headers = { 'content-md5': createHash('md5').update(document).digest('base64') };
  const query = { [name]: '', ...(name === 'inventory' && { id: 'i' }) };
  const method = name === 'delete' ? 'POST' : 'PUT';
  const answer = await sendSigned(port, { method, bucket: BUCKET, query, headers, body: document });
  assert(answer.status < 500 || answer.status === 501, `${answer.status} ${answer.body.toString()}`);
}

const documentBodies: Decoder = {
  name: 's3-documents',
  sound: documents.map((text) => Buffer.from(text)),
  tokens: [
    '<',
    '>',
    '</',
    '/>',
    '<Rule>',
    '</Rule>',
    '&#0;',
    '-1',
    '99999999999999999999',
    '{',
    '"',
    ',',
    '\0',
    '\u00ff',
  ],
  cost: 20,
  open: () => openDoor((door, input) => sendDocument(door, latin1(input))),
};

const adminRequests: Decoder = {
  name: 'admin-http',
  sound: [
    'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    'PUT /v1/exports/a HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}',
    'GET /v1/tiers/moves/%31?x=1 HTTP/1.1\r\nHost: x\r\nAuthorization: AWS4-HMAC-SHA256 Credential=a/b/c/d/e\r\nConnection: close\r\n\r\n',
  ].map((text) => Buffer.from(text)),
  tokens: [
    '\r\n',
    '\0',
    '%',
    '%zz',
    '/',
    ':',
    'Content-Length: 99999999999\r\n',
    'Transfer-Encoding: chunked\r\n',
  ],
  cost: 20,
  async open() {
    const door = await openQuietDoor();
    return {
      async decode(input) {
        const answer = await exchange(door.address.port, input);
        assert(answer === '' || /^HTTP\/1\.1 [1-4]\d\d /.test(answer), answer);
      },
      isRefusal: never,
      close: () => door.close(),
    };
  },
};

const coldAnswers = [
  'HTTP/1.1 200 OK\r\nETag: "00"\r\nContent-Length: 5\r\nLast-Modified: Sun, 22 Nov 2026 00:00:00 GMT\r\nConnection: close\r\n\r\nhello',
  'HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nConnection: close\r\n\r\n<?xml version="1.0"?><ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken><Contents><Key>p/a</Key><Size>5</Size><ETag>"e"</ETag><LastModified>2026-11-22T00:00:00.000Z</LastModified></Contents></ListBucketResult>',
  'HTTP/1.1 404 Not Found\r\nContent-Type: application/xml\r\nConnection: close\r\n\r\n<Error><Code>NoSuchKey</Code><Message>m</Message></Error>',
  'HTTP/1.1 503 Slow Down\r\nRetry-After: 1\r\nConnection: close\r\n\r\n<Error><Code>SlowDown</Code></Error>',
];

/** A cold store that answers whatever it likes; each call comes to an answer or to a fault. */
const coldStore: Decoder = {
  name: 'cold-answers',
  sound: coldAnswers.map((text) => Buffer.from(text)),
  tokens: [
    '\r\n',
    '<',
    '</',
    'Content-Length: 3\r\n',
    'Content-Length: 99999999999\r\n',
    'ETag: \r\n',
    'NaN',
    '-1',
    '\0',
  ],
  cost: 40,
  async open() {
    let answer: Uint8Array = new Uint8Array(0);
    const server = createServer().on('connection', (socket) => {
      socket.removeAllListeners('data');
      socket.on('error', () => undefined).once('data', () => socket.end(answer));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const store = sdkObjectStore({
      place: { bucket: 'cold', prefix: 'p', endpoint: `http://127.0.0.1:${port}`, region: 'us-east-1' },
      credentials: { accessKeyId: keys.accessKey, secretAccessKey: keys.secretKey },
      ...{ socketsMax: 4, storageClass: 'STANDARD', compute: referenceCompute(), role: coldRole },
    });
    return {
      async decode(input) {
        answer = input;
        const signal = AbortSignal.timeout(2_000);
        const calls = [
          () => store.get('p/a', { start: 0, end: 4 } as never, signal),
          () => store.head('p/a', signal),
          () => store.list('p/', '', signal),
          () => store.delete('p/a', signal),
        ];
        for (const call of calls)
          await call().catch((failure: unknown) => assert(failure instanceof Fault, String(failure)));
      },
      isRefusal: never,
      async close() {
        await store.close();
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      },
    };
  },
};

/** Whole doors over sockets, and the client of the cold store in front of a store that lies. */
export const liveDecoders: readonly Decoder[] = [
  http,
  signedRequests,
  documentBodies,
  adminRequests,
  coldStore,
];
