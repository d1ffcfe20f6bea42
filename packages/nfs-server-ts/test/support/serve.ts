import type { TestContext } from 'node:test';
import type { Log } from '../../src/environment.ts';
import { memoryBackend } from '../../src/memory.ts';
import { listen, type Backend, type ListenOptions, type NfsServer } from '../../src/tcp.ts';
import { NfsClient } from './client.ts';

export interface World {
  readonly server: NfsServer;
  readonly port: number;
  readonly client: NfsClient;
  /** Events that the server logged. */
  readonly logged: string[];
  /** A further connection. */
  readonly connect: () => Promise<NfsClient>;
}

/** A server on a free port of the loopback, and a client of it; both are gone when the test ends. */
export async function serve(
  context: TestContext,
  backend: Backend = memoryBackend(),
  options: Partial<ListenOptions> = {},
): Promise<World> {
  const logged: string[] = [];
  const note = (event: string): void => void logged.push(event);
  const log: Log = { warn: note, error: note };
  const server = await listen(backend, { host: '127.0.0.1', port: 0, log, ...options });
  const { port } = server.address;
  const clients: NfsClient[] = [];
  const connect = async (): Promise<NfsClient> => {
    const client = await NfsClient.connect(port);
    clients.push(client);
    return client;
  };
  context.after(async () => {
    await Promise.all(clients.map((client) => client.close()));
    await server.close();
  });
  return { server, port, client: await connect(), logged, connect };
}
