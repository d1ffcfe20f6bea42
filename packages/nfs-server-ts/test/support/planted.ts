import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { directoryBackend } from '../../src/directory.ts';
import { memoryBackend } from '../../src/memory.ts';
import type { Backend } from '../../src/tcp.ts';
import { unchanged, type NfsClient } from './client.ts';

export const bytes = (text: string): Buffer => Buffer.from(text);

/** A directory of its own for each case, with one file of each kind in it. */
export interface Planted {
  readonly client: NfsClient;
  readonly root: Uint8Array;
  /** `file` with `content`, 7 bytes. */
  readonly file: Uint8Array;
  /** `directory`, empty. */
  readonly directory: Uint8Array;
  /** `full`, with the file `inside`. */
  readonly full: Uint8Array;
  /** `link` to `target`, which is not there. */
  readonly link: Uint8Array;
  /** Of a file that is gone. */
  readonly stale: Uint8Array;
}

export async function plant(client: NfsClient, name: string): Promise<Planted> {
  const top = await client.root('/');
  const makeDirectory = async (dir: Uint8Array, at: string): Promise<Uint8Array> =>
    (await client.ok('MKDIR', { where: { dir, name: bytes(at) }, attributes: { ...unchanged, mode: 0o755 } }))
      .obj!;
  const root = await makeDirectory(top, name);
  const makeFile = async (dir: Uint8Array, at: string): Promise<Uint8Array> => {
    const how = { mode: 'GUARDED', obj_attributes: { ...unchanged, mode: 0o640 } } as const;
    return (await client.ok('CREATE', { where: { dir, name: bytes(at) }, how })).obj!;
  };
  const file = await makeFile(root, 'file');
  await client.ok('WRITE', { file, offset: 0, count: 7, stable: 'FILE_SYNC', data: bytes('content') });
  const directory = await makeDirectory(root, 'directory');
  const full = await makeDirectory(root, 'full');
  await makeFile(full, 'inside');
  const symlink = { symlink_attributes: unchanged, symlink_data: bytes('target') };
  const link = (await client.ok('SYMLINK', { where: { dir: root, name: bytes('link') }, symlink })).obj!;
  const stale = await makeFile(root, 'gone');
  await client.ok('REMOVE', { object: { dir: root, name: bytes('gone') } });
  return { client, root, file, directory, full, link, stale };
}

/** A directory that is gone when the test ends. */
export async function temporaryDirectory(context: TestContext): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), 'nfs-server-ts-'));
  context.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** Every backend of the library: what RFC 1813 says holds for all of them. */
export const backends: Readonly<Record<string, (context: TestContext) => Promise<Backend>>> = {
  memory: () => Promise.resolve(memoryBackend()),
  directory: async (context) => directoryBackend(await temporaryDirectory(context)),
};
