import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketWebsiteCommand,
  GetBucketWebsiteCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutBucketPolicyCommand,
  PutBucketWebsiteCommand,
  PutObjectCommand,
  UploadPartCommand,
  type WebsiteConfiguration,
} from '@aws-sdk/client-s3';
import { liveDoor, type LiveDoor } from './live-door.ts';
import { codeOf, send, sendSigned, type RawAnswer } from './signed-request.ts';

const Bucket = 'site';

const site: WebsiteConfiguration = {
  IndexDocument: { Suffix: 'index.html' },
  ErrorDocument: { Key: 'error.html' },
  RoutingRules: [
    { Condition: { KeyPrefixEquals: 'old/' }, Redirect: { ReplaceKeyPrefixWith: 'new/' } },
    {
      Condition: { KeyPrefixEquals: 'away' },
      Redirect: {
        HostName: 'example.org',
        Protocol: 'https',
        ReplaceKeyWith: 'here',
        HttpRedirectCode: '307',
      },
    },
    {
      Condition: { HttpErrorCodeReturnedEquals: '404', KeyPrefixEquals: 'lost/' },
      Redirect: { ReplaceKeyWith: 'found.html', HttpRedirectCode: '302' },
    },
  ],
};

/** A public site with a few pages; `secret` is for nobody. */
async function openSite(context: TestContext, configuration?: WebsiteConfiguration): Promise<LiveDoor> {
  const door = await liveDoor(context);
  await door.s3.send(new CreateBucketCommand({ Bucket }));
  const pages = {
    'index.html': 'home',
    'docs/index.html': 'docs',
    'a b.txt': 'text',
    'error.html': 'sorry',
    secret: 's',
  };
  for (const [Key, Body] of Object.entries(pages))
    await door.s3.send(new PutObjectCommand({ Bucket, Key, Body, ContentType: 'text/html' }));
  const Policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: `arn:aws:s3:::${Bucket}/*` },
      { Effect: 'Allow', Principal: '*', Action: 's3:ListBucket', Resource: `arn:aws:s3:::${Bucket}` },
      { Effect: 'Deny', Principal: '*', Action: 's3:GetObject', Resource: `arn:aws:s3:::${Bucket}/secret` },
    ],
  });
  await door.s3.send(new PutBucketPolicyCommand({ Bucket, Policy }));
  if (configuration !== undefined)
    await door.s3.send(new PutBucketWebsiteCommand({ Bucket, WebsiteConfiguration: configuration }));
  return door;
}

const visit = (
  door: LiveDoor,
  path: string,
  { method = 'GET', headers = {}, host = `${Bucket}.web.test` } = {},
): Promise<RawAnswer> => send(door.port, { method, path, headers: { host, ...headers } });

const visits: readonly {
  readonly name: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly want: readonly [status: number, told: string];
}[] = [
  { name: 'the root', path: '/', want: [200, 'home'] },
  { name: 'a page', path: '/a%20b.txt?versions&x=1', want: [200, 'text'] },
  { name: 'a directory', path: '/docs/', want: [200, 'docs'] },
  { name: 'a directory without its slash', path: '/docs', want: [302, '/docs/'] },
  { name: 'a range', path: '/index.html', headers: { range: 'bytes=1-2' }, want: [206, 'om'] },
  {
    name: 'a range of an error page, which is whole',
    path: '/none',
    headers: { range: 'bytes=1-2' },
    want: [404, 'sorry'],
  },
  { name: 'a page that is not there', path: '/none', want: [404, 'sorry'] },
  { name: 'a directory that is not there', path: '/none/', want: [404, 'sorry'] },
  { name: 'a page for nobody', path: '/secret', want: [403, 'sorry'] },
  { name: 'a prefix that moved', path: '/old/a%20b', want: [301, 'http://site.web.test/new/a%20b'] },
  { name: 'a prefix that moved to another host', path: '/away/x', want: [307, 'https://example.org/here'] },
  { name: 'a lost page', path: '/lost/x', want: [302, 'http://site.web.test/found.html'] },
];

for (const { name, path, headers = {}, want } of visits) {
  test(`a website answers ${name} with ${want[0]}`, async (context) => {
    const door = await openSite(context, site);
    for (const method of ['GET', 'HEAD']) {
      const answer = await visit(door, path, { method, headers });
      const told = answer.headers['location'] ?? answer.body.toString();
      const wanted = method === 'HEAD' && answer.headers['location'] === undefined ? '' : want[1];
      assert.deepEqual([answer.status, told], [want[0], wanted], method);
    }
    assert.equal(door.observations.at(-1)?.operation, 'VisitWebsite');
    assert.deepEqual(door.errors, []);
  });
}

test('a website without an error document of its own says what happened in HTML', async (context) => {
  const door = await openSite(context, { IndexDocument: { Suffix: 'index.html' } });
  const answer = await visit(door, '/<none>');
  assert.equal(answer.status, 404);
  assert.match(String(answer.headers['content-type']), /^text\/html/);
  assert.equal(answer.headers['x-amz-error-code'], 'NoSuchKey');
  const page = answer.body.toString();
  assert(
    page.startsWith(
      '<html>\n<head><title>404 Not Found</title></head>\n<body>\n<h1>404 Not Found</h1>\n<ul>\n<li>Code: NoSuchKey</li>\n<li>Message: The specified key does not exist.</li>\n<li>Key: &lt;none&gt;</li>\n',
    ),
    page,
  );
  assert(page.includes(`<li>RequestId: ${String(answer.headers['x-amz-request-id'])}</li>`));
  const missing = await openSite(context, { IndexDocument: { Suffix: 'i' }, ErrorDocument: { Key: 'gone' } });
  assert.match(
    (await visit(missing, '/x')).body.toString(),
    /An Error Occurred While Attempting to Retrieve a Custom Error Document<\/h3>\n<ul>\n<li>Code: NoSuchKey/,
  );
});

const refused = [
  {
    name: 'a bucket that is not there',
    method: 'GET',
    host: 'nowhere.web.test',
    want: [404, 'NoSuchBucket'],
  },
  {
    name: 'a bucket without a website',
    method: 'GET',
    host: 'site.web.test',
    want: [404, 'NoSuchWebsiteConfiguration'],
  },
  {
    name: 'a method that changes something',
    method: 'PUT',
    host: 'site.web.test',
    want: [405, 'MethodNotAllowed'],
  },
] as const;

for (const { name, method, host, want } of refused) {
  test(`a website endpoint refuses ${name}`, async (context) => {
    const door = await openSite(context);
    const answer = await visit(door, '/', { method, host });
    assert.deepEqual([answer.status, answer.headers['x-amz-error-code']], want);
    assert(answer.body.toString().includes(`<li>Code: ${want[1]}</li>`));
  });
}

test('a website knows its readers only by conditions, and no signature', async (context) => {
  const door = await openSite(context, site);
  const { headers } = await visit(door, '/index.html', { headers: { authorization: 'AWS a:b' } });
  const again = await visit(door, '/index.html', { headers: { 'if-none-match': String(headers['etag']) } });
  assert.deepEqual([again.status, again.body.length, again.headers['etag']], [304, 0, headers['etag']]);
  const other = await visit(door, '/index.html', { headers: { 'if-match': '"other"' } });
  assert.deepEqual([other.status, other.body.toString()], [412, 'sorry']);
});

test('a website may send every request elsewhere', async (context) => {
  const door = await openSite(context, {
    RedirectAllRequestsTo: { HostName: 'example.org', Protocol: 'https' },
  });
  const answer = await visit(door, '/a%20b/');
  assert.deepEqual([answer.status, answer.headers['location']], [301, 'https://example.org/a%20b/']);
});

test('an object may send its readers elsewhere, however it was made', async (context) => {
  const door = await openSite(context, site);
  const redirect = '/index.html';
  await door.s3.send(
    new PutObjectCommand({
      Bucket,
      Key: 'put',
      Body: Buffer.alloc(100_000),
      WebsiteRedirectLocation: redirect,
    }),
  );
  const CopySource = `${Bucket}/put`;
  await door.s3.send(new CopyObjectCommand({ Bucket, Key: 'plain', CopySource }));
  await door.s3.send(
    new CopyObjectCommand({
      Bucket,
      Key: 'copied',
      CopySource,
      WebsiteRedirectLocation: 'https://example.org/',
    }),
  );
  await door.s3.send(
    new CopyObjectCommand({
      Bucket,
      Key: 'a b.txt',
      CopySource: `${Bucket}/a%20b.txt`,
      WebsiteRedirectLocation: redirect,
    }),
  );
  const upload = { Bucket, Key: 'uploaded' };
  const { UploadId } = await door.s3.send(
    new CreateMultipartUploadCommand({ ...upload, WebsiteRedirectLocation: redirect }),
  );
  const { ETag } = await door.s3.send(
    new UploadPartCommand({ ...upload, UploadId, PartNumber: 1, Body: 'x' }),
  );
  await door.s3.send(
    new CompleteMultipartUploadCommand({
      ...upload,
      UploadId,
      MultipartUpload: { Parts: [{ ETag, PartNumber: 1 }] },
    }),
  );
  const table: readonly (readonly [string, string | undefined])[] = [
    ['put', redirect],
    ['plain', undefined],
    ['copied', 'https://example.org/'],
    ['a b.txt', redirect],
    ['uploaded', redirect],
  ];
  for (const [Key, location] of table) {
    const { WebsiteRedirectLocation } = await door.s3.send(new HeadObjectCommand({ Bucket, Key }));
    const { Body } = await door.s3.send(new GetObjectCommand({ Bucket, Key }));
    await Body?.transformToByteArray();
    const shown = await visit(door, `/${encodeURIComponent(Key)}`);
    assert.deepEqual(
      [Key, WebsiteRedirectLocation, shown.status, shown.headers['location']],
      [Key, location, location === undefined ? 200 : 301, location],
    );
  }
  await assert.rejects(
    door.s3.send(
      new PutObjectCommand({ Bucket, Key: 'bad', Body: 'x', WebsiteRedirectLocation: 'example.org' }),
    ),
    { name: 'InvalidRedirectLocation' },
  );
  await assert.rejects(
    door.s3.send(
      new PutObjectCommand({
        Bucket,
        Key: 'bad',
        Body: 'x',
        WebsiteRedirectLocation: `/${'x'.repeat(2048)}`,
      }),
    ),
    { name: 'InvalidRedirectLocation' },
  );
});

test('a website configuration is kept as it was put, until it is deleted', async (context) => {
  const door = await openSite(context, site);
  const got = await door.s3.send(new GetBucketWebsiteCommand({ Bucket }));
  const { IndexDocument, ErrorDocument, RoutingRules, RedirectAllRequestsTo } = got;
  assert.deepEqual(
    { IndexDocument, ErrorDocument, RoutingRules, RedirectAllRequestsTo },
    { ...site, RedirectAllRequestsTo: undefined },
  );
  await door.s3.send(new DeleteBucketWebsiteCommand({ Bucket }));
  await door.s3.send(new DeleteBucketWebsiteCommand({ Bucket }));
  await assert.rejects(door.s3.send(new GetBucketWebsiteCommand({ Bucket })), {
    name: 'NoSuchWebsiteConfiguration',
  });
  const all = { RedirectAllRequestsTo: { HostName: 'example.org' } };
  await door.s3.send(new PutBucketWebsiteCommand({ Bucket, WebsiteConfiguration: all }));
  assert.deepEqual((await door.s3.send(new GetBucketWebsiteCommand({ Bucket }))).RedirectAllRequestsTo, {
    HostName: 'example.org',
  });
});

const rule = (inner: string): string =>
  `<IndexDocument><Suffix>i</Suffix></IndexDocument><RoutingRules><RoutingRule>${inner}</RoutingRule></RoutingRules>`;
const redirectTo = '<Redirect><HostName>a</HostName></Redirect>';

/** AWS API reference, PutBucketWebsite. */
const invalid = [
  { name: 'nothing', xml: '', want: 'InvalidArgument' },
  {
    name: 'a suffix with a slash',
    xml: '<IndexDocument><Suffix>a/b</Suffix></IndexDocument>',
    want: 'InvalidArgument',
  },
  { name: 'an empty suffix', xml: '<IndexDocument><Suffix/></IndexDocument>', want: 'InvalidArgument' },
  {
    name: 'an empty error document',
    xml: '<IndexDocument><Suffix>i</Suffix></IndexDocument><ErrorDocument><Key/></ErrorDocument>',
    want: 'InvalidArgument',
  },
  { name: 'an index document without a suffix', xml: '<IndexDocument/>', want: 'MalformedXML' },
  {
    name: 'a redirect of all beside an index',
    xml: `<RedirectAllRequestsTo><HostName>a</HostName></RedirectAllRequestsTo>${rule(redirectTo)}`,
    want: 'InvalidArgument',
  },
  {
    name: 'a redirect of all by ftp',
    xml: '<RedirectAllRequestsTo><HostName>a</HostName><Protocol>ftp</Protocol></RedirectAllRequestsTo>',
    want: 'InvalidRequest',
  },
  {
    name: 'a host that is none',
    xml: '<RedirectAllRequestsTo><HostName>a b</HostName></RedirectAllRequestsTo>',
    want: 'InvalidArgument',
  },
  {
    name: 'a rule without a redirect',
    xml: rule('<Condition><KeyPrefixEquals>a</KeyPrefixEquals></Condition>'),
    want: 'MalformedXML',
  },
  { name: 'an empty redirect', xml: rule('<Redirect/>'), want: 'MalformedXML' },
  { name: 'an empty condition', xml: rule(`<Condition/>${redirectTo}`), want: 'InvalidRequest' },
  {
    name: 'an error code that is none',
    xml: rule(
      `<Condition><HttpErrorCodeReturnedEquals>200</HttpErrorCodeReturnedEquals></Condition>${redirectTo}`,
    ),
    want: 'InvalidRequest',
  },
  {
    name: 'a redirect code that is none',
    xml: rule('<Redirect><HttpRedirectCode>300</HttpRedirectCode></Redirect>'),
    want: 'InvalidRequest',
  },
  {
    name: 'two replacements',
    xml: rule(
      '<Redirect><ReplaceKeyWith>a</ReplaceKeyWith><ReplaceKeyPrefixWith>b</ReplaceKeyPrefixWith></Redirect>',
    ),
    want: 'InvalidRequest',
  },
  {
    name: '51 rules',
    xml: `<IndexDocument><Suffix>i</Suffix></IndexDocument><RoutingRules>${`<RoutingRule>${redirectTo}</RoutingRule>`.repeat(51)}</RoutingRules>`,
    want: 'InvalidRequest',
  },
  {
    name: 'no rule',
    xml: '<IndexDocument><Suffix>i</Suffix></IndexDocument><RoutingRules/>',
    want: 'MalformedXML',
  },
] as const;

for (const { name, xml, want } of invalid) {
  test(`a website configuration with ${name} is ${want}`, async (context) => {
    const door = await openSite(context);
    const body = `<WebsiteConfiguration>${xml}</WebsiteConfiguration>`;
    const answer = await sendSigned(door.port, {
      method: 'PUT',
      bucket: Bucket,
      query: { website: '' },
      body,
    });
    assert.deepEqual([answer.status, codeOf(answer)], [400, want], answer.body.toString());
  });
}
