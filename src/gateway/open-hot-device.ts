import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { Config } from '../config.ts';
import type { Environment } from '../environment.ts';
import { Fault } from '../fault.ts';
import { explainInUse } from './explain-in-use.ts';
import type { Kv } from '../kv/kv.ts';
import { HOT_INITIAL_BYTES } from '../limits.ts';
import { loadNative } from '../native.ts';
import type { Scope } from '../scope.ts';
import { BLOB_TABLES } from '../tiering/hot/blob-records.ts';
import { openIdentity } from '../tiering/hot/device-identity.ts';
import { openNativeDevice, type NativeDevice } from '../tiering/hot/native-device.ts';

/**
 * The hot device that the metadata describes; a new one only where there is none and nothing is lost by that.
 * Fault(_, 'device') with a sentence for the user for any other: it stays as it is.
 */
export async function openHotDevice(
  scope: Scope,
  { data, hot }: Config,
  { kv, environment: { random, log } }: { readonly kv: Kv; readonly environment: Environment },
): Promise<NativeDevice> {
  const fresh = Buffer.from(random.bytes(16)).toString('hex');
  const { uuid, hasContent } = await openIdentity(kv, BLOB_TABLES, fresh);
  if (hasContent && (await isMissing(hot.path))) {
    const detail = `The hot device ${hot.path} is missing or empty, but the metadata in ${data} describes content on it: put it back, or say where it is with --hot-path.`;
    throw new Fault('unavailable', 'device', detail);
  }
  await requireDirectory(hot.path);
  const bytes = hot.size === 'auto' ? HOT_INITIAL_BYTES : hot.size;
  // An empty block device that comes in the place of one with content is not to pass for it.
  const made = { path: hot.path, bytes, driver: 'any', uuid: hasContent ? fresh : uuid } as const;
  const opened = openNativeDevice(loadNative(), made);
  const device = scope.own(await opened.catch(explainInUse(`The hot device ${hot.path}`, '--hot-path FILE')));
  if (device.uuid !== uuid) {
    const detail = `The hot device ${hot.path} is not the one that the metadata in ${data} describes, and is left as it is: start the two that belong together, or choose a new place with --hot-path.`;
    throw new Fault('invalid-argument', 'device', detail);
  }
  if (hot.size !== 'auto' && device.bytes() < hot.size) await device.grow(hot.size);
  if (hot.size !== 'auto' && device.bytes() > hot.size) {
    log.warn('a hot device does not shrink', { path: hot.path, bytes: device.bytes(), wanted: hot.size });
  }
  return device;
}

async function requireDirectory(file: string): Promise<void> {
  const directory = path.dirname(file);
  const found = await stat(directory).catch(() => undefined);
  if (found?.isDirectory() === true) return;
  const detail = `There is no directory ${directory} for the hot device: make it, or choose another place with --hot-path FILE.`;
  throw new Fault('unavailable', 'device', detail);
}

/** Whether a regular file is there, not a block device. */
export async function isFile(path: string): Promise<boolean> {
  return (await lookAt(path))?.isFile() === true;
}

async function isMissing(path: string): Promise<boolean> {
  const found = await lookAt(path);
  return found === undefined || (found.isFile() && found.size === 0);
}

async function lookAt(path: string): Promise<Stats | undefined> {
  return stat(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return undefined;
    throw cause;
  });
}
