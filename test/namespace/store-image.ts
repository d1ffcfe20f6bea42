import type { Kv } from '../../src/kv/kv.ts';
import { auditTables } from '../../src/audit/records.ts';
import { table as ringTable } from '../../src/keyring/records.ts';
import { decodeU64 } from '../../src/kv/tuple.ts';
import { decodeDirectory, type DirectoryRow } from '../../src/namespace/directory-row.ts';
import { decodeBelonging, type Belonging } from '../../src/namespace/belonging.ts';
import { decodeHolders, type Holder } from '../../src/namespace/holders.ts';
import { decodeListedDentry } from '../../src/namespace/listed.ts';
import type { Ino, Listed } from '../../src/namespace/namespace.ts';
import { decodeShares, type Shares } from '../../src/namespace/census/shares.ts';
import { decodeUsage, type Usage } from '../../src/namespace/quota/usage.ts';
import {
  decodeBucket,
  decodeExtent,
  decodeInode,
  decodeOrder,
  type BucketRow,
  type Dentry,
  type Extent,
  type Inode,
} from '../../src/namespace/records.ts';
import { decodePart, type PartRow } from '../../src/namespace/upload-records.ts';
import { decodeVersion, type PlacedVersion } from '../../src/namespace/version-rows.ts';
import { keyOfVersionKey, orderOfVersionKey } from '../../src/namespace/keys.ts';
import { lengthOfRecipe } from '../../src/tiering/reduction/records.ts';
import { DESCRIPTIONS_TABLE } from '../../src/tiering/descriptions.ts';
import type { Tier } from '../../src/tiering/tier.ts';
import { migrationTables } from '../../src/tiering/migration-records.ts';
import {
  BLOB_TABLES,
  decodeDeviceBlob,
  decodeInlineBlob,
  decodeReferences,
} from '../../src/tiering/hot/blob-records.ts';

/** One table's prefix byte; the same numbers as in keys.ts and blob-records.ts, written down once more on purpose. */
const table = {
  inode: 0x10,
  directory: 0x11,
  dentry: 0x12,
  order: 0x13,
  extent: 0x14,
  alias: 0x15,
  bucket: 0x18,
  draft: 0x19,
  orphan: 0x1a,
  configuration: 0x1b,
  upload: 0x20,
  part: 0x21,
  finished: 0x22,
  remembered: 0x23,
  version: 0x24,
  nullVersion: 0x25,
  belonging: 0x2a,
  moved: 0x2c,
  holder: 0x2f,
  usage: 0x26,
  quota: 0x27,
  shares: 0x29,
  recount: 0x2b,
  recipe: 0x48,
} as const;

/** Of chunks, segments and devices, which no inode knows. */
const lowerTables = [0x49, 0x4a, 0x4b, 0x4c, 0x4d, 0x50, 0x51, 0x54];

export interface DentryRow extends Dentry {
  readonly listed: Listed | undefined;
  readonly parent: Ino;
  /** The entry's bytes in latin1, a directory's with its slash. */
  readonly entry: string;
}

export interface BlobImage {
  readonly length: number;
  /** Empty for an inline blob. */
  readonly places: readonly { readonly offset: number; readonly length: number }[];
  /** The tier that answers reads. */
  readonly at: Tier;
}

/** Everything in a store, decoded, by table. Names are latin1 strings so that they can be keys of maps. */
export interface StoreImage {
  readonly inodes: ReadonlyMap<Ino, Inode>;
  readonly directories: ReadonlyMap<Ino, DirectoryRow>;
  readonly dentries: readonly DentryRow[];
  readonly orders: readonly { parent: Ino; ordinal: number; ino: Ino; entry: string }[];
  readonly extents: ReadonlyMap<number, readonly Extent[]>;
  readonly aliases: readonly { parent: Ino; digest: string; name: string }[];
  readonly buckets: ReadonlyMap<string, BucketRow>;
  readonly configurations: readonly { readonly bucket: Ino; readonly name: string }[];
  readonly drafts: ReadonlySet<number>;
  readonly orphans: ReadonlySet<number>;
  /** Sequence numbers. */
  readonly uploads: ReadonlySet<number>;
  readonly finished: ReadonlySet<number>;
  readonly parts: readonly (PartRow & { upload: number; number: number })[];
  /** Keyed by bucket and object key. */
  readonly versions: readonly (PlacedVersion & { readonly bucket: Ino; readonly key: string })[];
  readonly nullVersions: readonly { readonly bucket: Ino; readonly key: string; readonly order: number }[];
  /** Of owners as `bucket:uid:gid`. */
  readonly usage: ReadonlyMap<string, Usage>;
  /** By bucket. */
  readonly shares: ReadonlyMap<Ino, Shares>;
  /** Inodes that wait for the census; 0 for all. */
  readonly recounts: ReadonlySet<number>;
  readonly blobs: ReadonlyMap<number, BlobImage>;
  readonly references: ReadonlyMap<number, number>;
  readonly garbage: ReadonlySet<number>;
  /** By inode. */
  readonly belongings: ReadonlyMap<Ino, Belonging>;
  /** By blob. */
  readonly holders: ReadonlyMap<number, readonly Holder[]>;
  /** Keys of tables that nobody here knows. */
  readonly strangers: readonly string[];
}

type Row = readonly [key: Buffer, value: Buffer];
const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

/** Reads all of `kv`; nothing may be under way. */
export async function imageOf(kv: Kv): Promise<StoreImage> {
  const rows = await rowsByTable(kv);
  const of = (prefix: number): readonly Row[] => rows.get(prefix) ?? [];
  const idsOf = (prefix: number): Set<number> => new Set(of(prefix).map(([key]) => decodeU64(key, 1)));
  const others = [
    ...Object.values(BLOB_TABLES),
    ...Object.values(ringTable),
    ...Object.values(auditTables),
    ...Object.values(migrationTables),
    DESCRIPTIONS_TABLE,
    ...lowerTables,
    1,
  ];
  const known = new Set<number>([...Object.values(table), ...others]);
  return {
    inodes: new Map(
      of(table.inode).map(([key, value]) => [inoAt(key, 1), decodeInode(inoAt(key, 1), value)]),
    ),
    directories: new Map(of(table.directory).map(([key, value]) => [inoAt(key, 1), decodeDirectory(value)])),
    dentries: of(table.dentry).map(([key, value]) => {
      const { dentry, listed } = decodeListedDentry(value);
      return { ...dentry, listed, parent: inoAt(key, 1), entry: latin1(key.subarray(9)) };
    }),
    orders: of(table.order).map(([key, value]) => {
      const { ino, entry } = decodeOrder(value);
      return { parent: inoAt(key, 1), ordinal: decodeU64(key, 9), ino, entry: latin1(entry) };
    }),
    extents: extentRows(of(table.extent)),
    aliases: of(table.alias).map(([key, value]) => {
      return { parent: inoAt(key, 1), digest: key.subarray(9).toString('hex'), name: latin1(value) };
    }),
    buckets: new Map(of(table.bucket).map(([key, value]) => [latin1(key.subarray(1)), decodeBucket(value)])),
    configurations: of(table.configuration).map(([key]) => {
      return { bucket: inoAt(key, 1), name: latin1(key.subarray(9)) };
    }),
    drafts: idsOf(table.draft),
    orphans: idsOf(table.orphan),
    uploads: new Set(of(table.upload).map(([key]) => decodeU64(key, key.length - 8))),
    finished: idsOf(table.finished),
    parts: of(table.part).map(([key, value]) => {
      return { ...decodePart(value), upload: decodeU64(key, 1), number: decodeU64(key, 9) };
    }),
    versions: of(table.version).map(([key, value]) => ({
      ...{ bucket: inoAt(key, 1), key: latin1(keyOfVersionKey(key)) },
      ...{ order: orderOfVersionKey(key), row: decodeVersion(value) },
    })),
    nullVersions: of(table.nullVersion).map(([key, value]) => ({
      ...{ bucket: inoAt(key, 1), key: latin1(key.subarray(9)), order: decodeU64(value, 0) },
    })),
    usage: new Map(
      of(table.usage).map(([key, value]) => [
        [1, 9, 17].map((offset) => decodeU64(key, offset)).join(':'),
        decodeUsage(value),
      ]),
    ),
    shares: new Map(of(table.shares).map(([key, value]) => [inoAt(key, 1), decodeShares(value)])),
    recounts: idsOf(table.recount),
    blobs: blobRows(of(BLOB_TABLES.device), of(BLOB_TABLES.inline), of(table.recipe)),
    references: new Map(
      of(BLOB_TABLES.references).map(([key, value]) => [decodeU64(key, 1), decodeReferences(value)]),
    ),
    garbage: idsOf(BLOB_TABLES.garbage),
    belongings: new Map(of(table.belonging).map(([key, value]) => [inoAt(key, 1), decodeBelonging(value)])),
    holders: new Map(of(table.holder).map(([key, value]) => [decodeU64(key, 1), decodeHolders(value)])),
    strangers: [...rows]
      .filter(([prefix]) => !known.has(prefix))
      .flatMap(([, list]) => list.map(([key]) => key.toString('hex'))),
  };
}

const inoAt = (key: Uint8Array, offset: number): Ino => decodeU64(key, offset) as Ino;

async function rowsByTable(kv: Kv): Promise<Map<number, Row[]>> {
  const rows = new Map<number, Row[]>();
  const everything = { start: Uint8Array.of(0), end: Uint8Array.of(0xff) };
  for await (const page of kv.scan(everything, { pageEntries: 1000 })) {
    for (const { key, value } of page) {
      const prefix = key[0] ?? 0;
      const list = rows.get(prefix) ?? [];
      list.push([Buffer.from(key), Buffer.from(value)]);
      rows.set(prefix, list);
    }
  }
  return rows;
}

function extentRows(rows: readonly Row[]): ReadonlyMap<number, readonly Extent[]> {
  const extents = new Map<number, Extent[]>();
  for (const [key, value] of rows) {
    const contentId = decodeU64(key, 1);
    const list = extents.get(contentId) ?? [];
    list.push(decodeExtent(decodeU64(key, 9), value));
    extents.set(contentId, list);
  }
  return extents;
}

function blobRows(
  device: readonly Row[],
  inline: readonly Row[],
  recipes: readonly Row[],
): ReadonlyMap<number, BlobImage> {
  const blobs = new Map<number, BlobImage>();
  for (const [key, value] of device) {
    const { length, extents } = decodeDeviceBlob(value);
    blobs.set(decodeU64(key, 1), { length, places: extents, at: 'hot' });
  }
  for (const [key, value] of inline) {
    const id = decodeU64(key, 1);
    // In both tables: no length fits, so every extent of it is reported.
    blobs.set(id, { length: blobs.has(id) ? -1 : decodeInlineBlob(value).length, places: [], at: 'hot' });
  }
  // Those of lower tiers in memory begin with a zero: test/tiering/memory-chunk-store.ts.
  for (const [key, value] of recipes) {
    const id = decodeU64(key, 2);
    const length = value[0] === 0 ? decodeU64(value, 8) : lengthOfRecipe(value);
    const known = blobs.get(id);
    blobs.set(id, {
      length: (known?.length ?? length) === length ? length : -1,
      places: known?.places ?? [],
      // Keys of the warm tier come first.
      at: known?.at ?? (key[1] === 1 ? 'warm' : 'cold'),
    });
  }
  return blobs;
}
