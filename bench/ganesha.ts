import { spawn } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { answering, freePort, stopChild, type Server } from './programs.ts';

const configuration = (port: number, mountPort: number, exported: string): string => `
NFS_CORE_PARAM {
  Bind_addr = 127.0.0.1;
  NFS_Port = ${port};
  MNT_Port = ${mountPort};
  Protocols = 3;
  Enable_NLM = false;
  Enable_RQUOTA = false;
  Enable_UDP = false;
  mount_path_pseudo = true;
}
EXPORT_DEFAULTS { SecType = sys; Transports = TCP; Protocols = 3; Squash = None; Access_Type = RW; }
EXPORT { Export_Id = 1; Path = ${exported}; Pseudo = /bench; FSAL { Name = VFS; } }
LOG { Default_Log_Level = WARN; }
`;

/** Starts NFS-Ganesha over a directory of the file system that `directory` is on. It needs a portmapper on this machine. */
export async function startGanesha(program: string, directory: string): Promise<Server> {
  const place = path.join(directory, 'ganesha');
  const exported = path.join(place, 'export');
  await mkdir(exported, { recursive: true });
  const [port, mountPort] = [await freePort(), await freePort()];
  const file = (name: string): string => path.join(place, name);
  await writeFile(file('conf'), configuration(port, mountPort, exported));
  const args = ['-F', '-f', file('conf'), '-L', file('log'), '-p', file('pid')];
  const child = spawn(program, args, { stdio: 'ignore' });
  const ended = new Promise<never>((_resolve, reject) => {
    child.once('error', reject).once('exit', () => reject(new Error('it ended at its start')));
  });
  try {
    await Promise.race([answering(port).then(() => answering(mountPort)), ended]);
  } catch (cause) {
    await stopChild(child);
    const log = await readFile(file('log'), 'utf8').catch(() => '');
    const last = log.trim().split('\n').at(-1) ?? '';
    throw new Error(`NFS-Ganesha did not start (is rpcbind running?): ${last}`, { cause });
  }
  return {
    pid: child.pid ?? 0,
    s3: '',
    nfs: { host: '127.0.0.1', port: String(port), mountPort: String(mountPort) },
    stop: () => stopChild(child),
  };
}
