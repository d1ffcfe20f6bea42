import { opaqueBytes } from './xdr.ts';

const wordBytes = 4;
const hyperBytes = 8;
const fattr3Bytes = 84;
const cookieverfBytes = 8;
/** Status, attributes of the directory, cookie verifier, end of the list, end of the directory. */
const frameBytes = wordBytes + (wordBytes + fattr3Bytes) + cookieverfBytes + wordBytes + wordBytes;

/** An entry3 behind the word that says that it follows (RFC 1813 §3.3.16). */
const entry3Bytes = (nameLength: number): number =>
  wordBytes + hyperBytes + opaqueBytes(nameLength) + hyperBytes;
/** An entryplus3 with attributes and handle (RFC 1813 §3.3.17). */
const entryplus3Bytes = (nameLength: number, handleLength: number): number =>
  entry3Bytes(nameLength) + (wordBytes + fattr3Bytes) + wordBytes + opaqueBytes(handleLength);
/** What READDIRPLUS counts in dircount: name, fileid and cookie. */
const dirBytes = (nameLength: number): number => hyperBytes + opaqueBytes(nameLength) + hyperBytes;

interface Named {
  readonly name: Uint8Array;
}

/** What a READDIRPLUS call allows, and how long the backend's handles are, all in bytes. */
export interface PlusBudget {
  readonly dircount: number;
  readonly maxcount: number;
  readonly handleLength: number;
}

/** How many of the entries go into a READDIR reply of at most `count` bytes. 0 of some: NFS3ERR_TOOSMALL. */
export function fitReaddir(entries: readonly Named[], { count }: { count: number }): number {
  let bytesLeft = count - frameBytes;
  let fitting = 0;
  for (const { name } of entries) {
    bytesLeft -= entry3Bytes(name.length);
    if (bytesLeft < 0) break;
    fitting += 1;
  }
  return fitting;
}

/**
 * How many of the entries go into a READDIRPLUS reply: `maxcount` covers the whole reply, `dircount` names, fileids and cookies
 * (RFC 1813 §3.3.17). One entry may exceed dircount, which is a hint; none may exceed maxcount. 0 of some: NFS3ERR_TOOSMALL.
 */
export function fitReaddirplus(
  entries: readonly Named[],
  { dircount, maxcount, handleLength }: PlusBudget,
): number {
  let replyBytesLeft = maxcount - frameBytes;
  let dirBytesLeft = dircount;
  let fitting = 0;
  for (const { name } of entries) {
    replyBytesLeft -= entryplus3Bytes(name.length, handleLength);
    dirBytesLeft -= dirBytes(name.length);
    if (replyBytesLeft < 0 || (dirBytesLeft < 0 && fitting > 0)) break;
    fitting += 1;
  }
  return fitting;
}

/** How many entries a backend needs to look up: what fits when all names are as short as they can be; at least one. */
export const readdirEntriesMax = ({ count }: { count: number }): number =>
  Math.max(1, Math.floor((count - frameBytes) / entry3Bytes(1)));
export const readdirplusEntriesMax = ({ dircount, maxcount, handleLength }: PlusBudget): number => {
  const byReply = Math.floor((maxcount - frameBytes) / entryplus3Bytes(1, handleLength));
  return Math.max(1, Math.min(byReply, Math.floor(dircount / dirBytes(1))));
};
