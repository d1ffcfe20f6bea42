import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { after, before, suite, test } from 'node:test';
import {
  AssumeRoleCommand,
  GetCallerIdentityCommand,
  GetFederationTokenCommand,
  GetSessionTokenCommand,
  STSServiceException,
  type AssumeRoleCommandInput,
} from '@aws-sdk/client-sts';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListBucketsCommand,
  PutObjectCommand,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import fc from 'fast-check';
import { realClock } from '../../../src/environment-real.ts';
import { parseParameters } from '../../../src/gateway/s3/sts/parameters.ts';
import { signingHeaders } from '../../../src/signing/sign.ts';
import { keys as root, openLiveDoor, type LiveDoor } from './live-door.ts';
import { send, type RawAnswer } from './signed-request.ts';
import {
  keysOf,
  s3Of,
  sessionsAt,
  signedChunk,
  statement,
  stsOf,
  trustOf,
  type TemporaryKeys,
} from './sts-world.ts';

const alice = { accessKey: 'ALICE-KEY', secretKey: 'the secret of alice' };
const bob = { accessKey: 'BOB-KEY', secretKey: 'the secret of bob' };

/** Code of the error that a call ends with; 'done' when it ends without. */
const codeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'done',
    (failure: unknown) => {
      const isService = failure instanceof STSServiceException || failure instanceof S3ServiceException;
      assert(isService, String(failure));
      return failure.name.replace(/Exception$/, '');
    },
  );

suite('STS', () => {
  let door: LiveDoor;
  let aliceId = '';
  let bobId = '';
  before(async () => {
    door = await openLiveDoor();
    aliceId = (await door.accounts.create({ name: 'alice', key: alice })).user.account.id;
    bobId = (await door.accounts.create({ name: 'bob', key: bob })).user.account.id;
    await s3Of(door, alice).send(new CreateBucketCommand({ Bucket: 'hers' }));
    await s3Of(door, alice).send(new PutObjectCommand({ Bucket: 'hers', Key: 'a', Body: 'text' }));
    const policies = [statement('Allow', 's3:*', '*'), statement('Deny', 's3:DeleteObject', '*')];
    await door.roles.create({ name: 'editor', user: 'alice', trust: trustOf({ AWS: bobId }), policies });
    await door.roles.create({ name: 'idle', user: 'alice', trust: trustOf('*'), policies: [] });
    const condition = { StringEquals: { 'sts:ExternalId': 'the magic word' } };
    const guarded = trustOf({ AWS: `arn:aws:iam::${bobId}:user/bob` }, condition);
    await door.roles.create({ name: 'guarded', user: 'alice', trust: guarded, policies });
  });
  after(() => door.close());

  const arnOf = (name: string): string => `arn:aws:iam::${aliceId}:role/${name}`;
  const assume = (
    keys: typeof bob & { readonly token?: string },
    input: Partial<AssumeRoleCommandInput> = {},
  ): ReturnType<typeof assumed> => assumed(stsOf(door, keys), input);
  const assumed = (client: ReturnType<typeof stsOf>, input: Partial<AssumeRoleCommandInput>) =>
    client.send(new AssumeRoleCommand({ RoleArn: arnOf('editor'), RoleSessionName: 'night', ...input }));

  test('GetCallerIdentity says who signs, for any region', async () => {
    const identity = async (keys: typeof bob, region?: string): Promise<unknown> => {
      const { Arn, UserId, Account } = await stsOf(door, keys, region).send(new GetCallerIdentityCommand({}));
      return { Arn, UserId, Account };
    };
    const hers = { Arn: `arn:aws:iam::${aliceId}:user/alice`, UserId: aliceId, Account: aliceId };
    assert.deepEqual(await identity(alice), hers);
    assert.deepEqual(await identity(alice, 'eu-central-1'), hers);
    const roots = { Arn: 'arn:aws:iam::000000000000:root', UserId: '000000000000', Account: '000000000000' };
    assert.deepEqual(await identity(root), roots);
    const session = keysOf(await assume(bob));
    const { AssumedRoleUser } = await assume(bob);
    assert.deepEqual(await identity(session), {
      Arn: `arn:aws:sts::${aliceId}:assumed-role/editor/night`,
      UserId: AssumedRoleUser?.AssumedRoleId,
      Account: aliceId,
    });
  });

  test('GetSessionToken gives keys that are as good as the user’s, for a time', async () => {
    const answer = await stsOf(door, alice).send(new GetSessionTokenCommand({ DurationSeconds: 900 }));
    const keys = keysOf(answer);
    assert.match(keys.accessKey, /^ASIA/);
    const left = (answer.Credentials?.Expiration?.getTime() ?? 0) - Date.now();
    assert(left > 890_000 && left <= 900_000, String(left));
    const s3 = s3Of(door, keys);
    const { Buckets, Owner } = await s3.send(new ListBucketsCommand({}));
    assert.deepEqual([Buckets?.map(({ Name }) => Name), Owner?.DisplayName], [['hers'], 'alice']);
    await s3.send(new PutObjectCommand({ Bucket: 'hers', Key: 'b', Body: 'b' }));
    const { Body } = await s3Of(door, alice).send(new GetObjectCommand({ Bucket: 'hers', Key: 'b' }));
    assert.equal(await Body?.transformToString(), 'b');
    for (const command of [new GetSessionTokenCommand({}), new GetFederationTokenCommand({ Name: 'xy' })])
      assert.equal(await codeOf(stsOf(door, keys).send(command as GetSessionTokenCommand)), 'AccessDenied');
  });

  test('sessions of root last an hour at most and may do everything', async () => {
    const answer = await stsOf(door, root).send(new GetSessionTokenCommand({ DurationSeconds: 7200 }));
    const left = (answer.Credentials?.Expiration?.getTime() ?? 0) - Date.now();
    assert(left > 3_590_000 && left <= 3_600_000, String(left));
    const { Body } = await s3Of(door, keysOf(answer)).send(
      new GetObjectCommand({ Bucket: 'hers', Key: 'a' }),
    );
    assert.equal(await Body?.transformToString(), 'text');
  });

  test('AssumeRole gives what the policies of the role allow, in its account', async () => {
    const answer = await assume(bob, { DurationSeconds: 900 });
    assert.equal(answer.AssumedRoleUser?.Arn, `arn:aws:sts::${aliceId}:assumed-role/editor/night`);
    assert.equal(answer.PackedPolicySize, undefined);
    const s3 = s3Of(door, keysOf(answer));
    assert.equal(
      await codeOf(s3.send(new PutObjectCommand({ Bucket: 'hers', Key: 'c', Body: 'c' }))),
      'done',
    );
    assert.equal(
      await codeOf(s3.send(new DeleteObjectCommand({ Bucket: 'hers', Key: 'c' }))),
      'AccessDenied',
    );
    assert.equal((await s3.send(new ListBucketsCommand({}))).Owner?.DisplayName, 'alice');
    const his = s3Of(door, bob).send(new GetObjectCommand({ Bucket: 'hers', Key: 'a' }));
    assert.equal(await codeOf(his), 'AccessDenied', 'bob himself has no access');
  });

  test('a role without policies may do nothing, and its session policy adds nothing', async () => {
    const everything = statement('Allow', 's3:*', '*');
    for (const Policy of [undefined, everything]) {
      const answer = await assume(bob, { RoleArn: arnOf('idle'), Policy });
      const s3 = s3Of(door, keysOf(answer));
      assert.equal(await codeOf(s3.send(new ListBucketsCommand({}))), 'AccessDenied');
      assert.equal(await codeOf(s3.send(new GetObjectCommand({ Bucket: 'hers', Key: 'a' }))), 'AccessDenied');
    }
  });

  test('a session policy cuts down what the role may do', async () => {
    const Policy = statement('Allow', 's3:GetObject', 'arn:aws:s3:::hers/a');
    const answer = await assume(bob, { Policy });
    assert.equal(answer.PackedPolicySize, Math.ceil((Policy.length * 100) / 2048));
    const s3 = s3Of(door, keysOf(answer));
    assert.equal(await codeOf(s3.send(new GetObjectCommand({ Bucket: 'hers', Key: 'a' }))), 'done');
    assert.equal(await codeOf(s3.send(new GetObjectCommand({ Bucket: 'hers', Key: 'b' }))), 'AccessDenied');
    assert.equal(
      await codeOf(s3.send(new PutObjectCommand({ Bucket: 'hers', Key: 'a', Body: 'x' }))),
      'AccessDenied',
    );
  });

  test('GetFederationToken gives what its policy says, of what the user may do', async () => {
    const federate = async (Policy?: string): Promise<TemporaryKeys> => {
      const command = new GetFederationTokenCommand({ Name: 'carol', Policy });
      const answer = await stsOf(door, alice).send(command);
      assert.deepEqual(answer.FederatedUser, {
        Arn: `arn:aws:sts::${aliceId}:federated-user/carol`,
        FederatedUserId: `${aliceId}:carol`,
      });
      return keysOf(answer);
    };
    const read = (keys: TemporaryKeys): Promise<string> =>
      codeOf(s3Of(door, keys).send(new GetObjectCommand({ Bucket: 'hers', Key: 'a' })));
    assert.equal(await read(await federate()), 'AccessDenied');
    const reader = await federate(statement('Allow', 's3:GetObject', '*'));
    assert.equal(await read(reader), 'done');
    assert.equal(await codeOf(s3Of(door, reader).send(new ListBucketsCommand({}))), 'AccessDenied');
    assert.equal(await codeOf(assume(reader, { RoleArn: arnOf('idle') })), 'AccessDenied');
  });

  const assumptions: readonly {
    readonly name: string;
    readonly input: (arn: (name: string) => string) => Partial<AssumeRoleCommandInput>;
    readonly keys?: typeof bob;
    readonly want: string;
  }[] = [
    {
      name: 'the role is trusted to nobody of that account',
      input: () => ({}),
      keys: root,
      want: 'AccessDenied',
    },
    { name: 'the role is not there', input: (arn) => ({ RoleArn: arn('none') }), want: 'AccessDenied' },
    {
      name: 'the role is of another account',
      input: () => ({ RoleArn: 'arn:aws:iam::123456789012:role/editor' }),
      want: 'AccessDenied',
    },
    {
      name: 'the ARN is none',
      input: () => ({ RoleArn: 'role/editor/role/editor' }),
      want: 'ValidationError',
    },
    {
      name: 'the external id is missing',
      input: (arn) => ({ RoleArn: arn('guarded') }),
      want: 'AccessDenied',
    },
    {
      name: 'the external id is another',
      input: (arn) => ({ RoleArn: arn('guarded'), ExternalId: 'please' }),
      want: 'AccessDenied',
    },
    {
      name: 'the external id is right',
      input: (arn) => ({ RoleArn: arn('guarded'), ExternalId: 'the magic word' }),
      want: 'ValidationError',
    },
    { name: 'the session is too short', input: () => ({ DurationSeconds: 899 }), want: 'ValidationError' },
    { name: 'the session is too long', input: () => ({ DurationSeconds: 43_201 }), want: 'ValidationError' },
    { name: 'the session is the longest', input: () => ({ DurationSeconds: 43_200 }), want: 'done' },
    {
      name: 'the name of the session has a space',
      input: () => ({ RoleSessionName: 'a b' }),
      want: 'ValidationError',
    },
    { name: 'the policy is no JSON', input: () => ({ Policy: 'all' }), want: 'MalformedPolicyDocument' },
    {
      name: 'the policy is longer than 2,048 characters',
      input: () => ({ Policy: statement('Allow', 's3:*', '*').padEnd(2049) }),
      want: 'ValidationError',
    },
    {
      name: 'the policy has 2,048 characters',
      input: () => ({ Policy: statement('Allow', 's3:*', '*').padEnd(2048) }),
      want: 'done',
    },
    {
      name: 'managed policies are asked for',
      input: () => ({ PolicyArns: [{ arn: 'arn:aws:iam::aws:policy/ReadOnlyAccess' }] }),
      want: 'InvalidParameterValue',
    },
    {
      name: 'tags are asked for',
      input: () => ({ Tags: [{ Key: 'a', Value: 'b' }] }),
      want: 'InvalidParameterValue',
    },
  ];
  for (const { name, input, keys = bob, want } of assumptions) {
    test(`AssumeRole where ${name}: ${want}`, async () =>
      assert.equal(await codeOf(assume(keys, input(arnOf))), want));
  }

  test('a session of a role that assumes a role gets an hour at most', async () => {
    await door.roles.create({
      name: 'next',
      user: 'bob',
      trust: trustOf({ AWS: arnOf('chain') }),
      policies: [],
    });
    const policies = [statement('Allow', 'sts:AssumeRole', '*')];
    await door.roles.create({ name: 'chain', user: 'alice', trust: trustOf({ AWS: bobId }), policies });
    const chain = keysOf(await assume(bob, { RoleArn: arnOf('chain') }));
    const RoleArn = `arn:aws:iam::${bobId}:role/next`;
    assert.equal(await codeOf(assume(chain, { RoleArn, DurationSeconds: 3601 })), 'ValidationError');
    assert.equal(await codeOf(assume(chain, { RoleArn, DurationSeconds: 3600 })), 'done');
    const editor = keysOf(await assume(bob));
    assert.equal(await codeOf(assume(editor, { RoleArn })), 'AccessDenied');
  });

  test('a token that has expired, was changed, or came with another key is refused by both', async () => {
    const subject = {
      kind: 'user',
      accountId: aliceId,
      parentKey: alice.accessKey,
      federatedName: undefined,
    } as const;
    const now = realClock().wall().seconds;
    const old = sessionsAt(door, now - 901).issue({ subject, seconds: 900, policy: undefined });
    const good = sessionsAt(door, now).issue({ subject, seconds: 900, policy: undefined });
    const cases = [
      { keys: good, s3: 'done', sts: 'done' },
      { keys: old, s3: 'ExpiredToken', sts: 'ExpiredToken' },
      {
        keys: { ...good, token: `${good.token.slice(0, -2)}AA` },
        s3: 'InvalidToken',
        sts: 'InvalidClientTokenId',
      },
      { keys: { ...alice, token: good.token }, s3: 'InvalidToken', sts: 'InvalidClientTokenId' },
      {
        keys: { accessKey: good.accessKey, secretKey: good.secretKey },
        s3: 'InvalidAccessKeyId',
        sts: 'InvalidClientTokenId',
      },
      { keys: { ...good, secretKey: 'guessed' }, s3: 'SignatureDoesNotMatch', sts: 'SignatureDoesNotMatch' },
    ];
    for (const { keys, s3, sts } of cases) {
      assert.equal(await codeOf(s3Of(door, keys).send(new ListBucketsCommand({}))), s3);
      assert.equal(await codeOf(stsOf(door, keys).send(new GetCallerIdentityCommand({}))), sts);
    }
  });

  test('signed chunks, trailers and presigned URLs work with temporary keys', async () => {
    const keys = keysOf(await assume(bob));
    const s3 = s3Of(door, keys);
    const url = await getSignedUrl(s3, new GetObjectCommand({ Bucket: 'hers', Key: 'a' }), { expiresIn: 60 });
    assert.match(url, /X-Amz-Security-Token=/);
    assert.equal(await (await fetch(url)).text(), 'text');
    assert.equal((await fetch(url.replace(/X-Amz-Security-Token=[^&]*&/, ''))).status, 403);
    const streamed = new PutObjectCommand({
      Bucket: 'hers',
      Key: 'streamed',
      Body: Readable.from([Buffer.from('something')]),
      ContentLength: 9,
    });
    assert.equal(await codeOf(s3.send(streamed)), 'done');
    assert.equal(await codeOf(s3.send(new GetObjectCommand({ Bucket: 'hers', Key: 'streamed' }))), 'done');
    const chunk = signedChunk(keys, `127.0.0.1:${door.port}`, '/hers/chunked', 'chunk of text');
    const answer = await send(door.port, chunk);
    assert.equal(answer.status, 200, answer.body.toString());
    const wrong = await send(door.port, { ...chunk, body: chunk.body.replace('chunk of', 'other of') });
    assert.equal(wrong.status, 403);
  });

  test('a deleted role ends its sessions at once', async () => {
    await door.roles.create({
      name: 'short',
      user: 'alice',
      trust: trustOf('*'),
      policies: [statement('Allow', 's3:*', '*')],
    });
    const s3 = s3Of(door, keysOf(await assume(bob, { RoleArn: arnOf('short') })));
    assert.equal(await codeOf(s3.send(new ListBucketsCommand({}))), 'done');
    await door.roles.remove('short');
    assert.equal(await codeOf(s3.send(new ListBucketsCommand({}))), 'InvalidAccessKeyId');
  });

  interface Call {
    readonly method?: string;
    readonly path?: string;
    readonly body?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly keys?: typeof bob;
    readonly service?: string;
    readonly isUnsigned?: boolean;
  }
  const form = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' };
  const raw = ({
    method = 'POST',
    path = '/',
    body = '',
    headers = form,
    keys = alice,
    service = 'sts',
    isUnsigned,
  }: Call): Promise<RawAnswer> => {
    const url = new URL(`http://127.0.0.1:${door.port}${path}`);
    const scope = { service, region: 'us-east-1', seconds: realClock().wall().seconds };
    const signed =
      isUnsigned === true ? {} : signingHeaders({ ...keys, token: undefined }, { method, url, body }, scope);
    return send(door.port, {
      method,
      path,
      headers: { ...headers, ...signed },
      ...(body !== '' && { body }),
    });
  };
  const version = 'Version=2011-06-15';

  const calls: readonly (Call & { readonly name: string; readonly status: number; readonly want: RegExp })[] =
    [
      {
        name: 'a query with GET is answered like a form',
        method: 'GET',
        path: `/?Action=GetCallerIdentity&${version}`,
        headers: {},
        status: 200,
        want: /^<GetCallerIdentityResponse xmlns="https:\/\/sts\.amazonaws\.com\/doc\/2011-06-15\/"><GetCallerIdentityResult><Arn>arn:aws:iam::\d{12}:user\/alice<\/Arn><UserId>\d{12}<\/UserId><Account>\d{12}<\/Account><\/GetCallerIdentityResult><ResponseMetadata><RequestId>[0-9a-f-]{36}<\/RequestId><\/ResponseMetadata><\/GetCallerIdentityResponse>$/,
      },
      {
        name: 'no signature',
        body: `Action=GetCallerIdentity&${version}`,
        isUnsigned: true,
        status: 403,
        want: /<ErrorResponse xmlns="https:\/\/sts\.amazonaws\.com\/doc\/2011-06-15\/"><Error><Type>Sender<\/Type><Code>MissingAuthenticationToken<\/Code><Message>Request is missing Authentication Token<\/Message><\/Error><RequestId>[0-9a-f-]{36}<\/RequestId><\/ErrorResponse>$/,
      },
      {
        name: 'a signature for S3',
        body: `Action=GetCallerIdentity&${version}`,
        service: 's3',
        status: 403,
        want: /<Code>SignatureDoesNotMatch<\/Code><Message>Credential should be scoped to correct service: &apos;sts&apos;\.</,
      },
      {
        name: 'an unknown action',
        body: `Action=AssumeRoleWithSAML&${version}`,
        status: 400,
        want: /<Code>InvalidAction<\/Code><Message>Could not find operation AssumeRoleWithSAML for version 2011-06-15</,
      },
      {
        name: 'no version',
        body: 'Action=GetCallerIdentity',
        status: 400,
        want: /Could not find operation GetCallerIdentity for version NO_VERSION_SPECIFIED/,
      },
      { name: 'no action', body: version, status: 400, want: /<Code>MissingAction</ },
      {
        name: 'bytes that are no UTF-8',
        body: 'Action=%ff',
        status: 404,
        want: /<Code>MalformedQueryString</,
      },
      {
        name: 'a duration that is no number',
        body: `Action=GetSessionToken&DurationSeconds=soon&${version}`,
        status: 400,
        want: /<Code>InvalidParameterValue</,
      },
      {
        name: 'several mistakes at once',
        body: `Action=AssumeRole&RoleSessionName=a&DurationSeconds=1&${version}`,
        status: 400,
        want: /<Code>ValidationError<\/Code><Message>3 validation errors detected: Value &apos;1&apos; at &apos;durationSeconds&apos; failed to satisfy constraint: Member must have value greater than or equal to 900; Value null at &apos;roleArn&apos; failed to satisfy constraint: Member must not be null; Value &apos;a&apos; at &apos;roleSessionName&apos; failed to satisfy constraint: Member must have length greater than or equal to 2<\/Message>/,
      },
      {
        name: 'a form that is too long',
        body: 'x'.repeat(70_000),
        status: 413,
        want: /<Code>RequestEntityTooLarge</,
      },
      {
        name: 'too many parameters',
        body: 'a=1&'.repeat(200),
        status: 413,
        want: /<Code>RequestEntityTooLarge</,
      },
      {
        name: 'another kind of body, which is no call of STS but of S3',
        body: '{}',
        headers: { 'content-type': 'application/json' },
        status: 400,
        want: /incorrect service &quot;sts&quot;/,
      },
    ];
  for (const { name, status, want, ...call } of calls) {
    test(`${name}: ${status}`, async () => {
      const answer = await raw(call);
      assert.equal(answer.status, status, answer.body.toString());
      assert.match(answer.body.toString(), want);
      assert.equal(answer.headers['content-type']?.split('/')[1], 'xml');
    });
  }

  test('calls are observed under their names, and nothing of them is logged', () => {
    const names = new Set(door.observations.map(({ operation }) => operation));
    for (const name of [
      'AssumeRole',
      'GetCallerIdentity',
      'GetFederationToken',
      'GetSessionToken',
      'ListBuckets',
    ])
      assert(names.has(name), name);
    assert.deepEqual(door.errors, []);
  });
});

test('whatever a form holds, its parameters are read or refused as such', () =>
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.string({ unit: 'binary' }),
      (form, query) => {
        const latin1 = Buffer.from(form, 'utf8').toString('latin1');
        try {
          for (const [name, value] of parseParameters(query, latin1))
            assert.equal(typeof (name + value), 'string');
        } catch (failure) {
          const { code, name } = failure as { code?: string; name: string };
          assert(code === 'invalid-argument' || name === 'StsError', String(failure));
        }
      },
    ),
    { numRuns: 300, seed: 1 },
  ));

test('parameters that were encoded are read as they were', () =>
  fc.assert(
    fc.property(
      fc.dictionary(fc.string({ unit: 'grapheme', minLength: 1 }), fc.string({ unit: 'grapheme' })),
      (given) => {
        const form = new URLSearchParams(given).toString();
        assert.deepEqual(new Map(parseParameters('', form)), new Map(Object.entries(given)));
      },
    ),
    { numRuns: 300, seed: 2 },
  ));
