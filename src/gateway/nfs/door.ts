import type { Fattr3, WccData } from 'nfs-server-ts/attributes';
import type { ArgsOf, BackendProcedureName, FailOf, OkOf } from 'nfs-server-ts/nfs3';
import type { CallContext } from 'nfs-server-ts/rpc';
import { Fault } from '../../fault.ts';
import type { Attributes, Caller, Change, Ino } from '../../namespace/namespace.ts';
import type { FileTree } from '../../namespace/file-tree.ts';
import { fattr3Of, wccOf } from './attributes.ts';
import { Refused } from './errors.ts';
import { callerUnder, type Exports } from './exports.ts';
import type { Handles } from './handle.ts';

export interface DoorParts {
  readonly files: FileTree;
  readonly handles: Handles;
  readonly exports: Exports;
  /** RFC 1813 §2.5: one for the whole tree. */
  readonly fsid: number;
  /** 8 bytes, new with every start: UNSTABLE data that the last run did not commit is lost (RFC 1813 §3.3.7). */
  readonly writeVerifier: Uint8Array;
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
  readonly #parts: DoorParts;

  constructor(parts: DoorParts) {
    this.#parts = parts;
    this.files = parts.files;
    this.writeVerifier = parts.writeVerifier;
  }

  /** Faults: a Refused for the handle, 'access-denied' where no export rule lets the caller in. */
  async enter(call: CallContext, handle: Uint8Array): Promise<Entered> {
    const handled = this.#parts.handles.open(handle);
    if (handled === 'bad') throw new Refused('NFS3ERR_BADHANDLE');
    if (handled === 'stale') throw new Refused('NFS3ERR_STALE');
    const rule = await this.#parts.exports.rule(call.client, handled.bucket);
    if (rule === undefined) throw new Fault('access-denied', 'request', `no export rule for ${call.client}`);
    return { ino: handled.ino, caller: callerUnder(rule, call), isReadOnly: rule.access === 'ro' };
  }

  /** `enter` for a change. Faults also 'read-only'. */
  async enterToChange(call: CallContext, handle: Uint8Array): Promise<Entered> {
    const entered = await this.enter(call, handle);
    if (entered.isReadOnly) throw new Fault('read-only', 'request', `exported read-only to ${call.client}`);
    return entered;
  }

  seal({ ino, bucket }: Attributes): Uint8Array {
    return this.#parts.handles.seal({ ino, bucket });
  }

  fattr3(attributes: Attributes): Fattr3 {
    return fattr3Of(attributes, this.#parts.fsid);
  }

  wcc(change: Change): WccData {
    return wccOf(change, this.#parts.fsid);
  }
}
