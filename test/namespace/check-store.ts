import assert from 'node:assert/strict';
import { inspect, isDeepStrictEqual } from 'node:util';
import { BLOB_HOLDERS_MAX, EXTENTS_EMBEDDED_MAX, INODE_NAMES_MAX } from '../../src/limits.ts';
import { digestOf, needsAliasRow } from '../../src/namespace/alias.ts';
import { ROOT } from '../../src/namespace/buckets.ts';
import { listedOf } from '../../src/namespace/listed.ts';
import type { Ino } from '../../src/namespace/namespace.ts';
import type { Extent, Inode } from '../../src/namespace/records.ts';
import type { Tier } from '../../src/tiering/tier.ts';
import { imageOf, type DentryRow, type StoreImage } from './store-image.ts';
import type { Stack } from './world.ts';

/** Every invariant of the store at once: what an fsck would say. Nothing may be under way. */
export async function checkStore({ kv }: Pick<Stack, 'kv'>): Promise<void> {
  assert.deepEqual(problemsOf(await imageOf(kv)), []);
}

/** The same after background work has come to its end with nothing open: no leftovers, and space that adds up. */
export async function checkSettledStore({ kv, blobs }: Pick<Stack, 'kv' | 'blobs'>): Promise<void> {
  const image = await imageOf(kv);
  assert.deepEqual([...problemsOf(image), ...leftoversOf(image)], []);
  const { bytesTotal, bytesFree } = blobs.usage();
  const places = [...image.blobs.values()].flatMap((blob) => blob.places);
  const bytesLive = places.reduce((sum, place) => sum + place.length, 0);
  assert.equal(bytesTotal - bytesFree, bytesLive, 'space in use is the space of the blobs');
}

function problemsOf(image: StoreImage): readonly string[] {
  const checks = [
    dentryProblems,
    listedProblems,
    directoryProblems,
    linkProblems,
    nameProblems,
    aliasProblems,
    bucketProblems,
  ];
  const more = [
    versionProblems,
    extentProblems,
    blobProblems,
    belongingProblems,
    holderProblems,
    uploadProblems,
    usageProblems,
    shareProblems,
    belowProblems,
  ];
  const strangers = image.strangers.map((key) => `unknown row ${key}`);
  return [...[...checks, ...more].flatMap((check) => [...check(image)]), ...strangers];
}

function leftoversOf(image: StoreImage): readonly string[] {
  const { drafts, orphans, finished, garbage } = image;
  const left = Object.entries({ drafts, orphans, finished, garbage });
  return left.flatMap(([name, rows]) => (rows.size === 0 ? [] : [`${rows.size} rows left in ${name}`]));
}

const isDirectoryEntry = (entry: string): boolean => entry.endsWith('/');
const nameOf = (entry: string): string => (isDirectoryEntry(entry) ? entry.slice(0, -1) : entry);

function* dentryProblems({ inodes, dentries, orders }: StoreImage): Iterable<string> {
  const orderOf = new Map(orders.map((order) => [`${order.parent}:${order.ordinal}`, order]));
  if (orderOf.size !== dentries.length) yield `${orderOf.size} order rows for ${dentries.length} dentries`;
  for (const { parent, entry, ino, kind, ordinal } of dentries) {
    const at = `dentry ${parent}/${JSON.stringify(entry)}`;
    const [child, directory] = [inodes.get(ino), inodes.get(parent)];
    const order = orderOf.get(`${parent}:${ordinal}`);
    if (order?.entry !== entry || order.ino !== ino) yield `${at} and its order row differ`;
    if (directory?.kind !== 'directory') yield `${at} lies in no directory`;
    if (child === undefined) yield `${at} leads nowhere`;
    if (child !== undefined && child.kind !== kind) yield `${at} says ${kind}, the inode ${child.kind}`;
    if (isDirectoryEntry(entry) !== (kind === 'directory')) yield `${at} has the wrong form`;
    const bucket = parent === ROOT ? ino : directory?.bucket;
    if (child?.bucket !== bucket) yield `${at} leads to bucket ${child?.bucket}`;
    if (ordinal <= 2) yield `${at} has the cookie ${ordinal}`;
  }
}

/** What a first name says of its inode is what the inode says; other names say nothing. */
function* listedProblems({ inodes, dentries }: StoreImage): Iterable<string> {
  for (const { parent, entry, ino, kind, listed } of dentries) {
    const inode = inodes.get(ino);
    if (inode === undefined) continue;
    const [first] = inode.names;
    const isFirst = first?.parent === parent && Buffer.from(first.name).toString('latin1') === entry;
    const wanted = kind !== 'directory' && isFirst ? listedOf(inode) : undefined;
    if (!isDeepStrictEqual(listed, wanted))
      yield `dentry ${parent}/${JSON.stringify(entry)} shows ${JSON.stringify(listed)}, not ${JSON.stringify(wanted)}`;
  }
}

function groupedByParent(dentries: readonly DentryRow[]): ReadonlyMap<Ino, readonly DentryRow[]> {
  const children = new Map<Ino, DentryRow[]>();
  for (const dentry of dentries) {
    const list = children.get(dentry.parent) ?? [];
    list.push(dentry);
    children.set(dentry.parent, list);
  }
  return children;
}

function* directoryProblems({ inodes, directories, dentries }: StoreImage): Iterable<string> {
  const children = groupedByParent(dentries);
  for (const ino of directories.keys())
    if (inodes.get(ino)?.kind !== 'directory') yield `directory row ${ino} has no inode`;
  for (const { ino, kind, bucket } of inodes.values()) {
    if (kind !== 'directory') continue;
    const row = directories.get(ino);
    const list = children.get(ino) ?? [];
    const subdirectories = list.filter((child) => child.kind === 'directory');
    const files = new Set(list.filter((child) => child.kind !== 'directory').map(({ entry }) => entry));
    const clashes = subdirectories.filter(({ entry }) => files.has(nameOf(entry))).length;
    if (row?.entries !== list.length) yield `directory ${ino} counts ${row?.entries} of ${list.length}`;
    if (row?.subdirectories !== subdirectories.length) yield `directory ${ino} miscounts subdirectories`;
    if (row?.clashes !== clashes) yield `directory ${ino} counts ${row?.clashes} clashes of ${clashes}`;
    if (list.length === 0 && ino !== ROOT && bucket !== ino) yield `implicit directory ${ino} is empty`;
  }
}

function* linkProblems({ inodes, dentries, parts, versions }: StoreImage): Iterable<string> {
  const links = new Map<Ino, number>();
  for (const { ino } of dentries) links.set(ino, (links.get(ino) ?? 0) + 1);
  // What no name leads to: parts of uploads, and old versions.
  const partInos = new Set([...parts.map(({ ino }) => ino), ...versions.flatMap(({ row }) => row.ino ?? [])]);
  for (const { ino, kind, linkCount } of inodes.values()) {
    const names = links.get(ino) ?? 0;
    const wanted = ino === ROOT ? 0 : 1;
    if (kind === 'directory' && names !== wanted) yield `directory ${ino} has ${names} names`;
    if (kind !== 'directory' && names !== linkCount) yield `inode ${ino}: ${linkCount} links, ${names} names`;
    if (names === 0 && ino !== ROOT && !partInos.has(ino))
      yield `inode ${ino} has no name and is no part or version`;
    if (names > 0 && partInos.has(ino)) yield `inode ${ino} has a name and is a part or old version`;
  }
}

function* versionProblems({ versions, nullVersions, inodes, buckets }: StoreImage): Iterable<string> {
  const ruled = new Map([...buckets.values()].map(({ ino, rules }) => [ino, rules]));
  for (const [ino, rules] of ruled)
    if (JSON.stringify(inodes.get(ino)?.rules) !== JSON.stringify(rules)) yield `two rules of bucket ${ino}`;
  const nulls = new Set(nullVersions.map(({ bucket, key, order }) => `${bucket}:${key}:${order}`));
  if (nulls.size !== nullVersions.length) yield 'two null versions of one key';
  const inos = versions.flatMap(({ row }) => row.ino ?? []);
  if (new Set(inos).size !== inos.length) yield 'an inode is two versions';
  for (const { bucket, key, order, row } of versions) {
    const at = `version ${order} of ${bucket}:${key}`;
    const inode = row.ino === undefined ? undefined : inodes.get(row.ino);
    if ((ruled.get(bucket)?.versioning ?? 'off') === 'off') yield `${at} in a bucket without versioning`;
    if (row.ino !== undefined && inode === undefined) yield `${at} has no inode`;
    if (inode !== undefined && inode.bucket !== bucket) yield `${at} belongs to bucket ${inode.bucket}`;
    if (inode !== undefined && inode.version.id !== row.versionId) yield `${at}: the inode says otherwise`;
    if (inode !== undefined && inode.version.openUntil !== 0) yield `${at} is not sealed`;
    if (row.versionId === 0 && !nulls.delete(`${bucket}:${key}:${order}`)) yield `${at}: no pointer`;
    if (row.versionId !== 0 && row.versionId !== order) yield `${at} calls itself ${row.versionId}`;
  }
  for (const left of nulls) yield `null version ${left} does not exist`;
}

/** No test has gone back below the number of names that an inode keeps from above it. */
function* nameProblems({ inodes, dentries }: StoreImage): Iterable<string> {
  const entered = new Map<Ino, string[]>();
  for (const { parent, entry, ino } of dentries) {
    const list = entered.get(ino) ?? [];
    entered.set(ino, [...list, `${parent}/${nameOf(entry)}`]);
  }
  for (const { ino, names } of inodes.values()) {
    const known = names.map(({ parent, name }) => `${parent}/${Buffer.from(name).toString('latin1')}`);
    const wanted = entered.get(ino) ?? [];
    const missing = known.filter((name) => !wanted.includes(name));
    if (missing.length > 0) yield `inode ${ino} says that it is ${missing.join()}`;
    if (wanted.length <= INODE_NAMES_MAX && new Set(known).size !== wanted.length)
      yield `inode ${ino} knows ${known.join()} of ${wanted.join()}`;
  }
}

function* aliasProblems({ aliases, dentries }: StoreImage): Iterable<string> {
  const wanted = new Set<string>();
  for (const { parent, entry } of dentries) {
    const name = Buffer.from(nameOf(entry), 'latin1');
    if (needsAliasRow(name)) wanted.add(`${parent}:${Buffer.from(digestOf(name)).toString('hex')}`);
  }
  for (const { parent, digest, name } of aliases) {
    if (!wanted.delete(`${parent}:${digest}`)) yield `alias of ${name} in ${parent} is not needed`;
    if (Buffer.from(digestOf(Buffer.from(name, 'latin1'))).toString('hex') !== digest) {
      yield `alias of ${name} in ${parent} has another digest`;
    }
  }
  for (const missing of wanted) yield `alias ${missing} is missing`;
}

function* bucketProblems({ buckets, configurations, dentries, inodes }: StoreImage): Iterable<string> {
  const names = new Map(
    dentries.filter(({ parent }) => parent === ROOT).map(({ entry, ino }) => [entry, ino]),
  );
  for (const [name, { ino }] of buckets) {
    if (names.get(`${name}/`) !== ino) yield `bucket ${name} is no directory of the root`;
    if (inodes.get(ino)?.bucket !== ino) yield `bucket ${name} does not belong to itself`;
  }
  const listed = [...buckets.values()].flatMap((row) => row.configurations.map((it) => `${row.ino} ${it}`));
  const stored = configurations.map(({ bucket, name }) => `${bucket} ${name}`);
  if (listed.toSorted().join() !== stored.toSorted().join())
    yield `configurations ${stored.join()} of buckets that say ${listed.join()}`;
  if (names.size !== buckets.size) yield `${names.size} names in the root, ${buckets.size} buckets`;
}

/** Contents by who holds them: inodes by their record, others by rows. */
function contentsOf({
  inodes,
  extents,
}: StoreImage): readonly [string, readonly Extent[], Inode | undefined][] {
  const ofRecords = [...inodes.values()].filter((inode) => inode.extents !== undefined);
  const rowsOf = new Map([...inodes.values()].map((inode) => [inode.contentId, inode]));
  return [
    ...ofRecords.map((inode) => [`inode ${inode.ino}`, inode.extents ?? [], inode] as const),
    ...[...extents].map(([id, list]) => [`content ${id}`, list, rowsOf.get(id)] as const),
  ].map(([name, list, inode]) => [name, list, inode]);
}

function* extentProblems(image: StoreImage): Iterable<string> {
  const { inodes, extents, drafts, orphans, blobs } = image;
  const owners = [...inodes.values()].filter((inode) => inode.extents === undefined);
  const owned = [...owners.map(({ contentId }) => contentId), ...drafts, ...orphans];
  if (new Set(owned).size !== owned.length) yield 'a content has two owners';
  const ownedSet = new Set(owned);
  for (const id of extents.keys()) if (!ownedSet.has(id)) yield `content ${id} has no owner`;
  for (const inode of inodes.values()) {
    if ((inode.extents?.length ?? 0) > EXTENTS_EMBEDDED_MAX) yield `inode ${inode.ino} has a long record`;
  }
  for (const [name, list, inode] of contentsOf(image)) {
    let end = 0;
    for (const { offset, length, blob, blobOffset } of list) {
      if (offset < end) yield `${name}: extents overlap at ${offset}`;
      end = offset + length;
      if (length <= 0) yield `${name}: empty extent at ${offset}`;
      const there = blobs.get(blob);
      if (there === undefined) yield `${name}: blob ${blob} does not exist`;
      else if (blobOffset + length > there.length) yield `${name}: extent beyond the end of blob ${blob}`;
    }
    if (inode !== undefined && end > inode.size) yield `${name}: extents beyond the size ${inode.size}`;
    if (inode !== undefined && inode.kind !== 'file' && list.length > 0) yield `${name}: a ${inode.kind}`;
  }
}

function* blobProblems(image: StoreImage): Iterable<string> {
  const { blobs, references, garbage } = image;
  const counts = new Map<number, number>();
  for (const [, list] of contentsOf(image)) {
    for (const { blob } of list) counts.set(blob, (counts.get(blob) ?? 0) + 1);
  }
  for (const id of blobs.keys()) {
    const counted = garbage.has(id) ? 0 : (references.get(id) ?? 1);
    if (counted !== (counts.get(id) ?? 0)) yield `blob ${id} counts ${counted} of ${counts.get(id) ?? 0}`;
  }
  for (const id of [...references.keys(), ...garbage]) if (!blobs.has(id)) yield `no blob ${id} but a row`;
  const places = [...blobs.values()].flatMap((blob) => blob.places);
  places.sort((one, other) => one.offset - other.offset);
  let end = 0;
  for (const { offset, length } of places) {
    if (offset < end) yield `two blobs share the device at ${offset}`;
    end = offset + length;
  }
}

/** Old versions and parts know what they are of, and nothing else says so. */
function* belongingProblems({ versions, parts, belongings }: StoreImage): Iterable<string> {
  const left = new Map(belongings);
  const take = (ino: Ino): string => {
    const known = left.get(ino);
    left.delete(ino);
    return known === undefined
      ? 'nothing'
      : `${Buffer.from(known.key).toString('latin1')} ${known.upload} ${known.part}`;
  };
  for (const { key, row } of versions) {
    const known = row.ino === undefined ? undefined : take(row.ino);
    if (known !== undefined && known !== `${key} 0 0`) yield `a version of ${key} belongs to ${known}`;
  }
  for (const { upload, number, ino } of parts) {
    const known = take(ino);
    if (!known.endsWith(` ${upload} ${number}`)) yield `part ${upload}/${number} belongs to ${known}`;
  }
  for (const ino of left.keys()) yield `inode ${ino} belongs to something`;
}

/** Whoever shows a blob is known to do so, unless there are too many. */
function* holderProblems(image: StoreImage): Iterable<string> {
  const { blobs, holders } = image;
  for (const blob of holders.keys()) if (!blobs.has(blob)) yield `no blob ${blob} but holders`;
  for (const [name, list, inode] of contentsOf(image)) {
    for (const { blob, offset, blobOffset } of inode === undefined ? [] : list) {
      const known = holders.get(blob) ?? [];
      const isKnown = known.some(({ ino, base }) => ino === inode?.ino && base === offset - blobOffset);
      if (!isKnown && known.length < BLOB_HOLDERS_MAX) yield `blob ${blob} does not know of ${name}`;
    }
  }
}

function* uploadProblems({ parts, uploads, finished, inodes }: StoreImage): Iterable<string> {
  for (const { upload, number, ino } of parts) {
    if (!uploads.has(upload) && !finished.has(upload)) yield `part ${upload}/${number} of no upload`;
    if (inodes.get(ino) === undefined) yield `part ${upload}/${number} has no inode`;
  }
}

/** What the tiers answer for is the sum over all objects, by bucket; no part of an upload is one. */
function* shareProblems({ inodes, parts, shares }: StoreImage): Iterable<string> {
  const partInos = new Set(parts.map(({ ino }) => ino));
  const sums = new Map<Ino, Record<Tier, { objects: bigint; bytes: bigint }>>();
  const nothing = () => ({ objects: 0n, bytes: 0n });
  for (const { ino, kind, bucket, size, below } of inodes.values()) {
    if (kind === 'directory' || partInos.has(ino)) continue;
    const sum = sums.get(bucket) ?? { hot: nothing(), warm: nothing(), cold: nothing() };
    sums.set(bucket, sum);
    const hot = size - below.warm - below.cold;
    const at = hot >= below.warm && hot >= below.cold ? 'hot' : below.warm >= below.cold ? 'warm' : 'cold';
    sum[at].objects += 1n;
    for (const [tier, bytes] of Object.entries({ ...below, hot })) sum[tier as Tier].bytes += BigInt(bytes);
  }
  for (const bucket of new Set([...sums.keys(), ...shares.keys()]))
    if (!isDeepStrictEqual(sums.get(bucket), shares.get(bucket)))
      yield `bucket ${bucket} has ${inspect(shares.get(bucket))} of ${inspect(sums.get(bucket))}`;
}

/** What an inode says of where its content is, is so, unless it says that it is not known. */
function* belowProblems(image: StoreImage): Iterable<string> {
  const { blobs, recounts } = image;
  if (recounts.has(0)) return;
  for (const [name, list, inode] of contentsOf(image)) {
    if (inode === undefined || recounts.has(inode.ino)) continue;
    const found = { warm: 0, cold: 0 };
    for (const { blob, length } of list) {
      const at = blobs.get(blob)?.at ?? 'hot';
      if (at !== 'hot') found[at] += length;
    }
    if (!isDeepStrictEqual(found, inode.below))
      yield `${name} is ${inspect(found)}, not ${inspect(inode.below)}`;
  }
}

/** Usage is what a count of everything comes to, by owner. Parts of an upload that is over do not count. */
function* usageProblems({ inodes, parts, finished, usage }: StoreImage): Iterable<string> {
  const over = new Set(parts.filter(({ upload }) => finished.has(upload)).map(({ ino }) => ino));
  const sums = new Map<string, { bytes: number; inodes: number }>();
  for (const { ino, bucket, uid, gid, size, names } of inodes.values()) {
    if (ino === ROOT || ino === bucket || over.has(ino)) continue;
    const owner = `${bucket}:${uid}:${gid}`;
    const sum = sums.get(owner) ?? { bytes: 0, inodes: 0 };
    const isMarker = names.length === 1 && names[0]?.name.length === 0;
    sums.set(owner, { bytes: sum.bytes + size, inodes: sum.inodes + (isMarker ? 0 : 1) });
  }
  for (const owner of new Set([...sums.keys(), ...usage.keys()])) {
    const { bytes, inodes: count } = sums.get(owner) ?? { bytes: 0, inodes: 0 };
    const row = usage.get(owner) ?? { bytes: 0n, inodes: 0n };
    if (row.bytes === BigInt(bytes) && row.inodes === BigInt(count)) continue;
    yield `${owner} uses ${row.bytes} bytes and ${row.inodes} inodes of ${bytes} and ${count}`;
  }
}
