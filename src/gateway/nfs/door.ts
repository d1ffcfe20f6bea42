import type { Fattr3, WccData } from 'nfs-server-ts/attributes';
import type { ArgsOf, BackendProcedureName, FailOf, OkOf } from 'nfs-server-ts/nfs3';
import type { CallContext } from 'nfs-server-ts/rpc';
import type { ExportRule } from '../../config/export-rule.ts';
import { Fault } from '../../fault.ts';
import type { Attributes, Caller, Change, Ino } from '../../namespace/namespace.ts';
import type { FileTree } from '../../namespace/file-tree.ts';
import { fattr3Of, wccOf } from './attributes.ts';
import { Refused } from './errors.ts';
import { callerInGroups, callerUnder } from './callers.ts';
import { requirePort, requireSecurity, type Exports } from './exports.ts';
import type { GroupBook } from './groups.ts';
import type { Handled, Handles } from './handle.ts';
import { idMapOf, type IdMap } from './id-map.ts';

export interface DoorParts {
  readonly files: FileTree;
  readonly handles: Handles;
  readonly exports: Exports;
  /** `undefined`: the groups that calls name are believed. */
  readonly groups: GroupBook | undefined;
  /** RFC 1813 §2.5: one for the whole tree. */
  readonly fsid: number;
  /** 8 bytes, new with every start: UNSTABLE data that the last run did not commit is lost (RFC 1813 §3.3.7). */
  readonly writeVerifier: Uint8Array;
  /** Hears of a file whose content somebody wants to read and must be brought back first. */
  readonly wanted: (ino: Ino) => void;
}

/** A handle that the caller may use, and who the caller is there. */
export interface Entered {
  readonly ino: Ino;
  readonly caller: Caller;
  readonly isReadOnly: boolean;
}

/** One procedure over the tree. It returns the resok; what it throws becomes a status in one place. */
export interface Row<Name extends BackendProcedureName> {
  /** The handle whose attributes a failure tells. */
  subject(args: ArgsOf<Name>): Uint8Array;
  fail(after: Fattr3 | undefined): FailOf<Name>;
  /** `atSent` takes what is to be called when nobody looks at the bytes of the answer any more. */
  run(
    door: Door,
    call: CallContext,
    args: ArgsOf<Name>,
    atSent: (whenSent: () => void) => void,
  ): Promise<OkOf<Name>>;
}
export type Rows<Name extends BackendProcedureName> = { readonly [N in Name]: Row<N> };

/** What the procedures share: from handles to inodes and callers, from attributes to fattr3. */
export class Door {
  readonly files: FileTree;
  readonly writeVerifier: Uint8Array;
  /** Of the caller; `undefined`: ids are the same on both sides. */
  readonly ids: IdMap | undefined;
  readonly #parts: DoorParts;

  constructor(parts: DoorParts, ids?: IdMap) {
    this.#parts = parts;
    this.ids = ids;
    this.files = parts.files;
    this.writeVerifier = parts.writeVerifier;
  }

  /** A read has failed. JUKEBOX says that the server goes on with it by itself (RFC 1813 §2.6): it begins to. */
  readFailed(ino: Ino, failure: unknown): void {
    if (failure instanceof Fault && failure.code === 'recall-pending') this.#parts.wanted(ino);
  }

  /** Whether callers may see other ids than are kept here. */
  get mapsIds(): boolean {
    return this.#parts.exports.mapsIds;
  }

  /** The door as a caller with that handle sees it; this one when no ids are mapped for it. */
  async seenBy(call: CallContext, handle: Uint8Array): Promise<Door> {
    const handled = this.#parts.handles.open(handle);
    if (typeof handled === 'string') return this;
    const rule = await this.#parts.exports.rule(call.peer, handled.bucket);
    const ids = rule === undefined ? undefined : idMapOf(rule);
    return ids === undefined ? this : new Door(this.#parts, ids);
  }

  /**
   * Export rules are asked on every call. Faults: a Refused for the handle, 'access-denied' where no export rule lets the caller in,
   * AuthRefused where it would on a safer connection.
   */
  async enter(call: CallContext, handle: Uint8Array): Promise<Entered> {
    const { ino, bucket } = this.#handled(handle);
    const rule = await this.#parts.exports.rule(call.peer, bucket);
    if (rule === undefined) throw noRule(call);
    requireSecurity(rule, call.peer);
    return { ino, caller: await this.#caller(call, rule), isReadOnly: rule.access === 'ro' };
  }

  /** `enter` for a lock or a share, which come without TLS. */
  async enterToLock(call: CallContext, handle: Uint8Array): Promise<Entered> {
    const { ino, bucket } = this.#handled(handle);
    const rule = await this.#parts.exports.lockRule(call.peer, bucket);
    if (rule === undefined) throw noRule(call);
    requirePort(rule, call.peer);
    return { ino, caller: await this.#caller(call, rule), isReadOnly: rule.access === 'ro' };
  }

  /**
   * Whether the caller may say that its machine has started anew, which gives back all locks of its address: it needs a port that
   * only root can use, unless every rule for the address takes any port.
   */
  mayRelease(call: CallContext): Promise<boolean> {
    return this.#parts.exports.mayRelease(call.peer);
  }

  /** `enter` for a change. Faults also 'read-only'. */
  async enterToChange(call: CallContext, handle: Uint8Array): Promise<Entered> {
    const entered = await this.enter(call, handle);
    if (entered.isReadOnly) throw new Fault('read-only', 'request', `exported read-only to ${call.client}`);
    return entered;
  }

  #handled(handle: Uint8Array): Handled {
    const handled = this.#parts.handles.open(handle);
    if (handled === 'bad') throw new Refused('NFS3ERR_BADHANDLE');
    if (handled === 'stale') throw new Refused('NFS3ERR_STALE');
    return handled;
  }

  #caller(call: CallContext, rule: ExportRule): Caller | Promise<Caller> {
    const { groups } = this.#parts;
    return groups === undefined ? callerUnder(rule, call) : callerInGroups(rule, call, groups);
  }

  seal({ ino, bucket }: Attributes): Uint8Array {
    return this.#parts.handles.seal({ ino, bucket });
  }

  fattr3(attributes: Attributes): Fattr3 {
    return fattr3Of(this.#shown(attributes), this.#parts.fsid);
  }

  wcc(change: Change): WccData {
    const { before, after } = change;
    return wccOf({ before, after: this.#shown(after) }, this.#parts.fsid);
  }

  #shown(attributes: Attributes): Attributes {
    if (this.ids === undefined) return attributes;
    const { uid, gid } = this.ids;
    return { ...attributes, uid: uid.toClient(attributes.uid), gid: gid.toClient(attributes.gid) };
  }
}

const noRule = ({ client }: CallContext): Fault =>
  new Fault('access-denied', 'request', `no export rule for ${client}`);
