#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { directoryBackend } from './directory.ts';
import { memoryBackend } from './memory.ts';
import { listen } from './tcp.ts';

const usage = `Serves a directory, or a tree in memory, over NFSv3.

  nfs-server-ts [DIR] [--port N] [--host ADDRESS] [--memory] [--read-only]

DIR          what is served; the current directory unless given
--memory     an empty tree in memory instead, gone with the process
--port N     2049 unless given; 0: any free one
--host       127.0.0.1 unless given. Whoever can connect may do what the user of this process may do below DIR
--read-only  refuses every change
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    port: { type: 'string', default: '2049' },
    host: { type: 'string', default: '127.0.0.1' },
    memory: { type: 'boolean', default: false },
    'read-only': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

async function run(): Promise<void> {
  const port = Number(values.port);
  const isWrong =
    positionals.length > (values.memory ? 0 : 1) || !/^\d{1,5}$/.test(values.port) || port > 65_535;
  if (values.help || isWrong) {
    (values.help ? process.stdout : process.stderr).write(usage);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  const isReadOnly = values['read-only'];
  const backend = values.memory
    ? memoryBackend()
    : await directoryBackend(positionals[0] ?? '.', { isReadOnly });
  const server = await listen(backend, { host: values.host, port });
  const { address, port: bound } = server.address;
  const options = `vers=3,proto=tcp,mountproto=tcp,nolock,port=${bound},mountport=${bound}`;
  process.stdout.write(`mount -t nfs -o ${options} ${address}:/ /mnt\n`);
  const stop = (): void => void server.close();
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

await run().catch((failure: unknown) => {
  process.stderr.write(`nfs-server-ts: ${failure instanceof Error ? failure.message : String(failure)}\n`);
  process.exitCode = 1;
});
