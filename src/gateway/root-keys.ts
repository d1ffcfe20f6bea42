import { constants } from 'node:fs';
import { open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Random } from '../environment.ts';
import { Fault } from '../fault.ts';

export interface RootKeys {
  readonly accessKey: string;
  readonly secretKey: string;
  /** True at the one start that made them: the only time that they are shown. */
  readonly created: boolean;
}

/** In the data directory; only its owner can read it. */
export const rootKeysFile = 'root-keys.json';
const ownerOnly = 0o600;
const accessAlphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const accessCharsRandom = 16;
/** 30 bytes are 40 characters of base64, as long as AWS's secret keys. */
const secretBytes = 30;

/** The keys that are set, else those of the data directory, else new ones, durably kept there before they are used. */
export async function openRootKeys(
  { random }: { readonly random: Random },
  directory: string,
  set: { readonly accessKey?: string; readonly secretKey?: string },
): Promise<RootKeys> {
  const { accessKey, secretKey } = set;
  if (accessKey !== undefined && secretKey !== undefined) return { accessKey, secretKey, created: false };
  const file = path.join(directory, rootKeysFile);
  const kept = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return undefined;
    throw cause;
  });
  if (kept !== undefined) return { ...parseKeys(file, kept), created: false };
  const made = makeKeys(random);
  await writeDurably(file, `${JSON.stringify(made, undefined, 2)}\n`);
  return { ...made, created: true };
}

function parseKeys(file: string, text: string): { accessKey: string; secretKey: string } {
  const keys = readJson(text);
  if (typeof keys?.['accessKey'] === 'string' && typeof keys['secretKey'] === 'string') {
    return { accessKey: keys['accessKey'], secretKey: keys['secretKey'] };
  }
  throw new Fault(
    'corrupt',
    'store',
    `${file} holds no keys: restore it, or remove it and the next start makes new keys`,
  );
}

function readJson(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined; // The caller says which file and what to do.
  }
}

function makeKeys(random: Random): { accessKey: string; secretKey: string } {
  const letters = Array.from(
    { length: accessCharsRandom },
    () => accessAlphabet[random.below(accessAlphabet.length)],
  );
  // Without the two characters of base64 that shells, URLs and config files stumble over.
  const secretKey = Buffer.from(random.bytes(secretBytes)).toString('base64url').replace(/[-_]/g, 'x');
  return { accessKey: `TRCE${letters.join('')}`, secretKey };
}

/** All of `text` or nothing, also after a power loss: write, sync, rename, sync of the directory. */
async function writeDurably(file: string, text: string): Promise<void> {
  const draft = `${file}.new`;
  // A draft that a crash left behind may have other rights.
  await rm(draft, { force: true });
  const handle = await open(draft, 'wx', ownerOnly);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(draft, file);
  const directory = await open(path.dirname(file), constants.O_RDONLY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
