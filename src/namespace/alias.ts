import { createHash } from 'node:crypto';
import { POSIX_NAME_BYTES_MAX } from '../limits.ts';
import type { Name, PosixName } from './namespace.ts';

/**
 * How names that POSIX does not allow appear to NFS. Every entry of a directory has exactly one PosixName:
 *
 * | name | appears as |
 * |---|---|
 * | anything POSIX allows, not starting with `.s3:` | itself |
 * | empty, `.`, `..`, with a NUL byte, or starting with `.s3:` | `.s3:=` and the name, percent-encoded where it must be |
 * | a file beside a directory of the same name | `.s3:~` and the name, likewise |
 * | either of these when longer than 255 bytes | `.s3:#` and `=` or `~`, 32 hex digits of SHA-256 of the name, `-`, and its beginning |
 *
 * ADR 0002. Percent-encoded are `%`, NUL, and the dots of `.` and `..`.
 */
const ESCAPE = Buffer.from('.s3:');
const DIGEST_BYTES = 16;
const DIGEST_FORM = /^[=~][0-9a-f]{32}-/;
const DIGEST_FORM_BYTES = ESCAPE.length + 1 + 1 + DIGEST_BYTES * 2 + 1;
const PERCENT = 0x25;
const DOT = 0x2e;

/** What a PosixName asks for, before the directory is looked at. */
export type Wanted =
  | { readonly how: 'name'; readonly name: Name }
  /** Only right if that is how the entry appears: compare with `posixNameOf` after finding it. */
  | { readonly how: 'escaped'; readonly name: Name; readonly isClash: boolean }
  | { readonly how: 'digest'; readonly digest: Uint8Array; readonly isClash: boolean };

const isEscaped = (name: Uint8Array): boolean =>
  name.length >= ESCAPE.length && ESCAPE.compare(name, 0, ESCAPE.length) === 0;

const isDots = (name: Name): boolean =>
  (name.length === 1 && name[0] === DOT) || (name.length === 2 && name[0] === DOT && name[1] === DOT);

const needsEscape = (name: Name): boolean =>
  name.length === 0 ||
  name.length > POSIX_NAME_BYTES_MAX ||
  isDots(name) ||
  isEscaped(name) ||
  name.includes(0);

/** `isClash`: a file whose name a directory beside it has too. */
export function posixNameOf(name: Name, isClash: boolean): PosixName {
  if (!isClash && !needsEscape(name)) return name;
  const mark = isClash ? '~' : '=';
  const escaped = Buffer.concat([ESCAPE, Buffer.from(mark), percentEncode(name)]);
  if (escaped.length <= POSIX_NAME_BYTES_MAX) return escaped;
  const digest = Buffer.from(digestOf(name)).toString('hex');
  const beginning = percentEncode(name).subarray(0, POSIX_NAME_BYTES_MAX - DIGEST_FORM_BYTES);
  return Buffer.concat([ESCAPE, Buffer.from(`#${mark}${digest}-`), beginning]);
}

/** `undefined`: starts like an escape but is none; no entry ever appears under such a name. */
export function wantedBy(name: PosixName): Wanted | undefined {
  if (!isEscaped(name)) return { how: 'name', name };
  const rest = Buffer.from(name.subarray(ESCAPE.length));
  const form = rest.toString('latin1');
  if (form.startsWith('#') && DIGEST_FORM.test(form.slice(1))) {
    const hex = form.slice(2, 2 + DIGEST_BYTES * 2);
    return { how: 'digest', digest: Buffer.from(hex, 'hex'), isClash: form[1] === '~' };
  }
  if (form.startsWith('=') || form.startsWith('~')) {
    return { how: 'escaped', name: percentDecode(rest.subarray(1)), isClash: form.startsWith('~') };
  }
  return undefined;
}

const ESCAPED_BYTES_MAX = POSIX_NAME_BYTES_MAX - ESCAPE.length - 1;

/** Names that appear by a digest, alone or in a clash, need an `alias` row that leads back from it. */
export const needsAliasRow = (name: Name): boolean =>
  // Percent-encoding makes three bytes of one at most: short names need no closer look.
  name.length * 3 > ESCAPED_BYTES_MAX && percentEncode(name).length > ESCAPED_BYTES_MAX;

export const digestOf = (name: Name): Uint8Array =>
  createHash('sha256').update(name).digest().subarray(0, DIGEST_BYTES);

function percentEncode(name: Name): Uint8Array {
  const dots = isDots(name);
  const bytes: number[] = [];
  for (const byte of name) {
    if (byte === 0 || byte === PERCENT || dots)
      bytes.push(...Buffer.from(`%${byte.toString(16).padStart(2, '0')}`));
    else bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}

/** A percent sign that is not followed by two hex digits stays: such a name never equals the one it claims to be. */
function percentDecode(bytes: Uint8Array): Name {
  const decoded: number[] = [];
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index] ?? 0;
    const hex = Buffer.from(bytes.subarray(index + 1, index + 3)).toString('latin1');
    if (byte === PERCENT && /^[0-9a-f]{2}$/.test(hex)) {
      decoded.push(parseInt(hex, 16));
      index += 2;
    } else decoded.push(byte);
  }
  return Uint8Array.from(decoded);
}
