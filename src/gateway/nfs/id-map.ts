import type { Sattr3 } from 'nfs-server-ts/attributes';
import type { ArgsOf, BackendProcedureName } from 'nfs-server-ts/nfs3';
import type { ExportRule, IdRange } from '../../config/export-rule.ts';

/** User and group ids of one rule's clients, and what they are here. Ids in no range are the same on both sides. */
export interface IdMap {
  readonly uid: Translation;
  readonly gid: Translation;
}

export interface Translation {
  toServer(id: number): number;
  toClient(id: number): number;
}

/** `undefined`: the rule maps nothing. */
export function idMapOf({ uids, gids }: Pick<ExportRule, 'uids' | 'gids'>): IdMap | undefined {
  if (uids.length === 0 && gids.length === 0) return undefined;
  return { uid: translation(uids), gid: translation(gids) };
}

function translation(ranges: readonly IdRange[]): Translation {
  return {
    toServer(id) {
      const range = ranges.find(({ client, count }) => id >= client && id < client + count);
      return range === undefined ? id : range.server + (id - range.client);
    },
    toClient(id) {
      const range = ranges.find(({ server, count }) => id >= server && id < server + count);
      return range === undefined ? id : range.client + (id - range.server);
    },
  };
}

type Wishes = { [Name in BackendProcedureName]?: (args: ArgsOf<Name>, map: Wish) => ArgsOf<Name> };
type Wish = (attributes: Sattr3) => Sattr3;

/** Where a procedure's arguments name owners. */
const wishes: Wishes = {
  SETATTR: (args, wish) => ({ ...args, new_attributes: wish(args.new_attributes) }),
  CREATE: (args, wish) =>
    args.how.mode === 'EXCLUSIVE'
      ? args
      : { ...args, how: { ...args.how, obj_attributes: wish(args.how.obj_attributes) } },
  MKDIR: (args, wish) => ({ ...args, attributes: wish(args.attributes) }),
  SYMLINK: (args, wish) => {
    const symlink_attributes = wish(args.symlink.symlink_attributes);
    return { ...args, symlink: { ...args.symlink, symlink_attributes } };
  },
  MKNOD: (args, wish) => {
    const { what } = args;
    if ('dev_attributes' in what)
      return { ...args, what: { ...what, dev_attributes: wish(what.dev_attributes) } };
    if ('pipe_attributes' in what)
      return { ...args, what: { ...what, pipe_attributes: wish(what.pipe_attributes) } };
    return args;
  },
};

/** The arguments with owners as they are here. */
export function argumentsHere(name: BackendProcedureName, args: unknown, { uid, gid }: IdMap): unknown {
  const wish: Wish = (attributes) => ({
    ...attributes,
    uid: attributes.uid === undefined ? undefined : uid.toServer(attributes.uid),
    gid: attributes.gid === undefined ? undefined : gid.toServer(attributes.gid),
  });
  // Name and arguments belong together, which the compiler cannot see through the table.
  const map = wishes[name] as ((args: unknown, wish: Wish) => unknown) | undefined;
  return map === undefined ? args : map(args, wish);
}
