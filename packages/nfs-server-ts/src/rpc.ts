import { array, opaque, struct, u32 } from './codec.ts';
import type { Peer } from './peer.ts';
import { XdrError, type XdrReader, type XdrWriter } from './xdr.ts';

/** RFC 5531 §9 and §8.2, with the RFC's names. */
export const RPC_VERSION = 2;
export const msg_type = { CALL: 0, REPLY: 1 } as const;
export const reply_stat = { MSG_ACCEPTED: 0, MSG_DENIED: 1 } as const;
export const accept_stat = {
  SUCCESS: 0,
  PROG_UNAVAIL: 1,
  PROG_MISMATCH: 2,
  PROC_UNAVAIL: 3,
  GARBAGE_ARGS: 4,
  SYSTEM_ERR: 5,
} as const;
export const reject_stat = { RPC_MISMATCH: 0, AUTH_ERROR: 1 } as const;
export const auth_stat = { AUTH_BADCRED: 1, AUTH_REJECTEDCRED: 2, AUTH_BADVERF: 3, AUTH_TOOWEAK: 5 } as const;
/** RFC 9289 §4.1 for the last. */
export const auth_flavor = { AUTH_NONE: 0, AUTH_SYS: 1, AUTH_TLS: 7 } as const;
export type AcceptStat = keyof typeof accept_stat;
export type AuthStat = keyof typeof auth_stat;

/** RFC 5531 §8.2: an opaque_auth body is at most 400 bytes. */
const authBytesMax = 400;
/** RFC 5531, appendix A. */
export const authsys_parms = struct({
  stamp: u32,
  machinename: opaque(255),
  uid: u32,
  gid: u32,
  gids: array(u32, 16),
});
/** Who AUTH_NONE calls for: the user id that means nobody. */
export const nobodyId = 65_534;
const noMachine = new Uint8Array(0);

/** Who calls, as far as the call says so: AUTH_SYS is a claim, not a proof. */
export interface CallContext {
  readonly flavor: 'AUTH_NONE' | 'AUTH_SYS';
  readonly uid: number;
  readonly gid: number;
  /** At most 16 (RFC 5531). */
  readonly groups: readonly number[];
  /** What the caller's machine calls itself; empty for AUTH_NONE. */
  readonly machine: Uint8Array;
  /** Address of the peer, without its port. */
  readonly client: string;
  readonly peer: Peer;
}

/**
 * Thrown by a program's function, it refuses the call on the RPC level (RFC 5531 §8.2): who calls may not call so. AUTH_TOOWEAK
 * says that a stronger flavor, or TLS, might help (RFC 9289 §4.1).
 */
export class AuthRefused extends Error {
  override readonly name = 'AuthRefused';
  readonly stat: AuthStat;

  constructor(stat: AuthStat) {
    super(stat);
    this.stat = stat;
  }
}

/** A call whose header is sound; the reader stands at its arguments. */
export interface Call {
  readonly xid: number;
  readonly program: number;
  readonly version: number;
  readonly procedure: number;
  readonly context: CallContext;
}

/** A message that gets the RPC layer's own answer, or none at all. */
export type Refusal =
  | { readonly kind: 'RPC_MISMATCH' }
  | { readonly kind: 'AUTH_ERROR'; readonly stat: AuthStat }
  | { readonly kind: 'accepted'; readonly stat: 'GARBAGE_ARGS' };

/** RFC 5531 §9, rpc_msg of type CALL. Faults: XdrError when it is no call, so that no answer could be matched to it. */
export function readCall(reader: XdrReader, peer: Peer): Call | { xid: number; refusal: Refusal } {
  const xid = reader.u32();
  if (reader.u32() !== msg_type.CALL) throw new XdrError('not a call');
  if (reader.left < 16) return { xid, refusal: { kind: 'accepted', stat: 'GARBAGE_ARGS' } };
  if (reader.u32() !== RPC_VERSION) return { xid, refusal: { kind: 'RPC_MISMATCH' } };
  const program = reader.u32();
  const version = reader.u32();
  const procedure = reader.u32();
  const identity = readIdentity(reader, peer, procedure);
  if (typeof identity === 'string') return { xid, refusal: { kind: 'AUTH_ERROR', stat: identity } };
  return { xid, program, version, procedure, context: identity };
}

/**
 * An AUTH_SHORT is none that this server gave away, so the client is to send the whole credential again (RFC 5531, appendix A):
 * that is AUTH_REJECTEDCRED, as for flavors that the server does not have (RPCSEC_GSS, AUTH_DH), whatever verifier they carry.
 */
function readIdentity(reader: XdrReader, peer: Peer, procedure: number): CallContext | AuthStat {
  const credential = readAuth(reader);
  if (credential === undefined) return 'AUTH_BADCRED';
  const { flavor, body } = credential;
  if (flavor === auth_flavor.AUTH_TLS) return refusalOfTls(body, procedure);
  if (flavor !== auth_flavor.AUTH_NONE && flavor !== auth_flavor.AUTH_SYS) return 'AUTH_REJECTEDCRED';
  const verifier = readAuth(reader);
  if (verifier === undefined || verifier.flavor !== auth_flavor.AUTH_NONE) return 'AUTH_BADVERF';
  const client = peer.address;
  if (flavor === auth_flavor.AUTH_NONE) {
    return {
      flavor: 'AUTH_NONE',
      uid: nobodyId,
      gid: nobodyId,
      groups: [],
      machine: noMachine,
      client,
      peer,
    };
  }
  const parms = attempt(() => authsys_parms.read(body));
  if (parms === undefined) return 'AUTH_BADCRED';
  const { uid, gid, gids, machinename } = parms;
  return { flavor: 'AUTH_SYS', uid, gid, groups: gids, machine: machinename, client, peer };
}

/** RFC 9289 §4.1: the flavor is good for an empty probe by NULL, which the connection answers itself where TLS is to be had. */
const refusalOfTls = (body: XdrReader, procedure: number): AuthStat =>
  body.left > 0 || procedure !== 0 ? 'AUTH_BADCRED' : 'AUTH_REJECTEDCRED';

function readAuth(reader: XdrReader): { flavor: number; body: XdrReader } | undefined {
  return attempt(() => ({ flavor: reader.u32(), body: reader.nested(authBytesMax) }));
}

/** `undefined` when the bytes are not what `read` wants. */
export function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (failure) {
    if (failure instanceof XdrError) return undefined;
    throw failure;
  }
}

const noVerifier = new Uint8Array(0);

/**
 * RFC 5531 §9, accepted_reply up to and with accept_stat, behind a record mark that `endRecord` fills in. The verifier is of flavor
 * AUTH_NONE.
 */
export function beginAccepted(
  writer: XdrWriter,
  xid: number,
  stat: AcceptStat,
  verifier: Uint8Array = noVerifier,
): void {
  writer.begin();
  writer.u32(0);
  writer.u32(xid);
  writer.u32(msg_type.REPLY);
  writer.u32(reply_stat.MSG_ACCEPTED);
  writer.u32(auth_flavor.AUTH_NONE);
  writer.opaque(verifier);
  writer.u32(accept_stat[stat]);
}

/** RFC 5531 §9, rejected_reply; or GARBAGE_ARGS where the header itself is cut short. */
export function writeRefusal(writer: XdrWriter, xid: number, refusal: Refusal): Uint8Array[] {
  if (refusal.kind === 'accepted') {
    beginAccepted(writer, xid, refusal.stat);
    return endRecord(writer);
  }
  writer.begin();
  writer.u32(0);
  writer.u32(xid);
  writer.u32(msg_type.REPLY);
  writer.u32(reply_stat.MSG_DENIED);
  writer.u32(reject_stat[refusal.kind]);
  if (refusal.kind === 'AUTH_ERROR') writer.u32(auth_stat[refusal.stat]);
  else {
    writer.u32(RPC_VERSION);
    writer.u32(RPC_VERSION);
  }
  return endRecord(writer);
}

/** Bytes of a record mark, and its bit that says that the record ends with this fragment (RFC 5531 §11). */
export const markBytes = 4;
export const lastFragment = 0x8000_0000;

/** Fills in the record mark that the message began with, and takes the message. */
export function endRecord(writer: XdrWriter): Uint8Array[] {
  writer.patchFirst((lastFragment | (writer.length - markBytes)) >>> 0);
  return writer.take();
}
