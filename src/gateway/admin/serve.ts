import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Address } from '../../config/address.ts';
import type { Environment } from '../../environment.ts';
import { ADMIN_CONNECTIONS_MAX, ADMIN_HEADER_BYTES_MAX, ADMIN_REQUEST_MS_MAX } from '../../limits.ts';
import type { Closable } from '../../scope.ts';
import type { AdminSources } from './row.ts';

export interface AdminParts extends AdminSources {
  readonly address: Address;
  readonly environment: Pick<Environment, 'clock' | 'log'>;
}

/** The admin address, serving. */
export interface AdminDoor extends Closable {
  /** With the port that was taken. */
  readonly address: Address;
}

/**
 * Listens on the admin address. Rejects with the system's error when that cannot be had. What answers there is loaded and compiled for
 * the first who connects: that is a third of the work of a start.
 */
export async function openAdmin(parts: AdminParts): Promise<AdminDoor> {
  const server = createServer({
    maxHeaderSize: ADMIN_HEADER_BYTES_MAX,
    requestTimeout: ADMIN_REQUEST_MS_MAX,
  });
  server.maxConnections = ADMIN_CONNECTIONS_MAX;
  answerLazily(parts, server);
  await listening(server, parts.address);
  const { address: host, port } = server.address() as AddressInfo;
  return { address: { host, port }, close: () => closed(server) };
}

/** Requests that come before the API is there wait for it. */
function answerLazily(parts: AdminParts, server: Server): void {
  const early: [IncomingMessage, ServerResponse][] = [];
  const keep = (request: IncomingMessage, response: ServerResponse): void => {
    if (early.length < ADMIN_CONNECTIONS_MAX) early.push([request, response]);
    else request.socket.destroy();
  };
  const load = async (): Promise<void> => {
    const { adminApi } = await import('./api.ts');
    const answer = await adminApi(parts, server);
    server.off('request', keep);
    server.on('request', answer);
    for (const [request, response] of early.splice(0)) answer(request, response);
  };
  const loadAtFirst = (): void => {
    server.once('connection', () => {
      load().catch((error: unknown) => {
        parts.environment.log.error('the admin API cannot be loaded', { error });
        for (const [request] of early.splice(0)) request.socket.destroy();
        loadAtFirst();
      });
    });
  };
  server.on('request', keep);
  loadAtFirst();
}

function listening(server: Server, { host, port }: Address): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** A monitor that keeps its connection must not hold up the stop. */
function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
