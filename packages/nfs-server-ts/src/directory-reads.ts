import { constants, promises as fs, type BigIntStats } from 'node:fs';
import type { Entryplus3 } from './nfs3.ts';
import { attributesOf } from './directory-attributes.ts';
import { cutBetweenCookies, dotCookies, listed, type ListedName } from './directory-listing.ts';
import { handleBytes, type Located, type Shared } from './directory-tree.ts';
import { access3, fsinfoProperties } from './nfs3.ts';
import {
  checkCookie,
  checkName,
  cookieVerifier,
  isDot,
  isDotDot,
  pathconf,
  transferBytesMax,
} from './posix-answers.ts';
import { fitReaddir, fitReaddirplus, readdirEntriesMax } from './readdir.ts';
import { refuseIf, type PlainProgram } from './refused.ts';

type Reading = Pick<
  PlainProgram,
  | 'GETATTR'
  | 'LOOKUP'
  | 'ACCESS'
  | 'READLINK'
  | 'READ'
  | 'READDIR'
  | 'READDIRPLUS'
  | 'FSSTAT'
  | 'FSINFO'
  | 'PATHCONF'
>;

const { ACCESS3_READ, ACCESS3_LOOKUP, ACCESS3_MODIFY, ACCESS3_EXTEND, ACCESS3_DELETE, ACCESS3_EXECUTE } =
  access3;
const changes = ACCESS3_MODIFY | ACCESS3_EXTEND | ACCESS3_DELETE;
/** Directories whose names are kept between two pages of their list. */
const listingsMax = 16;
/** Linux keeps file offsets in 63 bits; numbers here end before. */
const fileBytesMax = Number.MAX_SAFE_INTEGER;

export const bytesOf = (text: string): Buffer => Buffer.from(text, 'latin1');
export const textOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');

/** Faults: Refused. */
export async function locateDirectory({ tree }: Shared, handle: Uint8Array): Promise<Located> {
  const located = await tree.locate(handle);
  refuseIf(!located.stats.isDirectory(), 'NFS3ERR_NOTDIR');
  return located;
}

export async function locateFile({ tree }: Shared, handle: Uint8Array): Promise<Located> {
  const located = await tree.locate(handle);
  refuseIf(located.stats.isDirectory(), 'NFS3ERR_ISDIR');
  refuseIf(!located.stats.isFile(), 'NFS3ERR_INVAL');
  return located;
}

/** The procedures that change nothing. */
export function readingRows(shared: Shared): Reading {
  const { tree } = shared;
  return {
    ...listingRows(shared),
    GETATTR: async (_call, { object }) => ({
      obj_attributes: attributesOf((await tree.locate(object)).stats),
    }),
    LOOKUP: async (_call, { what }) => {
      const directory = await locateDirectory(shared, what.dir);
      const found = await lookup(shared, directory, what.name);
      return {
        object: bytesOf(found.handle),
        obj_attributes: attributesOf(found.stats),
        dir_attributes: attributesOf(directory.stats),
      };
    },
    ACCESS: async (_call, { object, access }) => {
      const located = await tree.locate(object);
      return {
        obj_attributes: attributesOf(located.stats),
        access: access & (await allowed(shared, located)),
      };
    },
    READLINK: async (_call, { symlink }) => {
      const { stats, path } = await tree.locate(symlink);
      refuseIf(!stats.isSymbolicLink(), 'NFS3ERR_INVAL');
      const data = await fs.readlink(path, { encoding: 'buffer' });
      return { symlink_attributes: attributesOf(stats), data };
    },
    READ: (_call, args) => read(shared, args),
    FSSTAT: async (_call, { fsroot }) => {
      const { stats, path } = await tree.locate(fsroot);
      const { bsize, blocks, bfree, bavail, files, ffree } = await fs.statfs(path);
      return {
        obj_attributes: attributesOf(stats),
        ...{ tbytes: blocks * bsize, fbytes: bfree * bsize, abytes: bavail * bsize },
        ...{ tfiles: files, ffiles: ffree, afiles: ffree },
        invarsec: 0,
      };
    },
    FSINFO: async (_call, { fsroot }) => ({
      obj_attributes: attributesOf((await tree.locate(fsroot)).stats),
      ...{ rtmax: transferBytesMax, rtpref: transferBytesMax, rtmult: 4096 },
      ...{ wtmax: transferBytesMax, wtpref: transferBytesMax, wtmult: 4096 },
      dtpref: 65_536,
      maxfilesize: fileBytesMax,
      // Node sets times as floating-point seconds.
      time_delta: { seconds: 0, nseconds: 1_000 },
      properties: Object.values(fsinfoProperties).reduce((bits, bit) => bits | bit, 0),
    }),
    PATHCONF: async (_call, { object }) => ({
      obj_attributes: attributesOf((await tree.locate(object)).stats),
      ...pathconf,
    }),
  };
}

function listingRows(shared: Shared): Pick<Reading, 'READDIR' | 'READDIRPLUS'> {
  const listings = new Listings();
  return {
    READDIR: async (_call, { dir, cookie, cookieverf, count }) => {
      checkCookie(cookie, cookieverf);
      const directory = await locateDirectory(shared, dir);
      const page = await pageBehind(shared, { listings, directory, cookie, count });
      const fitting = cutBetweenCookies(page.entries, fitReaddir(page.entries, { count }));
      return {
        dir_attributes: attributesOf(directory.stats),
        cookieverf: cookieVerifier,
        reply: replyOf(page, fitting),
      };
    },
    READDIRPLUS: async (_call, { dir, cookie, cookieverf, dircount, maxcount }) => {
      checkCookie(cookie, cookieverf);
      const directory = await locateDirectory(shared, dir);
      const page = await pageBehind(shared, { listings, directory, cookie, count: maxcount });
      const fits = fitReaddirplus(page.entries, { dircount, maxcount, handleLength: handleBytes });
      return {
        dir_attributes: attributesOf(directory.stats),
        cookieverf: cookieVerifier,
        reply: replyOf(page, cutBetweenCookies(page.entries, fits)),
      };
    },
  };
}

async function lookup(
  { tree }: Shared,
  directory: Located,
  name: Uint8Array,
): Promise<{ handle: string; stats: BigIntStats }> {
  checkName(name);
  if (isDot(name)) return directory;
  if (isDotDot(name)) return tree.locate(bytesOf(tree.parentOf(directory.handle)));
  const text = textOf(name);
  const stats = await tree.within(directory, (pathOf) => fs.lstat(pathOf(text), { bigint: true }));
  return { handle: tree.seen(directory.handle, text, stats), stats };
}

/** What the server's user may do. */
async function allowed({ isReadOnly }: Shared, { path, stats }: Located): Promise<number> {
  if (stats.isSymbolicLink()) return ACCESS3_READ;
  const may = (mode: number): Promise<boolean> =>
    fs.access(path, mode).then(
      () => true,
      () => false,
    );
  const { R_OK, W_OK, X_OK } = constants;
  const executable = stats.isDirectory() ? ACCESS3_LOOKUP : ACCESS3_EXECUTE;
  const readable = (await may(R_OK)) ? ACCESS3_READ : 0;
  const writable = !isReadOnly && (await may(W_OK)) ? changes : 0;
  return readable | writable | ((await may(X_OK)) ? executable : 0);
}

async function read(
  shared: Shared,
  { file, offset, count }: { file: Uint8Array; offset: number; count: number },
): Promise<Awaited<ReturnType<PlainProgram['READ']>>> {
  const located = await locateFile(shared, file);
  const open = await shared.tree.openFile(located, constants.O_RDONLY);
  try {
    const wanted = Math.max(0, Math.min(count, transferBytesMax, Number(located.stats.size) - offset));
    const buffer = Buffer.allocUnsafeSlow(wanted);
    const { bytesRead } = wanted === 0 ? { bytesRead: 0 } : await open.read(buffer, 0, wanted, offset);
    const stats = await open.stat({ bigint: true });
    return {
      file_attributes: attributesOf(stats),
      count: bytesRead,
      eof: offset + bytesRead >= Number(stats.size),
      data: [buffer.subarray(0, bytesRead)],
    };
  } finally {
    await open.close();
  }
}

interface Page {
  readonly entries: readonly Entryplus3[];
  /** Whether nothing comes behind the entries. */
  readonly isLast: boolean;
}

interface PageWish {
  readonly listings: Listings;
  readonly directory: Located;
  readonly cookie: number;
  readonly count: number;
}

/** Names go away between the look at the directory and the look at them: those are left out. */
async function pageBehind({ tree }: Shared, { listings, directory, cookie, count }: PageWish): Promise<Page> {
  const parent = await tree.locate(bytesOf(tree.parentOf(directory.handle)));
  return tree.within(directory, async (pathOf) => {
    // The start of a list is always fresh: times of directories are too coarse to tell two changes apart.
    if (cookie === 0) listings.forget(directory);
    const names = await listings.of(directory, async () =>
      (await fs.readdir(pathOf('.'), { encoding: 'buffer' })).map(textOf),
    );
    const behind = names.filter((entry) => entry.cookie > cookie);
    const entries: Entryplus3[] = [
      entryOf({ name: '.', cookie: dotCookies['.'] }, directory),
      entryOf({ name: '..', cookie: dotCookies['..'] }, parent),
    ].filter((entry) => entry.cookie > cookie);
    const wanted = behind.slice(0, readdirEntriesMax({ count }) + 1);
    for (const { name, cookie: at } of wanted) {
      const stats = await fs.lstat(pathOf(name), { bigint: true }).catch(() => undefined);
      if (stats === undefined) continue;
      const handle = tree.seen(directory.handle, name, stats);
      entries.push(entryOf({ name, cookie: at }, { handle, stats }));
    }
    return { entries, isLast: wanted.length === behind.length };
  });
}

const entryOf = (
  { name, cookie }: ListedName,
  { handle, stats }: { handle: string; stats: BigIntStats },
): Entryplus3 => {
  const name_attributes = attributesOf(stats);
  return {
    fileid: name_attributes.fileid,
    name: bytesOf(name),
    cookie,
    name_attributes,
    name_handle: bytesOf(handle),
  };
};

function replyOf(page: Page, fitting: number): { entries: Page['entries']; eof: boolean } {
  refuseIf(fitting === 0 && page.entries.length > 0, 'NFS3ERR_TOOSMALL');
  return { entries: page.entries.slice(0, fitting), eof: page.isLast && fitting === page.entries.length };
}

/** Names of directories that are being listed, so that a long list is read and sorted once. */
class Listings {
  readonly #byHandle = new Map<string, { readonly version: string; readonly names: readonly ListedName[] }>();

  forget({ handle }: Located): void {
    this.#byHandle.delete(handle);
  }

  async of(
    { handle, stats }: Located,
    read: () => Promise<readonly string[]>,
  ): Promise<readonly ListedName[]> {
    const version = `${stats.mtimeNs} ${stats.ctimeNs}`;
    const known = this.#byHandle.get(handle);
    if (known?.version === version) return known.names;
    const names = listed(await read());
    this.#byHandle.delete(handle);
    this.#byHandle.set(handle, { version, names });
    for (const oldest of this.#byHandle.keys()) {
      if (this.#byHandle.size <= listingsMax) break;
      this.#byHandle.delete(oldest);
    }
    return names;
  }
}
