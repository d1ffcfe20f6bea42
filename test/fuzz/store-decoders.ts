import assert from 'node:assert/strict';
import { decodeUser, encodeUser } from '../../src/accounts/records.ts';
import { decodeRole, encodeRole } from '../../src/accounts/role-records.ts';
import { decodeExport, encodeExport } from '../../src/exports/records.ts';
import { decodeBucketEncryption, encodeBucketEncryption } from '../../src/keyring/bucket-encryption.ts';
import { decodeDataKey, decodeRingKey, table as ringTable } from '../../src/keyring/records.ts';
import { decodeU64 } from '../../src/kv/tuple.ts';
import { decodeBelonging } from '../../src/namespace/belonging.ts';
import { decodeDirectory } from '../../src/namespace/directory-row.ts';
import * as foreign from '../../src/namespace/foreign/records.ts';
import { decodeHolders } from '../../src/namespace/holders.ts';
import { decodeListedDentry } from '../../src/namespace/listed.ts';
import { decodeClient, encodeClient } from '../../src/namespace/locks/records.ts';
import type { Ino } from '../../src/namespace/namespace.ts';
import { decodeQuota } from '../../src/namespace/quota/quota-row.ts';
import { decodeUsage } from '../../src/namespace/quota/usage.ts';
import * as records from '../../src/namespace/records.ts';
import { decodeFinished, decodePart, decodeUpload } from '../../src/namespace/upload-records.ts';
import { decodeVersion } from '../../src/namespace/version-rows.ts';
import * as storagePolicy from '../../src/storage-policy/records.ts';
import * as blobs from '../../src/tiering/hot/blob-records.ts';
import * as reduction from '../../src/tiering/reduction/records.ts';
import * as migrations from '../../src/tiering/migration-records.ts';
import { decodePool, decodeStripe, encodePool, encodeStripe } from '../../src/tiering/warm/records.ts';
import type { Fault } from '../../src/fault.ts';
import { plain, type Decoder } from './decoder.ts';
import { livedInRows } from './lived-in-rows.ts';

/** Rows of the store by the first byte of their keys, as a gateway that was in use has them. */
const tables: readonly (readonly [name: string, prefix: number, decode: (row: Uint8Array) => unknown])[] = [
  ['inode', 0x10, (row) => records.decodeInode(5 as Ino, row)],
  ['directory', 0x11, decodeDirectory],
  ['dentry', 0x12, decodeListedDentry],
  ['order', 0x13, records.decodeOrder],
  ['extent', 0x14, (row) => records.decodeExtent(2 ** 40, row)],
  ['bucket', 0x18, records.decodeBucket],
  ['upload', 0x20, decodeUpload],
  ['part', 0x21, decodePart],
  ['finished-upload', 0x22, decodeFinished],
  ['version', 0x24, decodeVersion],
  ['usage', 0x26, decodeUsage],
  ['quota', 0x27, decodeQuota],
  ['belonging', 0x2a, decodeBelonging],
  ['holders', 0x2f, decodeHolders],
  ['ring-key', ringTable.key, decodeRingKey],
  ['data-key', ringTable.dataKey, decodeDataKey],
  ['device-blob', blobs.BLOB_TABLES.device, blobs.decodeDeviceBlob],
  ['inline-blob', blobs.BLOB_TABLES.inline, blobs.decodeInlineBlob],
  ['blob-references', blobs.BLOB_TABLES.references, blobs.decodeReferences],
  ['recipe', 0x48, reduction.decodeRecipe],
  ['chunk', 0x49, reduction.decodeChunk],
  ['segment-row', 0x4a, reduction.decodeSegment],
];

const at = { seconds: 1_700_000_000, nanoseconds: 5 };
const binding = 3 as foreign.Binding['id'];

/** Those that take more than that store to come about. */
const others: readonly Decoder[] = [
  plain(
    'user',
    [
      encodeUser({
        ...{ accountId: '1'.repeat(12), uid: 1, gid: 2, createdAt: at },
        keys: [{ accessKey: 'AK', sealed: Buffer.alloc(60, 7), createdAt: at }],
        policies: [{ name: 'p', text: '{}' }],
      }),
    ],
    decodeUser,
  ),
  plain(
    'role',
    [encodeRole({ id: 'r', accountId: '1'.repeat(12), trust: '{}', policies: ['p'], createdAt: at })],
    decodeRole,
  ),
  plain('export-row', [encodeExport('{"clients":["*"]}')], decodeExport),
  plain('storage-policy', [storagePolicy.encodePolicy('{"target":"b"}')], storagePolicy.decodePolicy),
  plain('move', [storagePolicy.encodeMove({ target: 'b/x', to: 'cold' })], storagePolicy.decodeMove),
  plain(
    'restore',
    [storagePolicy.encodeRestore({ days: 1, speed: 'Bulk', isAsked: true, until: 1_800_000_000 })],
    storagePolicy.decodeRestore,
  ),
  plain(
    'bucket-encryption',
    [encodeBucketEncryption({ algorithm: 'AES256', bucketKey: false, blocksCustomerKeys: true })],
    decodeBucketEncryption,
    { refusals: isNamed },
  ),
  plain('lock-client', [encodeClient({ address: '10.0.0.1', name: 'host' })], decodeClient),
  plain(
    'attached-bucket',
    [
      foreign.encodeBinding({
        ...{ id: binding, bucket: 9 as Ino, name: 'b', prefix: 'p/', place: 's3://x', access: 'local' },
        ...{ state: 'attached', attachedAt: at, refreshedAt: undefined },
      }),
    ],
    (row) => foreign.decodeBinding(9 as Ino, row),
  ),
  plain(
    'attached-folder',
    [foreign.encodeFolder({ binding, prefix: 'p/', after: 'p/a', isWhole: false })],
    foreign.decodeFolder,
  ),
  plain(
    'brought-key',
    [foreign.encodeBrought({ etag: '"e"', ino: 9 as Ino, contentGeneration: 4 })],
    foreign.decodeBrought,
  ),
  plain(
    'migration-totals',
    [migrations.encodeCounts({ completed: 1, failed: 2, bytes: 3 })],
    migrations.decodeCounts,
  ),
  plain('warm-pool', [encodePool({ id: 'a'.repeat(32), nextDevice: 7 })], decodePool),
  plain(
    'stripe',
    [
      encodeStripe({
        ...{ shape: { data: 2, parity: 1 }, generation: 1, shardBytes: 4096, tableChecksum: 5 },
        devices: [1, 2, 3] as never,
      }),
    ],
    decodeStripe,
  ),
];

/** JSON of ours in a row: what is none is refused by the parser of JSON. */
function isNamed(failure: unknown): boolean {
  return (
    failure instanceof assert.AssertionError ||
    failure instanceof SyntaxError ||
    (failure as Fault | undefined)?.name === 'Fault'
  );
}

/** Everything that the store of metadata keeps. */
export async function storeDecoders(): Promise<readonly Decoder[]> {
  const rows = await livedInRows();
  const ofTables = tables.map(([name, prefix, decode]) => {
    const sound = rows.filter(({ key }) => key[0] === prefix).map(({ value }) => value);
    assert(sound.length > 0, `no row of the table ${name}`);
    return plain(`row-${name}`, sound, decode);
  });
  return [
    ...ofTables,
    ...others.map((decoder) => ({ ...decoder, name: `row-${decoder.name}` })),
    plain('row-number', [Uint8Array.of(0, 0, 0, 0, 0, 0, 1, 2)], (row) => decodeU64(row, 0)),
  ];
}
