import { createServer, type AddressInfo, type Server } from 'node:net';
import { runCli } from '../../src/cli/commands.ts';
import type { Address } from '../../src/config/address.ts';
import type { Clock } from '../../src/environment.ts';
import { realClock, realRandom } from '../../src/environment-real.ts';
import type { Gateway, OpenGateway } from '../../src/gateway/gateway.ts';

export interface Given {
  readonly variables?: Readonly<Record<string, string>>;
  readonly openGateway?: OpenGateway;
  /** Each gets the function that sends a signal: when the program listens for signals, and at its ready line. */
  readonly onListening?: (signal: (name: string) => void) => void;
  readonly onReady?: (signal: (name: string) => void) => void;
  readonly monotonicMs?: () => number;
}

export interface Outcome {
  readonly code: number;
  readonly out: readonly string[];
  readonly errors: readonly string[];
  /** Lines of progress, and an empty one when it was over. */
  readonly progress: readonly string[];
  readonly events: readonly string[];
  readonly exits: readonly number[];
}

/** One command line of the program in this process; `onReady` runs at the ready line. */
export async function run(args: readonly string[], given: Given = {}): Promise<Outcome> {
  const out: string[] = [];
  const errors: string[] = [];
  const progress: string[] = [];
  const events: string[] = [];
  const exits: number[] = [];
  const listeners: ((name: string) => void)[] = [];
  const signal = (name: string): void => listeners.forEach((listener) => listener(name));
  const note = (event: string): void => void events.push(event);
  const clock = {
    ...realClock(),
    ...(given.monotonicMs && { monotonic: given.monotonicMs as Clock['monotonic'] }),
  };
  const cli = {
    version: '0.0.0-test',
    variables: given.variables ?? {},
    clock,
    out(line: string): void {
      out.push(line);
      if (line.startsWith('ready ')) given.onReady?.(signal);
    },
    error: (line: string): void => void errors.push(line),
    progress: (line: string | undefined): void => void progress.push(line ?? ''),
    onSignal(listener: (name: string) => void): void {
      listeners.push(listener);
      given.onListening?.(signal);
    },
    exit: (code: number): void => void exits.push(code),
    environment: () => ({ clock, random: realRandom, log: { info: note, warn: note, error: note } }),
    openGateway: given.openGateway ?? (() => Promise.reject(new Error('not expected to open'))),
  };
  return { code: await runCli(cli, args), out, errors, progress, events, exits };
}

/** A gateway whose three doors only listen. */
export const listeningGateway =
  (
    options: {
      readonly created?: boolean;
      readonly stopped?: Promise<unknown>;
      readonly close?: () => Promise<void>;
    } = {},
  ): OpenGateway =>
  async ({ s3, nfs, admin }): Promise<Gateway> => {
    const servers: Server[] = [];
    const close = async (): Promise<void> => {
      for (const server of servers) await new Promise((resolve) => server.close(resolve));
      await options.close?.();
    };
    const listen = ({ host, port }: Address): Promise<Address> =>
      new Promise((resolve, reject) => {
        const server = createServer().once('error', reject);
        server.listen(port, host, () => {
          servers.push(server);
          const taken = server.address() as AddressInfo;
          resolve({ host: taken.address, port: taken.port });
        });
      });
    try {
      const addresses = {
        s3: await listen(s3.address),
        nfs: await listen(nfs.address),
        admin: await listen(admin.address),
      };
      return {
        addresses,
        rootKeys: { accessKey: 'TRCEACCESS', secretKey: 'the secret key', created: options.created ?? false },
        stopped: options.stopped ?? new Promise<never>(() => undefined),
        close,
      };
    } catch (cause) {
      await close();
      throw cause;
    }
  };
