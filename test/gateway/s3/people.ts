import type { S3Client } from '@aws-sdk/client-s3';
import type { KeyPair, User } from '../../../src/accounts/accounts.ts';
import type { LiveDoor } from './live-door.ts';
import { sendSigned, type RawAnswer, type RawRequest } from './signed-request.ts';

/** A user of the door with a client of its own. */
export interface Person {
  readonly user: User;
  readonly s3: S3Client;
  send(request: RawRequest): Promise<RawAnswer>;
}

export async function personOf(door: LiveDoor, name: string, uid: number): Promise<Person> {
  const { user, key } = await door.accounts.create({ name, uid, gid: uid });
  const credentials = { accessKeyId: key.accessKey, secretAccessKey: key.secretKey };
  return { user, s3: door.client({ credentials }), send: (request) => sendAs(door, key, request) };
}

export const sendAs = (door: LiveDoor, key: KeyPair, request: RawRequest): Promise<RawAnswer> =>
  sendSigned(door.port, { ...key, ...request });
