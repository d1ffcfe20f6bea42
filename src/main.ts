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

const code = await runCli(
  {
    version: manifest.version,
    variables: process.env,
    clock: realClock(),
    out: (line) => void process.stdout.write(`${line}\n`),
    error: (line) => void process.stderr.write(`${line}\n`),
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
