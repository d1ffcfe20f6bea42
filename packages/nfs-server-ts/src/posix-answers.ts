import type { OkOf } from './nfs3.ts';
import { refuseIf } from './refused.ts';

export const nameBytesMax = 255;
export const targetBytesMax = 4095;
export const transferBytesMax = 1_048_576;

/** Cookies stay good for ever: no verifier need tell old ones apart (RFC 1813 §3.3.16). */
export const cookieVerifier = new Uint8Array(8);

/** A cookie that came with another verifier is none of ours. */
export function checkCookie(cookie: number, verifier: Uint8Array): void {
  refuseIf(cookie !== 0 && verifier.some((byte) => byte !== 0), 'NFS3ERR_BAD_COOKIE');
}

/** What can be the name of a file. */
export function checkName(name: Uint8Array): void {
  refuseIf(name.length > nameBytesMax, 'NFS3ERR_NAMETOOLONG');
  // RFC 1813 §3.2 for the empty name; the others can be no name either.
  refuseIf(name.length === 0 || name.includes(0) || name.includes(0x2f), 'NFS3ERR_ACCES');
}

export const isDot = (name: Uint8Array): boolean => name.length === 1 && name[0] === 0x2e;
export const isDotDot = (name: Uint8Array): boolean =>
  name.length === 2 && name[0] === 0x2e && name[1] === 0x2e;

/** What may be made, removed or renamed: `.` and `..` may not. */
export function checkNewName(name: Uint8Array): void {
  checkName(name);
  refuseIf(isDot(name) || isDotDot(name), 'NFS3ERR_INVAL');
}

/** RFC 1813 §3.3.20, but for the attributes. */
export const pathconf: Omit<OkOf<'PATHCONF'>, 'obj_attributes'> = {
  linkmax: 65_000,
  name_max: nameBytesMax,
  no_trunc: true,
  chown_restricted: true,
  case_insensitive: false,
  case_preserving: true,
};
