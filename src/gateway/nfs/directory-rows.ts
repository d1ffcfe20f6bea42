import { fitReaddir, fitReaddirplus, readdirEntriesMax, readdirplusEntriesMax } from 'nfs-server-ts/readdir';
import { NFS_READDIR_ENTRIES_MAX, NFS_TRANSFER_BYTES_MAX } from '../../limits/nfs.ts';
import type { Attributes, Caller, Ino } from '../../namespace/namespace.ts';
import type { DirectoryEntry } from '../../namespace/file-tree.ts';
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

interface Listing {
  readonly entries: readonly DirectoryEntry[];
  readonly eof: boolean;
  readonly directory: Attributes;
}

/** What follows a cookie, with `.` and `..`, which the tree does not list, in front. */
async function list(
  door: Door,
  { ino, caller }: { ino: Ino; caller: Caller },
  { cookie, entriesMax }: { cookie: number; entriesMax: number },
): Promise<Listing> {
  const { files } = door;
  const after = cookie <= DOT_DOT_COOKIE ? 0 : cookie;
  const listing = await files.entries(caller, ino, {
    after,
    entriesMax: Math.min(entriesMax, NFS_READDIR_ENTRIES_MAX),
  });
  if (cookie >= DOT_DOT_COOKIE) return listing;
  const above = await files.lookup(NOBODY_REFUSES, { directory: ino, name: DOT_DOT });
  const dots = [
    { name: DOT, cookie: DOT_COOKIE, attributes: listing.directory },
    { name: DOT_DOT, cookie: DOT_DOT_COOKIE, attributes: above.attributes },
  ].filter((dot) => dot.cookie > cookie);
  return { ...listing, entries: [...dots, ...listing.entries] };
}

/** The entries that fit; a directory of which not one fits is TOOSMALL. */
function cut(
  { entries, eof }: Listing,
  fitting: number,
): { entries: readonly DirectoryEntry[]; eof: boolean } {
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
      const listing = await list(door, entered, { cookie, entriesMax: readdirEntriesMax(budget) });
      const { entries, eof } = cut(listing, fitReaddir(listing.entries, budget));
      const named = entries.map((entry) => ({
        fileid: entry.attributes.ino,
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
      const listing = await list(door, entered, { cookie, entriesMax: readdirplusEntriesMax(budget) });
      const { entries, eof } = cut(listing, fitReaddirplus(listing.entries, budget));
      const named = entries.map((entry) => ({
        fileid: entry.attributes.ino,
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
