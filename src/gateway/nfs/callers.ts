import type { CallContext } from 'nfs-server-ts/rpc';
import type { ExportRule } from '../../config/export-rule.ts';
import type { Caller } from '../../namespace/namespace.ts';
import type { GroupBook } from './groups.ts';
import { idMapOf } from './id-map.ts';

type Claimed = Pick<CallContext, 'flavor' | 'uid' | 'gid' | 'groups' | 'client'>;

/** Who the caller is under a rule, in ids of this side. What is squashed is what the client says; then ids are mapped. */
export function callerUnder(rule: ExportRule, claimed: Claimed): Caller {
  const { anonUid, anonGid, squash } = rule;
  const { uid, gid, groups } = claimed;
  const client = { address: claimed.client, uid };
  if (isAnonymous(rule, claimed))
    return { uid: anonUid, gid: anonGid, groups: [], bypassesModes: false, client };
  const map = idMapOf(rule);
  const uidHere = map?.uid.toServer(uid) ?? uid;
  const gidHere = map?.gid.toServer(gid) ?? gid;
  const groupsHere = map === undefined ? groups : groups.map((group) => map.gid.toServer(group));
  if (squash === 'none')
    return { uid: uidHere, gid: gidHere, groups: groupsHere, bypassesModes: false, client };
  // Root of this side is squashed as well: a map must not be a way round.
  const isRoot = (index: number): boolean => groups[index] === 0 || groupsHere[index] === 0;
  return {
    uid: uid === 0 || uidHere === 0 ? anonUid : uidHere,
    gid: gid === 0 || gidHere === 0 ? anonGid : gidHere,
    groups: groupsHere.some((_, index) => isRoot(index))
      ? groupsHere.filter((_, index) => !isRoot(index))
      : groupsHere,
    bypassesModes: false,
    client,
  };
}

const isAnonymous = ({ squash }: ExportRule, { flavor }: Claimed): boolean =>
  squash === 'all' || flavor === 'AUTH_NONE';

/** `callerUnder`, with the groups that this side knows of the user in the place of the at most 16 that the call names. */
export async function callerInGroups(rule: ExportRule, claimed: Claimed, book: GroupBook): Promise<Caller> {
  const caller = callerUnder(rule, claimed);
  if (isAnonymous(rule, claimed)) return caller;
  const groups = await book.groupsOf(caller.uid);
  return { ...caller, groups: rule.squash === 'none' ? groups : groups.filter((group) => group !== 0) };
}
