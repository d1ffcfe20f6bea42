import { bool, enumeration, nothing, opaque, struct, u32, u64 } from './codec.ts';
import type { Codec, Decoded } from './codec.ts';
import { nfs_fh3 } from './attributes.ts';
import { procedure } from './procedure.ts';
import type { CallContext } from './rpc.ts';

/** RFC 1813, appendix II, with the names of the X/Open NLM protocol that it extends. */
export const NLM_PROGRAM = 100021;
export const NLM_V4 = 4;
export const LM_MAXSTRLEN = 1024;
/** MAXNETOBJ_SZ. */
export const netobjBytesMax = 1024;

export const nlm4_stats = enumeration({
  NLM4_GRANTED: 0,
  NLM4_DENIED: 1,
  NLM4_DENIED_NOLOCKS: 2,
  NLM4_BLOCKED: 3,
  NLM4_DENIED_GRACE_PERIOD: 4,
  NLM4_DEADLCK: 5,
  NLM4_ROFS: 6,
  NLM4_STALE_FH: 7,
  NLM4_FBIG: 8,
  NLM4_FAILED: 9,
});
export type Nlm4Stats = Decoded<typeof nlm4_stats>;

const netobj = opaque(netobjBytesMax);
const caller_name = opaque(LM_MAXSTRLEN);

/** `svid` and `state` are signed in the specification; here they are the same 32 bits as an unsigned number. */
export interface Nlm4Holder {
  readonly exclusive: boolean;
  readonly svid: number;
  readonly oh: Uint8Array;
  readonly l_offset: number;
  readonly l_len: number;
}
export const nlm4_holder: Codec<Nlm4Holder> = struct({
  exclusive: bool,
  svid: u32,
  oh: netobj,
  l_offset: u64,
  l_len: u64,
});

/** `l_len` 0: to the end of the file, wherever that will be. */
export interface Nlm4Lock {
  readonly caller_name: Uint8Array;
  readonly fh: Uint8Array;
  readonly oh: Uint8Array;
  readonly svid: number;
  readonly l_offset: number;
  readonly l_len: number;
}
export const nlm4_lock: Codec<Nlm4Lock> = struct({
  caller_name,
  fh: nfs_fh3,
  oh: netobj,
  svid: u32,
  l_offset: u64,
  l_len: u64,
});

export type Nlm4Testrply =
  | { readonly stat: 'NLM4_DENIED'; readonly holder: Nlm4Holder }
  | { readonly stat: Exclude<Nlm4Stats, 'NLM4_DENIED'> };
export const nlm4_testrply: Codec<Nlm4Testrply> = {
  shape: { kind: 'union', tag: 'stat', arms: { NLM4_DENIED: struct({ holder: nlm4_holder }).shape } },
  read(reader) {
    const stat = nlm4_stats.read(reader);
    return stat === 'NLM4_DENIED' ? { stat, holder: nlm4_holder.read(reader) } : { stat };
  },
  write(writer, value) {
    nlm4_stats.write(writer, value.stat);
    if (value.stat === 'NLM4_DENIED') nlm4_holder.write(writer, value.holder);
  },
};

export const nlm4_res = struct({ cookie: netobj, stat: nlm4_stats });
export const nlm4_testres = struct({ cookie: netobj, test_stat: nlm4_testrply });
export const nlm4_testargs = struct({ cookie: netobj, exclusive: bool, alock: nlm4_lock });
export const nlm4_lockargs = struct({
  cookie: netobj,
  block: bool,
  exclusive: bool,
  alock: nlm4_lock,
  reclaim: bool,
  state: u32,
});
export const nlm4_cancargs = struct({ cookie: netobj, block: bool, exclusive: bool, alock: nlm4_lock });
export const nlm4_unlockargs = struct({ cookie: netobj, alock: nlm4_lock });

export const fsh4_mode = enumeration({ fsm_DN: 0, fsm_DR: 1, fsm_DW: 2, fsm_DRW: 3 });
export const fsh4_access = enumeration({ fsa_NONE: 0, fsa_R: 1, fsa_W: 2, fsa_RW: 3 });
export interface Nlm4Share {
  readonly caller_name: Uint8Array;
  readonly fh: Uint8Array;
  readonly oh: Uint8Array;
  readonly mode: Decoded<typeof fsh4_mode>;
  readonly access: Decoded<typeof fsh4_access>;
}
export const nlm4_share: Codec<Nlm4Share> = struct({
  caller_name,
  fh: nfs_fh3,
  oh: netobj,
  mode: fsh4_mode,
  access: fsh4_access,
});
export const nlm4_shareargs = struct({ cookie: netobj, share: nlm4_share, reclaim: bool });
export const nlm4_shareres = struct({ cookie: netobj, stat: nlm4_stats, sequence: u32 });
export const nlm4_notify = struct({ name: opaque(LM_MAXSTRLEN), state: u32 });

export type Nlm4Testargs = Decoded<typeof nlm4_testargs>;
export type Nlm4Lockargs = Decoded<typeof nlm4_lockargs>;
export type Nlm4Cancargs = Decoded<typeof nlm4_cancargs>;
export type Nlm4Unlockargs = Decoded<typeof nlm4_unlockargs>;
export type Nlm4Shareargs = Decoded<typeof nlm4_shareargs>;
export type Nlm4Notify = Decoded<typeof nlm4_notify>;

/**
 * Every procedure. Of the asynchronous family a `…_MSG` carries the arguments and a `…_RES`, which is a call in the other
 * direction, the result; both are answered with nothing. NULL is answered by the RPC layer.
 */
export const nlmProcedures = {
  NULL: procedure({ number: 0, args: nothing, result: nothing }),
  TEST: procedure({ number: 1, args: nlm4_testargs, result: nlm4_testres }),
  LOCK: procedure({ number: 2, args: nlm4_lockargs, result: nlm4_res }),
  CANCEL: procedure({ number: 3, args: nlm4_cancargs, result: nlm4_res }),
  UNLOCK: procedure({ number: 4, args: nlm4_unlockargs, result: nlm4_res }),
  GRANTED: procedure({ number: 5, args: nlm4_testargs, result: nlm4_res }),
  TEST_MSG: procedure({ number: 6, args: nlm4_testargs, result: nothing }),
  LOCK_MSG: procedure({ number: 7, args: nlm4_lockargs, result: nothing }),
  CANCEL_MSG: procedure({ number: 8, args: nlm4_cancargs, result: nothing }),
  UNLOCK_MSG: procedure({ number: 9, args: nlm4_unlockargs, result: nothing }),
  GRANTED_MSG: procedure({ number: 10, args: nlm4_testargs, result: nothing }),
  TEST_RES: procedure({ number: 11, args: nlm4_testres, result: nothing }),
  LOCK_RES: procedure({ number: 12, args: nlm4_res, result: nothing }),
  CANCEL_RES: procedure({ number: 13, args: nlm4_res, result: nothing }),
  UNLOCK_RES: procedure({ number: 14, args: nlm4_res, result: nothing }),
  GRANTED_RES: procedure({ number: 15, args: nlm4_res, result: nothing }),
  SHARE: procedure({ number: 20, args: nlm4_shareargs, result: nlm4_shareres }),
  UNSHARE: procedure({ number: 21, args: nlm4_shareargs, result: nlm4_shareres }),
  NM_LOCK: procedure({ number: 22, args: nlm4_lockargs, result: nlm4_res }),
  FREE_ALL: procedure({ number: 23, args: nlm4_notify, result: nothing }),
} as const;
export type NlmProcedureName = keyof typeof nlmProcedures;
export type NlmArgsOf<Name extends NlmProcedureName> = Decoded<(typeof nlmProcedures)[Name]['args']>;
export type NlmResultOf<Name extends NlmProcedureName> = Decoded<(typeof nlmProcedures)[Name]['result']>;

/** How a client wants to hear of a lock that it waited for: by the call GRANTED, or by GRANTED_MSG and GRANTED_RES. */
export type GrantForm = 'GRANTED' | 'GRANTED_MSG';

/**
 * What a program must supply so that its files can be locked. Cookies and the asynchronous forms are dealt with before it is
 * asked. Offsets and lengths above 2^53-1 arrive as 2^53-1. Byte strings are views: copy what is kept.
 */
export interface Nlm4Locks {
  /** NLM4_GRANTED: it could be had now. */
  test(call: CallContext, args: Nlm4Testargs): Promise<Nlm4Testrply>;
  /** NLM4_BLOCKED: it is queued, and `form` is how the client is to be told when it is granted. */
  lock(call: CallContext, args: Nlm4Lockargs, form: GrantForm): Promise<Nlm4Stats>;
  /** LOCK of a client that does not want to be monitored: its locks go with FREE_ALL, and not by themselves. */
  lockUnmonitored(call: CallContext, args: Nlm4Lockargs): Promise<Nlm4Stats>;
  cancel(call: CallContext, args: Nlm4Cancargs): Promise<Nlm4Stats>;
  unlock(call: CallContext, args: Nlm4Unlockargs): Promise<Nlm4Stats>;
  share(call: CallContext, args: Nlm4Shareargs): Promise<Nlm4Stats>;
  unshare(call: CallContext, args: Nlm4Shareargs): Promise<Nlm4Stats>;
  /** The client has started anew: everything that it held goes. */
  freeAll(call: CallContext, args: Nlm4Notify): Promise<void>;
}
