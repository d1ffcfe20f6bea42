import type { Clock, Log } from '../../environment.ts';
import { NFS_GROUPS_MAX, NFS_GROUPS_STALE_MS, NFS_GROUPS_USERS_CACHED_MAX } from '../../limits/nfs.ts';
import { Remembered } from './remembered.ts';

/** Who knows the groups of users on this side. */
export interface GroupSource {
  /** Ids of all groups that the user is in; empty for one that nobody knows. Rejects when the source does not answer. */
  groupsOf(uid: number): Promise<readonly number[]>;
}

/** The groups that the config lists. */
export function listedGroups(
  users: readonly { readonly uid: number; readonly groups: readonly number[] }[],
): GroupSource {
  const byUid = new Map(users.map(({ uid, groups }) => [uid, groups]));
  return { groupsOf: (uid) => Promise.resolve(byUid.get(uid) ?? []) };
}

/** Groups by user, asked for again after a time. When the source does not answer, what was known stands in for a while. */
export class GroupBook {
  readonly #source: GroupSource;
  readonly #known: Remembered<number, readonly number[]>;

  /** `freshMs`: how long a change of groups may take to be seen. */
  constructor(
    source: GroupSource,
    { clock, log, freshMs }: { clock: Pick<Clock, 'monotonic'>; log: Pick<Log, 'warn'>; freshMs: number },
  ) {
    this.#source = source;
    this.#known = new Remembered({
      clock,
      freshMs,
      retryMs: freshMs,
      entriesMax: NFS_GROUPS_USERS_CACHED_MAX,
      staleMs: Math.max(freshMs, NFS_GROUPS_STALE_MS),
      unknown: [],
      failed: (uid, failure) => log.warn('nfs.groups-unknown', { uid, reason: String(failure) }),
    });
  }

  /** At most NFS_GROUPS_MAX. Never rejects. */
  groupsOf(uid: number): readonly number[] | Promise<readonly number[]> {
    return this.#known.get(uid, async () => (await this.#source.groupsOf(uid)).slice(0, NFS_GROUPS_MAX));
  }
}
