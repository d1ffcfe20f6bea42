import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  PutObjectCommand,
  UploadPartCommand,
  type PutObjectCommandInput,
} from '@aws-sdk/client-s3';
import { WrongAnswer } from './doors.ts';
import { aFile, aName, choose, freePlace, places, type Hands, type Operation, type Step } from './step.ts';
import { visible, withEntry, without, type FileNode } from './tree.ts';

const uploadsMax = 2;
/** AWS: of every part but the last. */
const partBytesMin = 5 << 20;
/** One of so many uploads has more than one part. */
const longUploadEvery = 6;

const place = (hands: Hands, path: string): { readonly Bucket: string; readonly Key: string } => ({
  Bucket: hands.bucket,
  Key: `${hands.prefix}/${path}`,
});

/** A new file with that content, in the place of what was there. */
const fresh = (hands: Hands, durable: Uint8Array): FileNode => ({
  kind: 'file',
  id: hands.newId(),
  durable,
  loose: [],
});

function withTag(node: FileNode, etag: string | undefined): FileNode {
  if (etag === undefined) throw new WrongAnswer('a write without an ETag');
  return { ...node, etag };
}

function putting(
  hands: Hands,
  path: string,
  { name, ...conditions }: { readonly name: string } & Pick<PutObjectCommandInput, 'IfMatch' | 'IfNoneMatch'>,
): Step {
  const node = fresh(hands, hands.contents.next());
  const input = { ...place(hands, path), Body: node.durable, ...conditions };
  return {
    name,
    after: withEntry(hands.tree, path, node),
    async run() {
      const { ETag } = await hands.doors.s3.ok((client) => client.send(new PutObjectCommand(input)));
      return withEntry(hands.tree, path, withTag(node, ETag));
    },
  };
}

const put: Operation = (hands) => {
  const path = choose(hands.random, places(hands));
  return path === undefined ? undefined : putting(hands, path, { name: 'put' });
};

const putNew: Operation = (hands) => {
  const path = freePlace(hands);
  return path === undefined ? undefined : putting(hands, path, { name: 'put if absent', IfNoneMatch: '*' });
};

const putOver: Operation = (hands) => {
  const file = aFile(hands, ({ etag }) => etag !== undefined);
  if (file?.node.etag === undefined) return undefined;
  return putting(hands, file.path, { name: 'put if it matches', IfMatch: file.node.etag });
};

const putRefused: Operation = (hands) => {
  const path = aName(hands);
  if (path === undefined) return undefined;
  const conditions = hands.random.below(2) === 0 ? { IfNoneMatch: '*' } : { IfMatch: '"no such tag"' };
  const input = { ...place(hands, path), Body: hands.contents.next(100), ...conditions };
  return {
    name: 'put whose condition fails',
    async run() {
      await hands.doors.s3.refusal('PreconditionFailed', (client) =>
        client.send(new PutObjectCommand(input)),
      );
      return undefined;
    },
  };
};

const remove: Operation = (hands) => {
  const path = aName(hands);
  if (path === undefined) return undefined;
  return {
    name: 'delete',
    after: without(hands.tree, path),
    async run() {
      await hands.doors.s3.ok((client) => client.send(new DeleteObjectCommand(place(hands, path))));
      return undefined;
    },
  };
};

/** Each of them is deleted or not when no answer comes. */
const removeTwo: Operation = (hands) => {
  const [one, two] = [aName(hands), aName(hands)];
  if (one === undefined || two === undefined || one === two) return undefined;
  const Objects = [one, two].map((path) => ({ Key: `${hands.prefix}/${path}` }));
  return {
    name: 'delete of several',
    after: without(hands.tree, one, two),
    partly: [without(hands.tree, one), without(hands.tree, two)],
    async run() {
      const command = new DeleteObjectsCommand({ Bucket: hands.bucket, Delete: { Objects } });
      const { Errors = [] } = await hands.doors.s3.ok((client) => client.send(command));
      if (Errors.length > 0) throw new WrongAnswer(`DeleteObjects: ${Errors[0]?.Code}`);
      return undefined;
    },
  };
};

const copy: Operation = (hands) => {
  const [file, path] = [aFile(hands), choose(hands.random, places(hands))];
  if (file === undefined || path === undefined || file.path === path) return undefined;
  const node = fresh(hands, visible(file.node));
  const input = { ...place(hands, path), CopySource: `${hands.bucket}/${hands.prefix}/${file.path}` };
  return {
    name: 'copy',
    after: withEntry(hands.tree, path, node),
    async run() {
      const answer = await hands.doors.s3.ok((client) => client.send(new CopyObjectCommand(input)));
      return withEntry(hands.tree, path, withTag(node, answer.CopyObjectResult?.ETag));
    },
  };
};

const beginUpload: Operation = (hands) => {
  const path = choose(hands.random, places(hands));
  if (path === undefined || hands.uploads.size >= uploadsMax) return undefined;
  return {
    name: 'begin upload',
    async run() {
      const command = new CreateMultipartUploadCommand(place(hands, path));
      const { UploadId } = await hands.doors.s3.ok((client) => client.send(command));
      if (UploadId === undefined) throw new WrongAnswer('an upload without an id');
      hands.uploads.set(UploadId, { path, parts: [], isEnding: false });
      return undefined;
    },
  };
};

const uploadPart: Operation = (hands) => {
  const [UploadId, upload] = choose(hands.random, [...hands.uploads]) ?? [];
  if (UploadId === undefined || upload === undefined || upload.parts.length > 1) return undefined;
  const [first] = upload.parts;
  // A part behind another one needs that to be long.
  if (first !== undefined && first.content.length < partBytesMin) return undefined;
  const isLong = first === undefined && hands.random.below(longUploadEvery) === 0;
  const content = hands.contents.next(isLong ? partBytesMin : undefined);
  const number = upload.parts.length + 1;
  const input = { ...place(hands, upload.path), UploadId, PartNumber: number, Body: content };
  return {
    name: 'upload part',
    async run() {
      const { ETag: etag } = await hands.doors.s3.ok((client) => client.send(new UploadPartCommand(input)));
      if (etag === undefined) throw new WrongAnswer('a part without an ETag');
      hands.uploads.set(UploadId, { ...upload, parts: [...upload.parts, { number, etag, content }] });
      return undefined;
    },
  };
};

const completeUpload: Operation = (hands) => {
  const [UploadId, upload] = choose(hands.random, [...hands.uploads]) ?? [];
  if (UploadId === undefined || upload === undefined || upload.parts.length === 0) return undefined;
  // Its directory may have gone: then S3 makes one, and this ledger knows explicit ones only.
  if (!places(hands).includes(upload.path)) return abort(hands, UploadId);
  const node = fresh(hands, Buffer.concat(upload.parts.map(({ content }) => content)));
  const Parts = upload.parts.map(({ number, etag }) => ({ PartNumber: number, ETag: etag }));
  const input = { ...place(hands, upload.path), UploadId, MultipartUpload: { Parts } };
  return {
    name: 'complete upload',
    after: withEntry(hands.tree, upload.path, node),
    async run() {
      hands.uploads.set(UploadId, { ...upload, isEnding: true });
      const { ETag } = await hands.doors.s3.ok((client) =>
        client.send(new CompleteMultipartUploadCommand(input)),
      );
      hands.uploads.delete(UploadId);
      return withEntry(hands.tree, upload.path, withTag(node, ETag));
    },
  };
};

function abort(hands: Hands, UploadId: string): Step {
  const upload = hands.uploads.get(UploadId);
  if (upload === undefined) throw new WrongAnswer('an unknown upload');
  const input = { ...place(hands, upload.path), UploadId };
  return {
    name: 'abort upload',
    async run() {
      hands.uploads.set(UploadId, { ...upload, isEnding: true });
      await hands.doors.s3.ok((client) => client.send(new AbortMultipartUploadCommand(input)));
      hands.uploads.delete(UploadId);
      return undefined;
    },
  };
}

const get: Operation = (hands) => {
  const file = aFile(hands);
  if (file === undefined) return undefined;
  return {
    name: 'get',
    async run() {
      const { body } = await hands.doors.s3.get(place(hands, file.path));
      if (Buffer.from(visible(file.node)).equals(body)) return undefined;
      throw new WrongAnswer(`GET of ${hands.prefix}/${file.path} is not what was written`);
    },
  };
};

/** What comes up more often stands there more often. */
export const s3Operations: readonly Operation[] = [
  ...[put, put, put, put, putNew, putOver, putRefused, remove, removeTwo, copy, copy],
  ...[beginUpload, uploadPart, completeUpload, get, get],
];
