import { fitReaddir, fitReaddirplus, readdirEntriesMax, readdirplusEntriesMax } from 'nfs-server-ts/readdir';
import { NFS_READDIR_ENTRIES_MAX, NFS_TRANSFER_BYTES_MAX } from '../../limits/nfs.ts';
import type { Attributes, Caller, Ino } from '../../namespace/namespace.ts';
import type { DirectoryEntry, FileTree, Listing, NamedEntry } from '../../namespace/file-tree.ts';
import type { Door, Rows } from './door.ts';
import { Refused } from './errors.ts';
import { HANDLE_BYTES } from './handle.ts';

const DOT = Buffer.from('.');
const DOT_DOT = Buffer.from('..');
const DOT_COOKIE = 1;
const DOT_DOT_COOKIE = 2;
/** Cookies never go stale, so no verifier need tell an old one (RFC 1813 §3.3.16); what clients send back is not looked at. */
const NO_VERIFIER = new Uint8Array(8);
/** Who asks where `..` leads: a directory that may be read may be left, whatever the modes above it. */
const NOBODY_REFUSES: Caller = { uid: 0, gid: 0, groups: [], bypassesModes: true };

/** How a directory is listed: with the attributes of its entries, or without. */
interface Way<Entry extends NamedEntry> {
  readonly list: (
    files: FileTree,
    caller: Caller,
    at: { readonly ino: Ino; readonly after: number; readonly entriesMax: number },
  ) => Promise<Listing<Entry>>;
  readonly entryOf: (named: NamedEntry, attributes: Attributes) => Entry;
}

const plain: Way<NamedEntry> = {
  list: (files, caller, { ino, ...page }) => files.names(caller, ino, page),
  entryOf: (named) => named,
};
const plus: Way<DirectoryEntry> = {
  list: (files, caller, { ino, ...page }) => files.entries(caller, ino, page),
  entryOf: (named, attributes) => ({ ...named, attributes }),
};

/** What follows a cookie, with `.` and `..`, which the tree does not list, in front. */
async function list<Entry extends NamedEntry>(
  { files }: Door,
  { ino, caller }: { ino: Ino; caller: Caller },
  { cookie, entriesMax, way }: { cookie: number; entriesMax: number; way: Way<Entry> },
): Promise<Listing<Entry>> {
  const after = cookie <= DOT_DOT_COOKIE ? 0 : cookie;
  const page = { after, entriesMax: Math.min(entriesMax, NFS_READDIR_ENTRIES_MAX) };
  const listing = await way.list(files, caller, { ino, ...page });
  if (cookie >= DOT_DOT_COOKIE) return listing;
  const above = await files.lookup(NOBODY_REFUSES, { directory: ino, name: DOT_DOT });
  const dotOf = (name: Uint8Array, at: number, attributes: Attributes): Entry =>
    way.entryOf({ name, cookie: at, ino: attributes.ino }, attributes);
  const dots = [
    dotOf(DOT, DOT_COOKIE, listing.directory),
    dotOf(DOT_DOT, DOT_DOT_COOKIE, above.attributes),
  ].filter((dot) => dot.cookie > cookie);
  return { ...listing, entries: [...dots, ...listing.entries] };
}

/** The entries that fit; a directory of which not one fits is TOOSMALL. */
function cut<Entry extends NamedEntry>(
  { entries, eof }: Listing<Entry>,
  fitting: number,
): { entries: readonly Entry[]; eof: boolean } {
  if (fitting === 0 && entries.length > 0) throw new Refused('NFS3ERR_TOOSMALL');
  if (fitting === entries.length) return { entries, eof };
  return { entries: entries.slice(0, fitting), eof: false };
}

/** READDIR and READDIRPLUS. */
export const directoryRows: Rows<'READDIR' | 'READDIRPLUS'> = {
  READDIR: {
    subject: ({ dir }) => dir,
    fail: (after) => ({ dir_attributes: after }),
    async run(door, call, { dir, cookie, count }) {
      const entered = await door.enter(call, dir);
      const budget = { count: Math.min(count, NFS_TRANSFER_BYTES_MAX) };
      const entriesMax = readdirEntriesMax(budget);
      const listing = await list(door, entered, { cookie, entriesMax, way: plain });
      const { entries, eof } = cut(listing, fitReaddir(listing.entries, budget));
      const named = entries.map((entry) => ({
        fileid: entry.ino,
        name: entry.name,
        cookie: entry.cookie,
      }));
      const dir_attributes = door.fattr3(listing.directory);
      return { dir_attributes, cookieverf: NO_VERIFIER, reply: { entries: named, eof } };
    },
  },
  READDIRPLUS: {
    subject: ({ dir }) => dir,
    fail: (after) => ({ dir_attributes: after }),
    async run(door, call, { dir, cookie, dircount, maxcount }) {
      const entered = await door.enter(call, dir);
      const replyBytesMax = Math.min(maxcount, NFS_TRANSFER_BYTES_MAX);
      const budget = { dircount, maxcount: replyBytesMax, handleLength: HANDLE_BYTES };
      const entriesMax = readdirplusEntriesMax(budget);
      const listing = await list(door, entered, { cookie, entriesMax, way: plus });
      const { entries, eof } = cut(listing, fitReaddirplus(listing.entries, budget));
      const named = entries.map((entry) => ({
        fileid: entry.ino,
        name: entry.name,
        cookie: entry.cookie,
        name_attributes: door.fattr3(entry.attributes),
        name_handle: door.seal(entry.attributes),
      }));
      const dir_attributes = door.fattr3(listing.directory);
      return { dir_attributes, cookieverf: NO_VERIFIER, reply: { entries: named, eof } };
    },
  },
};
