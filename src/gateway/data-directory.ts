import { constants } from 'node:fs';
import { access, mkdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { Fault } from '../fault.ts';

/** Nobody but the owner needs to see metadata and keys. */
const ownerOnly = 0o700;

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  EROFS: 'its file system is read-only',
  EEXIST: 'it is no directory',
  ENOENT: 'nothing can be made there',
  ENOTDIR: 'a part of the path is no directory',
  ENOSPC: 'its file system is full',
};

/** Makes the data directory where it is missing. Fault('unavailable', 'store') when it cannot be written. */
export async function openDataDirectory(directory: string): Promise<void> {
  try {
    await makeDirectory(path.resolve(directory));
    await access(directory, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    const { code = '', message } = cause as NodeJS.ErrnoException;
    const detail = `The data directory ${directory} cannot be used, ${reasons[code] ?? message}: choose another with --data DIR.`;
    throw new Fault('unavailable', 'store', detail, { cause });
  }
}

/** With its parents, from the top: Node's own recursion never ends where a file system makes no directories (/proc). */
async function makeDirectory(directory: string): Promise<void> {
  const found = await stat(directory).catch(ifAbsent);
  if (found?.isDirectory() === true) return;
  const parent = path.dirname(directory);
  if (found === undefined && parent !== directory) await makeDirectory(parent);
  await mkdir(directory, { mode: ownerOnly }).catch(async (cause: unknown) => {
    // Somebody else was faster.
    if ((await stat(directory).catch(ifAbsent))?.isDirectory() !== true) throw cause;
  });
}

function ifAbsent(cause: NodeJS.ErrnoException): undefined {
  if (cause.code === 'ENOENT') return undefined;
  throw cause;
}
