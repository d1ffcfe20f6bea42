import { constants } from 'node:fs';
import { access, mkdir } from 'node:fs/promises';
import { Fault } from '../fault.ts';

/** Nobody but the owner needs to see metadata and keys. */
const ownerOnly = 0o700;

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  EROFS: 'its file system is read-only',
  EEXIST: 'it is no directory',
  ENOTDIR: 'a part of the path is no directory',
  ENOSPC: 'its file system is full',
};

/** Makes the data directory where it is missing. Fault('unavailable', 'store') when it cannot be written. */
export async function openDataDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: ownerOnly });
    await access(directory, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    const { code = '', message } = cause as NodeJS.ErrnoException;
    const detail = `The data directory ${directory} cannot be used, ${reasons[code] ?? message}: choose another with --data DIR.`;
    throw new Fault('unavailable', 'store', detail, { cause });
  }
}
