import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, suite, test } from 'node:test';
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteBucketEncryptionCommand,
  GetBucketEncryptionCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutBucketEncryptionCommand,
  PutObjectCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
  type CopyObjectCommandInput,
  type PutObjectCommandInput,
  type ServerSideEncryptionRule,
} from '@aws-sdk/client-s3';
import { openLiveDoor, type LiveDoor } from './live-door.ts';
import { codeOf, sendSigned, type RawAnswer, type RawRequest } from './signed-request.ts';

const Bucket = 'sealed-bucket';
const context = Buffer.from(JSON.stringify({ team: 'blue' })).toString('base64');
const body = Buffer.alloc(200_000, 'the quick brown fox ');
const md5 = createHash('md5').update(body).digest('hex');

/** What an SDK sends of a customer's key. */
const customer = (
  fill: number,
): Pick<PutObjectCommandInput, 'SSECustomerAlgorithm' | 'SSECustomerKey' | 'SSECustomerKeyMD5'> => {
  const key = Buffer.alloc(32, fill);
  return {
    SSECustomerAlgorithm: 'AES256',
    SSECustomerKey: key.toString('base64'),
    SSECustomerKeyMD5: createHash('md5').update(key).digest('base64'),
  };
};
const ofSource = (fill: number): Partial<CopyObjectCommandInput> => {
  const { SSECustomerAlgorithm, SSECustomerKey, SSECustomerKeyMD5 } = customer(fill);
  return {
    CopySourceSSECustomerAlgorithm: SSECustomerAlgorithm,
    CopySourceSSECustomerKey: SSECustomerKey,
    CopySourceSSECustomerKeyMD5: SSECustomerKeyMD5,
  };
};
const headersOf = (
  fill: number,
  changed: Record<string, string | undefined> = {},
): Record<string, string> => {
  const { SSECustomerAlgorithm, SSECustomerKey, SSECustomerKeyMD5 } = customer(fill);
  const headers = {
    'x-amz-server-side-encryption-customer-algorithm': SSECustomerAlgorithm,
    'x-amz-server-side-encryption-customer-key': SSECustomerKey,
    'x-amz-server-side-encryption-customer-key-md5': SSECustomerKeyMD5,
    ...changed,
  };
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
};

suite('encryption', () => {
  let door: LiveDoor;
  let keyArn = '';
  before(async () => {
    door = await openLiveDoor();
    await sendSigned(door.port, { method: 'PUT', bucket: Bucket });
    keyArn = (await door.world.keyring.create('blue')).arn;
  });
  after(() => door.close());
  const raw = (request: RawRequest): Promise<RawAnswer> =>
    sendSigned(door.port, { bucket: Bucket, ...request });
  const read = async (Key: string, given: object = {}): Promise<Buffer> => {
    const answer = await door.s3.send(new GetObjectCommand({ Bucket, Key, ...given }));
    return Buffer.from((await answer.Body?.transformToByteArray()) ?? []);
  };

  /** Each mode as a client asks for it, as answers say it, and what a read needs. */
  const modes: readonly {
    readonly name: string;
    readonly put: () => Partial<PutObjectCommandInput>;
    readonly get: object;
    readonly shown: () => Record<string, unknown>;
    readonly hasMd5Etag: boolean;
  }[] = [
    { name: 'none', put: () => ({}), get: {}, shown: () => ({}), hasMd5Etag: true },
    {
      name: 'SSE-S3',
      put: () => ({ ServerSideEncryption: 'AES256' }),
      get: {},
      shown: () => ({ ServerSideEncryption: 'AES256' }),
      hasMd5Etag: true,
    },
    {
      name: 'SSE-KMS',
      put: () => ({
        ...{ ServerSideEncryption: 'aws:kms', SSEKMSKeyId: keyArn, BucketKeyEnabled: true },
        SSEKMSEncryptionContext: context,
      }),
      get: {},
      shown: () => ({ ServerSideEncryption: 'aws:kms', SSEKMSKeyId: keyArn, BucketKeyEnabled: true }),
      hasMd5Etag: false,
    },
    {
      name: 'DSSE-KMS by alias',
      put: () => ({ ServerSideEncryption: 'aws:kms:dsse', SSEKMSKeyId: 'alias/blue' }),
      get: {},
      shown: () => ({ ServerSideEncryption: 'aws:kms:dsse', SSEKMSKeyId: keyArn }),
      hasMd5Etag: false,
    },
    {
      name: 'SSE-C',
      put: () => customer(1),
      get: customer(1),
      shown: () => ({
        SSECustomerAlgorithm: 'AES256',
        SSECustomerKeyMD5: customer(1).SSECustomerKeyMD5,
      }),
      hasMd5Etag: false,
    },
  ];
  const shown = (answer: object): Record<string, unknown> => {
    const names = ['ServerSideEncryption', 'SSEKMSKeyId', 'BucketKeyEnabled'];
    const all = [...names, 'SSECustomerAlgorithm', 'SSECustomerKeyMD5'];
    return Object.fromEntries(Object.entries(answer).filter(([name]) => all.includes(name)));
  };

  for (const mode of modes) {
    test(`${mode.name}: PUT, HEAD and GET say how, the bytes come back, and ranges of them`, async () => {
      const Key = `put-${mode.name}`;
      const made = await door.s3.send(new PutObjectCommand({ Bucket, Key, Body: body, ...mode.put() }));
      assert.deepEqual(shown(made), mode.shown());
      assert.equal(made.ETag === `"${md5}"`, mode.hasMd5Etag);
      assert.match(made.ETag ?? '', /^"[0-9a-f]{32}"$/);
      const head = await door.s3.send(new HeadObjectCommand({ Bucket, Key, ...mode.get }));
      assert.deepEqual(shown(head), mode.shown());
      assert.equal(head.ETag, made.ETag);
      assert.equal(head.ContentLength, body.length);
      assert.ok(body.equals(await read(Key, mode.get)));
      for (const [first, last] of [
        [0, 0],
        [65_535, 65_536],
        [100_000, 199_999],
      ] as const) {
        const range = await read(Key, { ...mode.get, Range: `bytes=${first}-${last}` });
        assert.ok(body.subarray(first, last + 1).equals(range), `${first}-${last}`);
      }
    });

    test(`${mode.name}: a multipart upload with a copied part, and reads across its parts`, async () => {
      const Key = `parts-${mode.name}`;
      const large = Buffer.alloc(5 << 20, 'part one ');
      const source = `source-of-${mode.name}`;
      await door.s3.send(new PutObjectCommand({ Bucket, Key: source, Body: body, ...mode.put() }));
      const begun = await door.s3.send(new CreateMultipartUploadCommand({ Bucket, Key, ...mode.put() }));
      assert.deepEqual(shown(begun), mode.shown());
      const { UploadId } = begun;
      const one = await door.s3.send(
        new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 1, Body: large, ...mode.get }),
      );
      assert.deepEqual(shown(one), mode.shown());
      const two = await door.s3.send(
        new UploadPartCopyCommand({
          ...{ Bucket, Key, UploadId, PartNumber: 2, CopySource: `${Bucket}/${source}`, ...mode.get },
          ...(mode.name === 'SSE-C' ? ofSource(1) : {}),
        }),
      );
      assert.deepEqual(shown(two), mode.shown());
      const Parts = [
        { PartNumber: 1, ETag: one.ETag },
        { PartNumber: 2, ETag: two.CopyPartResult?.ETag },
      ];
      const whole = await door.s3.send(
        new CompleteMultipartUploadCommand({
          ...{ Bucket, Key, UploadId, MultipartUpload: { Parts } },
          ...mode.get,
        }),
      );
      assert.match(whole.ETag ?? '', /-2"$/);
      assert.ok(Buffer.concat([large, body]).equals(await read(Key, mode.get)));
      const range = `bytes=${large.length - 10}-${large.length + 69_999}`;
      const across = Buffer.concat([large.subarray(-10), body.subarray(0, 70_000)]);
      assert.ok(across.equals(await read(Key, { ...mode.get, Range: range })));
    });

    for (const target of modes) {
      test(`a copy from ${mode.name} to ${target.name} has the bytes and says how it is encrypted`, async () => {
        const from = `copy-from-${mode.name}`;
        const Key = `copy-${mode.name}-to-${target.name}`;
        await door.s3.send(new PutObjectCommand({ Bucket, Key: from, Body: body, ...mode.put() }));
        const copied = await door.s3.send(
          new CopyObjectCommand({
            ...{ Bucket, Key, CopySource: encodeURIComponent(`${Bucket}/${from}`) },
            ...target.put(),
            ...(mode.name === 'SSE-C' ? ofSource(1) : {}),
          }),
        );
        assert.deepEqual(shown(copied), target.shown());
        assert.equal(copied.CopyObjectResult?.ETag === `"${md5}"`, target.hasMd5Etag);
        assert.ok(body.equals(await read(Key, target.get)));
      });
    }
  }

  test('the context of SSE-KMS is repeated where the object is made, and nowhere else', async () => {
    const given = { ServerSideEncryption: 'aws:kms', SSEKMSEncryptionContext: context } as const;
    const made = await door.s3.send(new PutObjectCommand({ Bucket, Key: 'context', ...given }));
    assert.equal(made.SSEKMSEncryptionContext, context);
    const { headers } = await raw({ method: 'HEAD', key: 'context' });
    assert.equal(headers['x-amz-server-side-encryption-context'], undefined);
    assert.match(
      String(headers['x-amz-server-side-encryption-aws-kms-key-id']),
      /^arn:aws:kms:us-east-1:0{12}:key\//,
    );
  });

  test('a copy onto itself may change the encryption, and must change something', async () => {
    const Key = 'onto-itself';
    await door.s3.send(new PutObjectCommand({ Bucket, Key, Body: body }));
    const CopySource = `${Bucket}/${Key}`;
    await assert.rejects(door.s3.send(new CopyObjectCommand({ Bucket, Key, CopySource })), {
      name: 'InvalidRequest',
    });
    await door.s3.send(new CopyObjectCommand({ Bucket, Key, CopySource, ServerSideEncryption: 'AES256' }));
    const head = await door.s3.send(new HeadObjectCommand({ Bucket, Key }));
    assert.equal(head.ServerSideEncryption, 'AES256');
    assert.ok(body.equals(await read(Key)));
  });

  const key64 = (bytes: number): string => Buffer.alloc(bytes, 1).toString('base64');
  const algorithm = 'x-amz-server-side-encryption-customer-algorithm';
  const key = 'x-amz-server-side-encryption-customer-key';
  const keyMd5 = 'x-amz-server-side-encryption-customer-key-md5';
  const sse = 'x-amz-server-side-encryption';
  const kmsKey = 'x-amz-server-side-encryption-aws-kms-key-id';
  const kmsContext = 'x-amz-server-side-encryption-context';
  const refused: readonly [name: string, headers: Record<string, string>, code: string, says: RegExp][] = [
    [
      'SSE-C without a key',
      headersOf(1, { [key]: undefined }),
      'InvalidArgument',
      /an appropriate secret key\./,
    ],
    [
      'SSE-C without an algorithm',
      headersOf(1, { [algorithm]: undefined }),
      'InvalidArgument',
      /a valid encryption algorithm\./,
    ],
    [
      'SSE-C without the MD5',
      headersOf(1, { [keyMd5]: undefined }),
      'InvalidArgument',
      /client calculated MD5/,
    ],
    [
      'SSE-C with another MD5',
      headersOf(1, { [keyMd5]: key64(16) }),
      'InvalidArgument',
      /calculated MD5 hash of the key did not match/,
    ],
    [
      'SSE-C with a short key',
      headersOf(1, { [key]: key64(16) }),
      'InvalidArgument',
      /secret key was invalid for the specified/,
    ],
    [
      'SSE-C by AES128',
      headersOf(1, { [algorithm]: 'AES128' }),
      'InvalidEncryptionAlgorithmError',
      /valid value is AES256/,
    ],
    [
      'SSE-C and SSE-S3',
      headersOf(1, { [sse]: 'AES256' }),
      'InvalidArgument',
      /is incompatible with the encryption method/,
    ],
    [
      'SSE-C and SSE-KMS',
      headersOf(1, { [sse]: 'aws:kms' }),
      'InvalidArgument',
      /is incompatible with the encryption method/,
    ],
    [
      'SSE-S3 with a key of KMS',
      { [sse]: 'AES256', [kmsKey]: 'k' },
      'InvalidArgument',
      /requires HTTP header/,
    ],
    ['a key of KMS alone', { [kmsKey]: 'k' }, 'InvalidArgument', /requires HTTP header/],
    [
      'a method that there is not',
      { [sse]: 'aes:kms' },
      'InvalidArgument',
      /method specified is not supported/,
    ],
    [
      'a key that there is not',
      { [sse]: 'aws:kms', [kmsKey]: 'nobody' },
      'KMS.NotFoundException',
      /Invalid keyId nobody/,
    ],
    [
      'an id that there is not',
      { [sse]: 'aws:kms', [kmsKey]: '01234567-89ab-cdef-0123-456789abcdef' },
      'KMS.NotFoundException',
      /Key .*arn:aws:kms:us-east-1:000000000000:key\/01234567-89ab-cdef-0123-456789abcdef.* does not exist/,
    ],
    [
      'the key of SSE-S3',
      { [sse]: 'aws:kms', [kmsKey]: 'alias/terrace/s3' },
      'KMS.DisabledException',
      /reserved/,
    ],
    [
      'a context that is no base64',
      { [sse]: 'aws:kms', [kmsContext]: '{}' },
      'InvalidArgument',
      /string-string map/,
    ],
    [
      'a context of numbers',
      { [sse]: 'aws:kms', [kmsContext]: Buffer.from('{"a":1}').toString('base64') },
      'InvalidArgument',
      /string-string map/,
    ],
  ];
  for (const [name, headers, code, says] of refused) {
    test(`PUT with ${name} is ${code} and stores nothing`, async () => {
      const answer = await raw({ method: 'PUT', key: 'refused', body: 'a', headers });
      assert.equal(codeOf(answer), code, answer.body.toString());
      assert.match(answer.body.toString(), says);
      assert.equal(answer.status, 400);
      assert.equal((await raw({ method: 'HEAD', key: 'refused' })).status, 404);
    });
  }

  test('content of a customer needs the customer’s key, of every reader', async () => {
    const Key = 'customers';
    await door.s3.send(new PutObjectCommand({ Bucket, Key, Body: body, ...customer(1) }));
    const cases = [
      [{}, 400, 'InvalidRequest', /The object was stored using a form of Server Side Encryption/],
      [headersOf(2), 400, 'InvalidRequest', /did not match the ones used originally\./],
    ] as const;
    for (const [headers, status, code, says] of cases) {
      const get = await raw({ method: 'GET', key: Key, headers });
      assert.deepEqual([get.status, codeOf(get)], [status, code]);
      assert.match(get.body.toString(), says);
      assert.equal((await raw({ method: 'HEAD', key: Key, headers })).status, status);
    }
    // AWS wants the MD5 of who writes only.
    const withoutMd5 = await raw({ method: 'GET', key: Key, headers: headersOf(1, { [keyMd5]: undefined }) });
    assert.ok(body.equals(withoutMd5.body));
    const copy = new CopyObjectCommand({ Bucket, Key: 'stolen', CopySource: `${Bucket}/${Key}` });
    await assert.rejects(door.s3.send(copy), { name: 'InvalidRequest' });
  });

  test('a key for content that has none, and a method named by a reader, are refused', async () => {
    await door.s3.send(new PutObjectCommand({ Bucket, Key: 'plain', Body: 'a' }));
    const withKey = await raw({ method: 'GET', key: 'plain', headers: headersOf(1) });
    assert.equal(codeOf(withKey), 'InvalidRequest');
    assert.match(withKey.body.toString(), /The encryption parameters are not applicable to this object\./);
    const withMethod = await raw({ method: 'GET', key: 'plain', headers: { [sse]: 'AES256' } });
    assert.equal(codeOf(withMethod), 'InvalidArgument');
    assert.equal((await raw({ method: 'HEAD', key: 'plain', headers: { [sse]: 'AES256' } })).status, 400);
  });

  test('parts of an upload under a customer’s key need that key', async () => {
    const at = { Bucket, Key: 'customers-parts' };
    const { UploadId } = await door.s3.send(new CreateMultipartUploadCommand({ ...at, ...customer(1) }));
    const part = { ...at, UploadId, PartNumber: 1, Body: 'a' };
    await assert.rejects(door.s3.send(new UploadPartCommand(part)), { name: 'InvalidRequest' });
    await assert.rejects(door.s3.send(new UploadPartCommand({ ...part, ...customer(2) })), {
      name: 'InvalidRequest',
      message: /did not match the ones used originally/,
    });
    const { ETag } = await door.s3.send(new UploadPartCommand({ ...part, ...customer(1) }));
    const whole = { ...at, UploadId, MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] } };
    await assert.rejects(door.s3.send(new CompleteMultipartUploadCommand(whole)), { name: 'InvalidRequest' });
    await assert.rejects(door.s3.send(new CompleteMultipartUploadCommand({ ...whole, ...customer(2) })), {
      name: 'InvalidRequest',
    });
  });

  test('a disabled key neither makes nor opens objects, and HEAD still says how they are encrypted', async () => {
    const { id, arn } = await door.world.keyring.create(undefined);
    const sealed = { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: id } as const;
    await door.s3.send(new PutObjectCommand({ Bucket, Key: 'disabled', Body: body, ...sealed }));
    await door.world.keyring.setState(id, 'disabled');
    await assert.rejects(read('disabled'), { name: 'KMS.DisabledException', message: `${arn} is disabled.` });
    await assert.rejects(door.s3.send(new PutObjectCommand({ Bucket, Key: 'x', ...sealed })), {
      name: 'KMS.DisabledException',
    });
    const head = await door.s3.send(new HeadObjectCommand({ Bucket, Key: 'disabled' }));
    assert.equal(head.SSEKMSKeyId, arn);
    await door.world.keyring.setState(id, 'enabled');
    assert.ok(body.equals(await read('disabled')));
  });

  const ruleOf = async (): Promise<ServerSideEncryptionRule | undefined> => {
    const answer = await door.s3.send(new GetBucketEncryptionCommand({ Bucket }));
    return answer.ServerSideEncryptionConfiguration?.Rules?.[0];
  };
  const putRule = (rule: ServerSideEncryptionRule): Promise<unknown> =>
    door.s3.send(
      new PutBucketEncryptionCommand({ Bucket, ServerSideEncryptionConfiguration: { Rules: [rule] } }),
    );

  test('the encryption of a bucket is put, read, followed by objects and uploads, and deleted', async () => {
    await assert.rejects(ruleOf(), { name: 'ServerSideEncryptionConfigurationNotFoundError' });
    await putRule({
      ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: keyArn },
      BucketKeyEnabled: true,
    });
    assert.deepEqual(await ruleOf(), {
      ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: keyArn },
      BucketKeyEnabled: true,
    });
    const expected = { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: keyArn, BucketKeyEnabled: true };
    const made = await door.s3.send(new PutObjectCommand({ Bucket, Key: 'by-default', Body: body }));
    assert.deepEqual(shown(made), expected);
    const begun = await door.s3.send(new CreateMultipartUploadCommand({ Bucket, Key: 'by-default' }));
    assert.deepEqual(shown(begun), expected);
    const CopySource = `${Bucket}/plain`;
    const copied = await door.s3.send(new CopyObjectCommand({ Bucket, Key: 'by-default-too', CopySource }));
    assert.deepEqual(shown(copied), expected);
    await door.s3.send(new DeleteBucketEncryptionCommand({ Bucket }));
    await door.s3.send(new DeleteBucketEncryptionCommand({ Bucket }));
    await assert.rejects(ruleOf(), { name: 'ServerSideEncryptionConfigurationNotFoundError' });
    assert.ok(body.equals(await read('by-default')));
  });

  test('a bucket may refuse customers’ keys', async () => {
    await putRule({ BlockedEncryptionTypes: { EncryptionType: ['SSE-C'] } });
    const put = new PutObjectCommand({ Bucket, Key: 'blocked', Body: 'a', ...customer(1) });
    await assert.rejects(door.s3.send(put), { name: 'AccessDenied' });
    await door.s3.send(new DeleteBucketEncryptionCommand({ Bucket }));
    await door.s3.send(put);
  });

  const documents = [
    ['no rule', '', 'MalformedXML'],
    ['two rules', '<Rule></Rule><Rule></Rule>', 'MalformedXML'],
    [
      'an algorithm that there is not',
      '<Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aes</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule>',
      'MalformedXML',
    ],
    [
      'AES256 with a key',
      '<Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm><KMSMasterKeyID>k</KMSMasterKeyID></ApplyServerSideEncryptionByDefault></Rule>',
      'InvalidArgument',
    ],
  ] as const;
  for (const [name, inside, code] of documents) {
    test(`PutBucketEncryption with ${name} is ${code}`, async () => {
      const document = `<ServerSideEncryptionConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${inside}</ServerSideEncryptionConfiguration>`;
      const headers = { 'content-md5': createHash('md5').update(document).digest('base64') };
      const answer = await raw({ method: 'PUT', query: { encryption: '' }, body: document, headers });
      assert.equal(codeOf(answer), code, answer.body.toString());
    });
  }
});

suite('a gateway that encrypts by default', () => {
  let door: LiveDoor;
  before(async () => {
    const defaultEncryption = { algorithm: 'AES256', bucketKey: false, blocksCustomerKeys: false } as const;
    door = await openLiveDoor({ defaultEncryption, takesCustomerKeys: false });
    await sendSigned(door.port, { method: 'PUT', bucket: Bucket });
  });
  after(() => door.close());

  test('every object says AES256, and so does a bucket without a configuration', async () => {
    const made = await door.s3.send(new PutObjectCommand({ Bucket, Key: 'a', Body: 'a' }));
    assert.equal(made.ServerSideEncryption, 'AES256');
    assert.equal(made.ETag, `"${createHash('md5').update('a').digest('hex')}"`);
    const { ServerSideEncryptionConfiguration: found } = await door.s3.send(
      new GetBucketEncryptionCommand({ Bucket }),
    );
    assert.deepEqual(found?.Rules, [
      { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' }, BucketKeyEnabled: false },
    ]);
  });

  test('customers’ keys are refused where they must not travel in the clear', async () => {
    const put = new PutObjectCommand({ Bucket, Key: 'b', Body: 'a', ...customer(1) });
    await assert.rejects(door.s3.send(put), { name: 'InvalidRequest', message: /over a secure connection/ });
  });
});
