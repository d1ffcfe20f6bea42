import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { CreateBucketCommand, PutBucketVersioningCommand } from '@aws-sdk/client-s3';
import { adminService } from '../../src/gateway/admin/access.ts';
import { signingHeaders } from '../../src/signing/sign.ts';
import { Cut, NfsDoor, S3Door, Verifiers, WrongAnswer } from './doors.ts';
import { Count } from './tally.ts';
import { GatewayProcess, rootKeys } from './gateway-process.ts';
import type { Doors } from './look.ts';

/** A gateway with three tiers, of which the cold one is another gateway. */
export interface Site {
  readonly gateway: GatewayProcess;
  readonly cold: GatewayProcess;
  readonly warmDevices: readonly string[];
  readonly verifiers: Verifiers;
  /** What went on beside the load. */
  readonly done: Count;
}

export const buckets = {
  tree: 'tree',
  versions: 'versions',
  objects: 'objects',
  attached: 'attached',
} as const;
/** Of the other gateway. */
export const coldBucket = 'cold';
export const originBucket = 'origin';

const warmDevicesCount = 6;
const identity = { accessKey: rootKeys.accessKeyId, secretKey: rootKeys.secretAccessKey, token: undefined };

export async function openSite(directory: string, flags: readonly string[]): Promise<Site> {
  await mkdir(path.join(directory, 'gateway'), { recursive: true });
  await mkdir(path.join(directory, 'cold'));
  const cold = new GatewayProcess(path.join(directory, 'cold'), { at: 'the same ports', flags: [] });
  await cold.start();
  await makeBucket(cold, coldBucket);
  await makeBucket(cold, originBucket);
  const warmDevices: string[] = [];
  for (let number = 1; number <= warmDevicesCount; number += 1) {
    warmDevices.push(path.join(directory, `warm${number}`));
    await mkdir(path.join(directory, `warm${number}`));
  }
  const warm = warmDevices.flatMap((device) => ['--warm', device]);
  const url = `s3://${coldBucket}/terrace?endpoint=${cold.endpoint}`;
  const gateway = new GatewayProcess(path.join(directory, 'gateway'), {
    at: 'free ports',
    flags: [...warm, '--cold', url, ...flags],
  });
  await gateway.start();
  for (const bucket of [buckets.tree, buckets.versions, buckets.objects, buckets.attached]) {
    await makeBucket(gateway, bucket);
  }
  const Status = 'Enabled' as const;
  const command = new PutBucketVersioningCommand({
    Bucket: buckets.versions,
    VersioningConfiguration: { Status },
  });
  await withS3(gateway, (s3) => s3.ok((client) => client.send(command)));
  return { gateway, cold, warmDevices, verifiers: new Verifiers(), done: new Count() };
}

export async function closeSite({ gateway, cold }: Site): Promise<void> {
  await gateway.kill();
  await cold.kill();
}

export async function openDoors({ gateway, verifiers }: Site): Promise<Doors> {
  verifiers.newLife();
  return {
    nfs: await NfsDoor.connect(gateway.addresses.nfs, verifiers),
    s3: new S3Door(gateway.endpoint, rootKeys),
  };
}

export async function closeDoors({ nfs, s3 }: Doors): Promise<void> {
  s3.close();
  await nfs.close();
}

export async function withS3<T>(gateway: GatewayProcess, work: (s3: S3Door) => Promise<T>): Promise<T> {
  const s3 = new S3Door(gateway.endpoint, rootKeys);
  try {
    return await work(s3);
  } finally {
    s3.close();
  }
}

const makeBucket = (gateway: GatewayProcess, Bucket: string): Promise<unknown> =>
  withS3(gateway, (s3) => s3.ok((client) => client.send(new CreateBucketCommand({ Bucket }))));

export interface AdminCall {
  readonly method?: 'GET' | 'POST' | 'PUT';
  readonly path: string;
  readonly body?: object;
}

/** The answer of the admin API, or `undefined` for a refusal: of what goes on at random much is refused. Cut where nobody answers. */
export async function askAdmin(
  { gateway }: Site,
  { method = 'GET', path: pathname, body }: AdminCall,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const url = new URL(`http://127.0.0.1:${gateway.addresses.admin}${pathname}`);
  const text = body === undefined ? '' : JSON.stringify(body);
  const seconds = Math.floor(Date.now() / 1000);
  const scope = { service: adminService, region: 'us-east-1', seconds };
  const headers = {
    ...signingHeaders(identity, { method, url, body: text }, scope),
    ...(body !== undefined && { 'content-type': 'application/json' }),
  };
  const asked = fetch(url, { method, headers, ...(body !== undefined && { body: text }) });
  const answered = asked.then(async (response) => ({ status: response.status, text: await response.text() }));
  const answer = await answered.catch(() => {
    throw new Cut();
  });
  if (answer.status === 401 || answer.status === 404 || answer.status === 500) {
    throw new WrongAnswer(`${method} ${pathname}: ${answer.status} ${answer.text.slice(0, 300)}`);
  }
  return answer.status < 300 && answer.text !== ''
    ? (JSON.parse(answer.text) as Record<string, unknown>)
    : undefined;
}

/** What a disk that died leaves: nothing. */
export async function emptyDevice(device: string): Promise<void> {
  await rm(device, { recursive: true, force: true });
  await mkdir(device);
}
