import type { Listing, NamedEntry } from '../file-tree.ts';
import type { Ino } from '../namespace.ts';
import type { Folders } from './folders.ts';

/**
 * A page of a directory that may get more entries than it has: where the page would be the last one, more of them come first.
 * They sort behind all that is there, so that cookies stay good.
 */
export async function openPage<Entry extends NamedEntry>(
  folders: Pick<Folders, 'listMore'>,
  directory: Ino,
  read: () => Promise<Listing<Entry>>,
): Promise<Listing<Entry>> {
  for (;;) {
    const listing = await read();
    if (!listing.eof || !(await folders.listMore(directory))) return listing;
  }
}
