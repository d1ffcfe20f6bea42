import { Fault } from '../fault.ts';
import { DIRTY_BYTES_MAX, DIRTY_CLIENT_BYTES_MAX, DIRTY_FILE_BYTES_MAX, DIRTY_FILES_MAX } from '../limits.ts';
import type { Ino } from './namespace.ts';
import type { OpenFile, OpenFiles } from './open-files.ts';
import type { Parts } from './parts.ts';
import { writeOut } from './write-out.ts';

/** Data that somebody wants to write. */
interface Wish {
  readonly ino: Ino;
  /** Who writes: a share of the memory is theirs. */
  readonly client: string;
  readonly bytes: number;
  /** It is written out before it is answered: its bytes are no more than the request held anyway. */
  readonly stable: boolean;
}

/**
 * Runs `keep`, which makes so many bytes more dirty, when there is room for them: a writer waits while its file, its
 * client or all together hold too much, and what holds most is written out meanwhile. Nothing else waits for room: reads,
 * names, COMMIT. Fault: that of its own file when that cannot be written out, or 'throttled' when others' cannot and hold
 * all the memory that there is: to be tried again later.
 */
export async function withRoom<Result>(
  parts: Parts,
  wish: Wish,
  keep: () => Promise<Result>,
): Promise<Result> {
  const { files } = parts;
  // Not one queue for a client: one file that is full would stop its others.
  const turn = `${wish.ino} ${wish.stable} ${wish.client}`;
  if (files.hasWaiters(turn) || tooMuch(files, wish, NONE) !== undefined) {
    await files.waiting(turn, () => makeRoom(parts, wish));
  } else files.reserve(wish);
  try {
    return await keep();
  } finally {
    files.unreserve(wish);
  }
}

const NONE: ReadonlySet<OpenFile> = new Set();

/** Resolves when the room is there and reserved. */
async function makeRoom(parts: Parts, wish: Wish): Promise<void> {
  const { files } = parts;
  const stuck = new Set<OpenFile>();
  let isReserved = false;
  const take = (): boolean => {
    files.reserve(wish);
    isReserved = true;
    return true;
  };
  while (!isReserved) {
    const victim = tooMuch(files, wish, stuck);
    if (victim === undefined) return files.reserve(wish);
    // What is in the way is on its way in, and becomes a file that can be written out; or nothing more can be done.
    if (victim === 'unknown' && files.reserved === 0)
      throw new Fault('throttled', 'inode', 'no memory for unwritten data');
    const room = files.waitForRoom(() => {
      const now = tooMuch(files, wish, stuck);
      if (now === undefined) return take();
      return victim === 'unknown' && (now !== 'unknown' || files.reserved === 0);
    });
    try {
      await (victim === 'unknown' ? room.come : Promise.race([writeOut(parts, victim.ino), room.come]));
    } catch (fault) {
      if (!(fault instanceof Fault) || victim === 'unknown') {
        if (isReserved) files.unreserve(wish);
        throw fault;
      }
      if (isReserved) return;
      // A file that is gone is forgotten, and in nobody's way.
      if (fault.code === 'stale-handle' && files.get(victim.ino) !== victim) continue;
      if (victim.ino === wish.ino) throw fault;
      stuck.add(victim);
    } finally {
      room.leave();
    }
  }
}

/** The file that must be written out before the wish is granted; `undefined`: none, 'unknown': there is no such file. */
function tooMuch(
  files: OpenFiles,
  { ino, client, bytes, stable }: Wish,
  stuck: ReadonlySet<OpenFile>,
): OpenFile | 'unknown' | undefined {
  const times = stable ? 2 : 1;
  const own = files.get(ino);
  const ownBytes = (own?.weight() ?? 0) + files.reservedFor(ino);
  // The first one is let in whatever its length: else it waited for nothing.
  if (ownBytes > 0 && ownBytes + bytes > 2 * times * DIRTY_FILE_BYTES_MAX) {
    return own !== undefined && own.weight() > 0 ? own : 'unknown';
  }
  if (files.weight + files.reserved + bytes > times * DIRTY_BYTES_MAX)
    return files.heaviest(stuck) ?? 'unknown';
  if (own === undefined && files.count >= DIRTY_FILES_MAX) return files.heaviest(stuck) ?? 'unknown';
  if (stable || files.weightOf(client) + bytes <= DIRTY_CLIENT_BYTES_MAX) return undefined;
  return files.heaviestOf(client, stuck) ?? 'unknown';
}
