import type { TestContext } from 'node:test';
import { CreateBucketCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { KeyPair, User } from '../../../src/accounts/accounts.ts';
import { userArn } from '../../../src/policy/principal.ts';
import { liveDoor, type LiveDoor } from './live-door.ts';
import { send, sendSigned, targetOf, type RawAnswer, type RawRequest } from './signed-request.ts';

/** A user with a client. */
export interface Person {
  readonly user: User;
  readonly arn: string;
  readonly s3: S3Client;
  send(request: RawRequest): Promise<RawAnswer>;
}

export interface Town {
  readonly door: LiveDoor;
  readonly alice: Person;
  readonly bob: Person;
  /** Sends without a signature. */
  anyone(request: RawRequest): Promise<RawAnswer>;
}

export async function personOf(door: LiveDoor, name: string, uid: number): Promise<Person> {
  const { user, key } = await door.accounts.create({ name, uid, gid: uid });
  const credentials = { accessKeyId: key.accessKey, secretAccessKey: key.secretKey };
  return {
    user,
    arn: userArn(user.account.id, name),
    s3: door.client({ credentials }),
    send: (request) => sendAs(door, key, request),
  };
}

export const sendAs = (door: LiveDoor, key: KeyPair, request: RawRequest): Promise<RawAnswer> =>
  sendSigned(door.port, { ...key, ...request });

/** Alice has the bucket `alice-bucket` with the object `k`, Bob has `bob-bucket`. */
export async function town(context: TestContext): Promise<Town> {
  const door = await liveDoor(context);
  const alice = await personOf(door, 'alice', 1001);
  const bob = await personOf(door, 'bob', 1002);
  await alice.s3.send(new CreateBucketCommand({ Bucket: 'alice-bucket' }));
  await alice.s3.send(new PutObjectCommand({ Bucket: 'alice-bucket', Key: 'k', Body: 'hers' }));
  await bob.s3.send(new CreateBucketCommand({ Bucket: 'bob-bucket' }));
  const anyone = (request: RawRequest): Promise<RawAnswer> => {
    const { method, headers, body } = request;
    const host = `127.0.0.1:${door.port}`;
    return send(door.port, { method, path: targetOf(request), headers: { host, ...headers }, body });
  };
  return { door, alice, bob, anyone };
}

/** A policy for `alice-bucket`: each statement is completed to one that allows everyone to read its objects. */
export const policyOf = (...statements: object[]): string =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: statements.map((statement) => ({
      Effect: 'Allow',
      Principal: '*',
      Action: 's3:GetObject',
      Resource: 'arn:aws:s3:::alice-bucket/*',
      ...statement,
    })),
  });
