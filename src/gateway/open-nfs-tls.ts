import { readFile, stat } from 'node:fs/promises';
import type { Peer } from 'nfs-server-ts/peer';
import type { TlsOptions } from 'nfs-server-ts/tcp-transport';
import { RpcTls, type TlsIdentity } from 'nfs-server-ts/tls';
import type { Config } from '../config.ts';
import type { Environment } from '../environment.ts';
import { Fault } from '../fault.ts';
import { TLS_FILE_BYTES_MAX } from '../limits.ts';
import type { Scheduler } from '../scheduler.ts';

type Files = Config['nfs']['tls'];

/**
 * TLS of the NFS door; `undefined` when no certificate is configured. A background step looks at the files every few seconds and
 * takes over what has changed, for connections that begin then; one of no use changes nothing, and shows as a failing step.
 * Fault('invalid-argument', 'request') when the files are of no use now.
 */
export async function openNfsTls(
  { nfs: { tls: files } }: Pick<Config, 'nfs'>,
  { environment: { log }, scheduler }: { environment: Pick<Environment, 'log'>; scheduler: Scheduler },
): Promise<TlsOptions | undefined> {
  if (files.certificate === undefined) return undefined;
  let seen = await stampsOf(files).catch(unusable);
  const rpcTls = await identityOf(files)
    .then((identity) => new RpcTls(identity))
    .catch(unusable);
  scheduler.start('nfs-tls', async () => {
    const stamps = await stampsOf(files);
    if (stamps === seen) return 'idle';
    rpcTls.renew(await identityOf(files));
    seen = stamps;
    log.info('nfs.tls-renewed', { certificate: files.certificate });
    return 'idle';
  });
  return { rpcTls, observe: (peer) => log.info('nfs.tls', described(peer)) };
}

/** RFC 9289 §5.2.1 names what should be shown of a peer. */
function described({ address, port, tls }: Peer): Readonly<Record<string, unknown>> {
  const { certificate } = tls ?? {};
  return { client: address, port, ...(certificate !== undefined && { ...certificate }) };
}

const unusable = (cause: Error): never => {
  throw new Fault('invalid-argument', 'request', `nfs.tls cannot be used: ${cause.message}`, { cause });
};

const pathsOf = ({ certificate, key, authorities, revoked }: Files): readonly string[] =>
  [certificate, key, authorities, revoked].filter((file) => file !== undefined);

/** What changes when a file is written or another one takes its place. */
async function stampsOf(files: Files): Promise<string> {
  const stamps = await Promise.all(pathsOf(files).map((file) => stat(file)));
  return stamps.map(({ ino, size, mtimeMs, ctimeMs }) => `${ino} ${size} ${mtimeMs} ${ctimeMs}`).join('\n');
}

async function identityOf({ certificate, key, authorities, revoked }: Files): Promise<TlsIdentity> {
  return {
    certificate: (await textOf(certificate)) ?? '',
    key: (await textOf(key)) ?? '',
    authorities: await textOf(authorities),
    revoked: await textOf(revoked),
  };
}

async function textOf(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  const { size } = await stat(file);
  if (size > TLS_FILE_BYTES_MAX) throw new Error(`${file} is longer than ${TLS_FILE_BYTES_MAX} bytes`);
  return readFile(file, 'utf8');
}
