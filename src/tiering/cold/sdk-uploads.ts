import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  UploadPartCommand,
  type StorageClass,
} from '@aws-sdk/client-s3';
import type { Compute } from '../../workers/compute.ts';
import type {
  ObjectAbout,
  ObjectCompletion,
  ObjectPart,
  ObjectUpload,
  UploadCondition,
} from './object-store.ts';

interface Named {
  readonly Bucket: string;
  readonly Key: string;
}

interface Classed extends Named {
  readonly storageClass: string;
}

/** A PUT of all bytes at once. */
export async function uploadOf(
  { storageClass, ...named }: Classed,
  { bytes: Body, crc64nvme, condition, about = NAMELESS }: ObjectUpload,
  compute: Compute,
): Promise<PutObjectCommand> {
  const command = new PutObjectCommand({
    ...named,
    Body,
    ContentLength: Body.length,
    ChecksumCRC64NVME: base64(crc64nvme),
    ...conditionOf(condition),
    ...keptAs(storageClass, about),
  });
  addHeaders(command, { ...(await digestOf(compute, Body)), ...headersOf(about) });
  return command;
}

export function beginningOf(
  { storageClass, ...named }: Classed,
  about: ObjectAbout,
): CreateMultipartUploadCommand {
  const whole = { ChecksumAlgorithm: 'CRC64NVME', ChecksumType: 'FULL_OBJECT' } as const;
  const command = new CreateMultipartUploadCommand({ ...named, ...whole, ...keptAs(storageClass, about) });
  addHeaders(command, headersOf(about));
  return command;
}

export async function partOf(
  named: Named,
  { upload: UploadId, number: PartNumber, bytes: Body, crc64nvme }: ObjectPart,
  compute: Compute,
): Promise<UploadPartCommand> {
  const ChecksumCRC64NVME = base64(crc64nvme);
  const part = { UploadId, PartNumber, Body, ContentLength: Body.length, ChecksumCRC64NVME };
  const command = new UploadPartCommand({ ...named, ...part });
  addHeaders(command, await digestOf(compute, Body));
  return command;
}

export const completionOf = (
  named: Named,
  { upload: UploadId, etags, crc64nvme, condition }: ObjectCompletion,
): CompleteMultipartUploadCommand =>
  new CompleteMultipartUploadCommand({
    ...named,
    UploadId,
    MultipartUpload: { Parts: etags.map((ETag, index) => ({ PartNumber: index + 1, ETag })) },
    ChecksumCRC64NVME: base64(crc64nvme),
    ChecksumType: 'FULL_OBJECT',
    ...conditionOf(condition),
  });

/** Any of AWS's ways to encrypt at rest. */
export const isSealed = (answer: { readonly ServerSideEncryption?: string | undefined }): boolean =>
  answer.ServerSideEncryption !== undefined;

/** A segment, or whatever else only this program reads. */
const NAMELESS: ObjectAbout = {
  headers: { 'content-type': 'application/octet-stream' },
  metadata: {},
  isSealed: false,
};

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

const conditionOf = (condition: UploadCondition) =>
  condition.kind === 'absent' ? { IfNoneMatch: '*' } : { IfMatch: condition.etag };

const keptAs = (storageClass: string, { isSealed: isToBeSealed }: ObjectAbout) => ({
  ...(storageClass !== 'STANDARD' && { StorageClass: storageClass as StorageClass }),
  ...(isToBeSealed && { ServerSideEncryption: 'AES256' as const }),
});

/** As they are: the SDK would have some of them as values of its own types. */
const headersOf = ({ headers, metadata }: ObjectAbout): Record<string, string> => ({
  ...headers,
  ...Object.fromEntries(Object.entries(metadata).map(([name, value]) => [`x-amz-meta-${name}`, value])),
});

/** The signature covers it, and the SDK would compute it on the event loop. */
async function digestOf(compute: Compute, body: Uint8Array): Promise<Record<string, string>> {
  const hasher = compute.hasher(['sha256']);
  await hasher.update([body]);
  const { sha256 } = hasher.digests();
  return { 'x-amz-content-sha256': Buffer.from(sha256 ?? []).toString('hex') };
}

type Headed = PutObjectCommand | CreateMultipartUploadCommand | UploadPartCommand;

/** Before the request is signed. */
function addHeaders(command: Headed, added: Readonly<Record<string, string>>): void {
  const stack = command.middlewareStack as PutObjectCommand['middlewareStack'];
  stack.add(
    (next) => (args) => {
      const { headers } = args.request as { readonly headers: Record<string, string> };
      Object.assign(headers, added);
      return next(args);
    },
    { step: 'build', name: 'addedHeaders' },
  );
}
