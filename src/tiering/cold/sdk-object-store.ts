import {
  AbortMultipartUploadCommand,
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  RestoreObjectCommand,
  S3Client,
  type GetObjectCommandOutput,
  type HeadObjectCommandOutput,
  type ListObjectsV2CommandOutput,
  type StorageClass,
} from '@aws-sdk/client-s3';
import { Fault } from '../../fault.ts';
import {
  COLD_CONNECT_MS_MAX,
  COLD_OBJECT_BYTES_MAX,
  COLD_SOCKET_QUIET_MS_MAX,
  SEGMENTS_LISTED_MAX,
} from '../../limits/tiering.ts';
import type { Compute } from '../../workers/compute.ts';
import type { ColdPlace } from './cold-place.ts';
import {
  checksumAlgorithms,
  nextAfter,
  type FolderAfter,
  type FolderPage,
  type ObjectArchive,
  type ObjectBody,
  type ObjectDescription,
  type ObjectFacts,
  type ObjectRange,
  type ObjectStore,
} from './object-store.ts';
import { faultOf, type StoreRole } from './sdk-failure.ts';
import { beginningOf, completionOf, isSealed, partOf, uploadOf } from './sdk-uploads.ts';
import { isArchive } from './storage-class.ts';

export interface SdkOptions {
  readonly place: ColdPlace;
  /** `undefined`: the usual chain of AWS programs. */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined;
  /** Of the configuration of AWS programs, for that chain; `undefined`: what the environment says. */
  readonly profile?: string | undefined;
  /** Connections at most. */
  readonly socketsMax: number;
  /** Of new objects; archive classes are for `archive`. */
  readonly storageClass: string;
  readonly compute: Compute;
  readonly role: StoreRole;
}

/** A bucket of any S3 endpoint, through the AWS SDK. It tries once: repeating is a layer's. */
export function sdkObjectStore(options: SdkOptions): ObjectStore {
  const client = clientOf(options);
  const { place, compute, storageClass, role } = options;
  const { bucket: Bucket } = place;
  const asked: Asked = async (key, abortSignal, ask) => {
    try {
      return await ask({ abortSignal });
    } catch (cause) {
      // Whoever ended it says why.
      abortSignal.throwIfAborted();
      throw faultOf(cause, { place, key, accessKey: options.credentials?.accessKeyId, role });
    }
  };
  return {
    put: (Key, upload, signal) =>
      asked(Key, signal, async (call) => {
        const command = await uploadOf({ Bucket, Key, storageClass }, upload, compute);
        const answer = await client.send(command, call);
        return { etag: answer.ETag ?? '', isSealed: isSealed(answer) };
      }),
    ...inParts(options, client, asked),
    get: (Key, range, signal) =>
      asked(Key, signal, async (call) => {
        const Range =
          range === undefined ? undefined : `bytes=${range.offset}-${range.offset + range.length - 1}`;
        const IfMatch = range?.etag;
        const command = new GetObjectCommand({ Bucket, Key, Range, IfMatch });
        return bodyOf(Key, range, await client.send(command, call));
      }),
    head: (Key, signal) =>
      asked(Key, signal, async (call) => {
        const command = new HeadObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED' });
        // The answer has no body that could say more.
        return client.send(command, call).then(factsOf, unless('NotFound'));
      }),
    delete: (Key, signal) =>
      asked(Key, signal, async (call) => {
        await client.send(new DeleteObjectCommand({ Bucket, Key }), call);
      }),
    deleteSame: (Key, IfMatch, signal) =>
      asked(Key, signal, async (call) => {
        // AWS answers 404 where there is none.
        await client.send(new DeleteObjectCommand({ Bucket, Key, IfMatch }), call).catch(unless('NoSuchKey'));
      }),
    list: (Prefix, after, signal) =>
      asked(Prefix, signal, async (call) => {
        const command = listingOf({ Bucket, Prefix }, { after, entriesMax: SEGMENTS_LISTED_MAX });
        const answer = await client.send(command, call);
        const { Contents = [], IsTruncated = false } = answer;
        return { keys: Contents.flatMap((it) => it.Key ?? []).map(decoder(answer)), isLast: !IsTruncated };
      }),
    browse: (Prefix, page, signal) =>
      asked(Prefix, signal, async (call) => {
        const command = listingOf({ Bucket, Prefix, Delimiter: '/' }, page);
        return folderPageOf(await client.send(command, call));
      }),
    restore: (Key, how, signal) =>
      asked(Key, signal, async (call) => {
        const RestoreRequest = { Days: how.days, GlacierJobParameters: { Tier: how.speed } };
        const command = new RestoreObjectCommand({ Bucket, Key, RestoreRequest });
        await client.send(command, call).catch(unless('RestoreAlreadyInProgress'));
      }),
    archive: (Key, to, signal) =>
      asked(Key, signal, async (call) => {
        await client.send(archivingOf({ Bucket, Key }, to), call);
      }),
    close: () => Promise.resolve(client.destroy()),
  };
}

/** One request, whose failure is a Fault. */
type Asked = <Answer>(
  key: string,
  abortSignal: AbortSignal,
  ask: (call: { readonly abortSignal: AbortSignal }) => Promise<Answer>,
) => Promise<Answer>;

function inParts(
  { place: { bucket: Bucket }, storageClass, compute }: SdkOptions,
  client: S3Client,
  asked: Asked,
): Pick<ObjectStore, 'begin' | 'putPart' | 'complete' | 'abandon'> {
  return {
    begin: (Key, about, signal) =>
      asked(Key, signal, async (call) => {
        const answer = await client.send(beginningOf({ Bucket, Key, storageClass }, about), call);
        return { upload: answer.UploadId ?? '', isSealed: isSealed(answer) };
      }),
    putPart: (Key, part, signal) =>
      asked(Key, signal, async (call) => {
        const command = await partOf({ Bucket, Key }, part, compute);
        return { etag: (await client.send(command, call)).ETag ?? '' };
      }),
    complete: (Key, completion, signal) =>
      asked(Key, signal, async (call) => {
        const answer = await client.send(completionOf({ Bucket, Key }, completion), call);
        return { etag: answer.ETag ?? '' };
      }),
    abandon: (Key, UploadId, signal) =>
      asked(Key, signal, async (call) => {
        const command = new AbortMultipartUploadCommand({ Bucket, Key, UploadId });
        await client.send(command, call).catch(unless('NoSuchUpload'));
      }),
  };
}

/** Answers `undefined` in the place of one kind of failure. */
const unless =
  (name: string) =>
  (cause: Error): undefined => {
    if (cause.name !== name) throw cause;
  };

function clientOf({ place, credentials, profile, socketsMax }: SdkOptions): S3Client {
  const { endpoint, region } = place;
  const agent = { keepAlive: true, maxSockets: socketsMax, maxFreeSockets: socketsMax };
  return new S3Client({
    ...(region !== undefined && { region }),
    ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
    ...(credentials !== undefined && { credentials }),
    ...(profile !== undefined && { profile }),
    followRegionRedirects: endpoint === undefined,
    maxAttempts: 1,
    // Its checksums are JavaScript; ours are native and travel as headers.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // One round trip less; who refuses an upload says so after it.
    expectContinueHeader: false,
    requestHandler: {
      connectionTimeout: COLD_CONNECT_MS_MAX,
      socketTimeout: COLD_SOCKET_QUIET_MS_MAX,
      httpAgent: agent,
      httpsAgent: agent,
    },
  });
}

/** A copy onto itself: AWS's way to change a storage class. */
const archivingOf = (
  named: { readonly Bucket: string; readonly Key: string },
  { etag, storageClass }: ObjectArchive,
): CopyObjectCommand =>
  new CopyObjectCommand({
    ...named,
    CopySource: `${named.Bucket}/${named.Key}`.split('/').map(encodeURIComponent).join('/'),
    CopySourceIfMatch: etag,
    StorageClass: storageClass as StorageClass,
  });

async function bodyOf(
  key: string,
  range: ObjectRange | undefined,
  { Body, ContentLength, ContentRange, ETag }: GetObjectCommandOutput,
): Promise<ObjectBody> {
  const length = ContentLength ?? -1;
  const lengthMax = range?.length ?? COLD_OBJECT_BYTES_MAX;
  const refusal =
    length < 0
      ? new Fault('not-supported', 'store', `The cold store does not say how long its answers are (${key}).`)
      : range !== undefined && ContentRange === undefined
        ? new Fault('not-supported', 'store', `The cold store ignores ranges of objects (${key}).`)
        : length > lengthMax
          ? new Fault('corrupt', 'object', `${key} has ${length} bytes, of ${lengthMax} at most`)
          : undefined;
  if (refusal !== undefined) {
    (Body as { destroy?: () => void } | undefined)?.destroy?.();
    throw refusal;
  }
  const stream = (Body ?? []) as AsyncIterable<Uint8Array>;
  const bytes = Buffer.allocUnsafe(length);
  let filled = 0;
  for await (const piece of stream) {
    const room = length - filled;
    bytes.set(piece.length > room ? piece.subarray(0, room) : piece, filled);
    filled += Math.min(piece.length, room);
  }
  const [, from, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(ContentRange ?? '') ?? [];
  return {
    bytes: bytes.subarray(0, filled),
    offset: Number(from ?? 0),
    objectBytes: Number(total ?? length),
    etag: ETag ?? '',
  };
}

const listingOf = (
  named: { readonly Bucket: string; readonly Prefix: string; readonly Delimiter?: '/' },
  { after, entriesMax }: FolderAfter,
): ListObjectsV2Command =>
  new ListObjectsV2Command({
    ...named,
    ...(after !== '' && { StartAfter: after }),
    MaxKeys: entriesMax,
    // Keys may have characters that XML has not.
    EncodingType: 'url',
  });

/** AWS writes blanks as plus signs. */
const decoder = ({ EncodingType }: ListObjectsV2CommandOutput): ((key: string) => string) =>
  EncodingType === 'url' ? (key) => decodeURIComponent(key.replaceAll('+', ' ')) : (key) => key;

function folderPageOf(answer: ListObjectsV2CommandOutput): FolderPage {
  const { Contents = [], CommonPrefixes = [], IsTruncated = false } = answer;
  const decoded = decoder(answer);
  const objects = Contents.map(({ Key = '', Size, ETag, LastModified, StorageClass = 'STANDARD' }) => {
    if (Size === undefined || ETag === undefined || LastModified === undefined) {
      throw new Fault('not-supported', 'store', `The store does not say in its listing what ${Key} is.`);
    }
    const modifiedAt = Math.floor(LastModified.getTime() / 1000);
    return { key: decoded(Key), objectBytes: Size, etag: ETag, modifiedAt, storageClass: StorageClass };
  });
  const folders = CommonPrefixes.flatMap(({ Prefix }) => Prefix ?? []).map(decoded);
  return { objects, folders, next: IsTruncated ? nextAfter(objects, folders) : undefined };
}

function factsOf(answer: HeadObjectCommandOutput): ObjectFacts {
  const { ContentLength = 0, ETag = '', StorageClass = 'STANDARD', Restore, ChecksumCRC64NVME } = answer;
  const description = descriptionOf(answer);
  const isArchived = isArchive(StorageClass) || answer.ArchiveStatus !== undefined;
  const isRestoring = Restore?.includes('ongoing-request="true"') === true;
  const isRestored = Restore?.includes('ongoing-request="false"') === true;
  const archived = isRestoring ? 'restoring' : 'archived';
  return {
    objectBytes: ContentLength,
    etag: ETag,
    access: isArchived && !isRestored ? archived : 'readable',
    crc64nvme: ChecksumCRC64NVME === undefined ? undefined : Buffer.from(ChecksumCRC64NVME, 'base64'),
    storageClass: StorageClass,
    description,
  };
}

const describing = {
  'cache-control': 'CacheControl',
  'content-disposition': 'ContentDisposition',
  'content-encoding': 'ContentEncoding',
  'content-language': 'ContentLanguage',
  'content-type': 'ContentType',
  expires: 'ExpiresString',
  'x-amz-website-redirect-location': 'WebsiteRedirectLocation',
} as const;

function descriptionOf(answer: HeadObjectCommandOutput): ObjectDescription {
  const { LastModified, Metadata = {}, ChecksumType = 'FULL_OBJECT' } = answer;
  const headers = Object.entries(describing).flatMap(([name, member]) => {
    const value = answer[member];
    return value === undefined ? [] : [[name, value] as const];
  });
  const checksums = checksumAlgorithms.flatMap((algorithm) => {
    const value = answer[`Checksum${algorithm}`];
    return value === undefined ? [] : [{ algorithm, value, type: ChecksumType }];
  });
  return {
    modifiedAt: Math.floor((LastModified?.getTime() ?? 0) / 1000),
    headers: Object.fromEntries(headers),
    metadata: Metadata,
    checksums,
  };
}
