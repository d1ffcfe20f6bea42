#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { runCli } from './cli/commands.ts';
import { realClock, realEnvironment } from './environment-real.ts';
import { openGateway } from './gateway/gateway.ts';

const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  readonly version: string;
};

// A reader that has gone (`terrace --help | head -1`) is no reason to end with a stack, still less for a gateway.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

/** On a terminal only: a log needs the end, not the way to it. */
function showProgress(line: string | undefined): void {
  const { stderr } = process;
  if (stderr.isTTY) stderr.write(`\r\u001b[K${line?.slice(0, stderr.columns - 1) ?? ''}`);
}

const code = await runCli(
  {
    version: manifest.version,
    variables: process.env,
    clock: realClock(),
    out: (line) => void process.stdout.write(`${line}\n`),
    error: (line) => void process.stderr.write(`${line}\n`),
    progress: showProgress,
    onSignal: (listener) => {
      for (const name of ['SIGINT', 'SIGTERM']) process.on(name, listener);
    },
    exit: (exitCode) => process.exit(exitCode),
    environment: realEnvironment,
    openGateway,
  },
  process.argv.slice(2),
);
// What is still open then (keep-alive sockets of `status`, timers) holds nothing that must be saved.
process.exit(code);
