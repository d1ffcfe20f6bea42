import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { DeviceIdentity } from './shard-device.ts';

/** The file that says which device a directory is; written once, as text, for people as well. */
export const MARKER_NAME = 'terrace-warm-device.json';
const FORMAT = 1;

export const markerText = ({ pool, device }: DeviceIdentity): string =>
  `${JSON.stringify({ format: FORMAT, pool, device })}\n`;

/** What the marker in a directory says: `undefined` when there is none, an identity of empty texts when it says nothing. */
export async function readMarker(directory: string): Promise<DeviceIdentity | undefined> {
  let text: string;
  try {
    text = await readFile(path.join(directory, MARKER_NAME), 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw cause;
  }
  const { pool, device } = fieldsOf(text);
  return { pool: typeof pool === 'string' ? pool : '', device: typeof device === 'string' ? device : '' };
}

/** Whether the directory is this very device. */
export async function isMarkedAs(directory: string, { pool, device }: DeviceIdentity): Promise<boolean> {
  const found = await readMarker(directory);
  return found?.pool === pool && found.device === device;
}

function fieldsOf(text: string): { readonly pool?: unknown; readonly device?: unknown } {
  try {
    return Object(JSON.parse(text)) as { readonly pool?: unknown; readonly device?: unknown };
  } catch {
    return {}; // Whatever this is, it is no device of ours.
  }
}
