import {
  fastify,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import type { AddressInfo } from 'node:net';
import type { Address } from '../../config/address.ts';
import type { Log } from '../../environment.ts';
import {
  ADMIN_BODY_BYTES_MAX,
  ADMIN_CONNECTIONS_MAX,
  ADMIN_HEADER_BYTES_MAX,
  ADMIN_REQUEST_MS_MAX,
} from '../../limits.ts';
import type { Closable } from '../../scope.ts';
import { hasRootKeys, isLocal, type AdminKeys } from './access.ts';
import type { AdminRow, AdminSources } from './row.ts';
import { adminRows } from './rows.ts';

export interface AdminParts extends AdminSources {
  readonly address: Address;
  readonly keys: AdminKeys;
  readonly log: Log;
}

/** The admin address, serving. */
export interface AdminDoor extends Closable {
  /** With the port that was taken. */
  readonly address: Address;
}

/** Listens on the admin address. Rejects with the system's error when that cannot be had. */
export async function openAdmin(parts: AdminParts): Promise<AdminDoor> {
  const server = fastify({
    bodyLimit: ADMIN_BODY_BYTES_MAX,
    requestTimeout: ADMIN_REQUEST_MS_MAX,
    http: { maxHeaderSize: ADMIN_HEADER_BYTES_MAX },
    // A monitor that keeps its connection must not hold up the stop.
    forceCloseConnections: true,
  });
  server.server.maxConnections = ADMIN_CONNECTIONS_MAX;
  for (const row of adminRows) addRow(server, row, parts);
  server.setNotFoundHandler((request, reply) =>
    refuse(reply, 404, `there is no ${request.method} ${request.url.split('?')[0]}`),
  );
  server.setErrorHandler((error: FastifyError, request, reply) => {
    const status = error.statusCode ?? 500;
    if (status < 500) return refuse(reply, status, error.message);
    parts.log.error('admin call failed', { method: request.method, path: request.routeOptions.url, error });
    return refuse(reply, 500, 'this call failed; the log says why');
  });
  await server.listen({ host: parts.address.host, port: parts.address.port });
  const { address: host, port } = server.server.address() as AddressInfo;
  return { address: { host, port }, close: async () => void (await server.close()) };
}

function addRow(server: FastifyInstance, row: AdminRow, parts: AdminParts): void {
  server.route({
    method: row.method,
    url: row.path,
    schema: { response: row.response },
    handler: async (request, reply) => {
      if (row.access === 'local' && !mayCall(request, parts.keys)) {
        void reply.header('www-authenticate', 'Basic realm="terrace", charset="UTF-8"');
        return refuse(reply, 401, 'from another machine this call needs the root keys (HTTP Basic)');
      }
      const { status, contentType, body } = await row.handle(parts);
      return reply.code(status).type(contentType).header('cache-control', 'no-store').send(body);
    },
  });
}

function mayCall(request: FastifyRequest, keys: AdminKeys): boolean {
  const caller = { peer: request.socket.remoteAddress ?? '', headers: request.headers };
  return isLocal(caller) || hasRootKeys(caller, keys);
}

const refuse = (reply: FastifyReply, status: number, message: string): FastifyReply =>
  reply.code(status).type('application/json; charset=utf-8').send({ error: { status, message } });
