import assert from 'node:assert/strict';
import type { RecordReader, RecordWriter } from '../codec.ts';
import { readAcl, writeAcl } from './acl-record.ts';
import type { Checksum, ObjectFacet } from './namespace.ts';

/** The facet as stored: it holds as long as the content is still the one it was computed from. */
export interface StoredFacet extends ObjectFacet {
  readonly contentGeneration: number;
}

/** Stored by their place in this list: it only grows. */
const algorithms: readonly Checksum['algorithm'][] = [
  'CRC32',
  'CRC32C',
  'CRC64NVME',
  'SHA1',
  'SHA256',
  'MD5',
  'SHA512',
  'XXHASH64',
  'XXHASH3',
  'XXHASH128',
];

export const STANDARD = 'STANDARD';

export function writeFacet(writer: RecordWriter, facet: StoredFacet): void {
  writer.number(facet.contentGeneration).text(facet.etag).map(facet.headers).map(facet.metadata);
  writeChecksums(writer, facet.checksums);
  writer.list(facet.parts, ({ length, checksums }) => {
    writer.number(length);
    writeChecksums(writer, checksums);
  });
  writer.list(facet.tags, ({ key, value }) => writer.text(key).text(value));
  writer.text(facet.storageClass === STANDARD ? '' : facet.storageClass);
  writeAcl(writer, facet.acl);
}

export function readFacet(reader: RecordReader): StoredFacet {
  return {
    contentGeneration: reader.number(),
    etag: reader.text(),
    headers: reader.map(),
    metadata: reader.map(),
    checksums: readChecksums(reader),
    parts: reader.list(() => ({ length: reader.number(), checksums: readChecksums(reader) })),
    tags: reader.list(() => ({ key: reader.text(), value: reader.text() })),
    storageClass: reader.text() || STANDARD,
    ...readAcl(reader),
  };
}

export const writeChecksums = (writer: RecordWriter, checksums: readonly Checksum[]): void => {
  writer.list(checksums, ({ algorithm, value, type }) =>
    writer.number(checksumCode({ algorithm, type })).text(value),
  );
};

type ChecksumKind = Pick<Checksum, 'algorithm' | 'type'>;

export const checksumCode = ({ algorithm, type }: ChecksumKind): number =>
  algorithms.indexOf(algorithm) * 2 + (type === 'COMPOSITE' ? 1 : 0);

export function checksumOfCode(code: number): ChecksumKind {
  const algorithm = algorithms[Math.floor(code / 2)];
  assert(algorithm !== undefined, 'checksum of an unknown algorithm');
  return { algorithm, type: code % 2 === 1 ? 'COMPOSITE' : 'FULL_OBJECT' };
}

export const readChecksums = (reader: RecordReader): readonly Checksum[] =>
  reader.list(() => ({ ...checksumOfCode(reader.number()), value: reader.text() }));
