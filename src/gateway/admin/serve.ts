import { fastify, type FastifyError, type FastifyInstance, type FastifyReply } from 'fastify';
import type { AddressInfo } from 'node:net';
import type { Address } from '../../config/address.ts';
import type { Log } from '../../environment.ts';
import { Fault } from '../../fault.ts';
import {
  ACCESS_KEY_CHARS_MAX,
  ADMIN_BODY_BYTES_MAX,
  ADMIN_CONNECTIONS_MAX,
  ADMIN_HEADER_BYTES_MAX,
  ADMIN_REQUEST_MS_MAX,
} from '../../limits.ts';
import type { Closable } from '../../scope.ts';
import { refusalOf } from './access.ts';
import { statusOf } from './faults.ts';
import type { AdminRow, AdminSources } from './row.ts';
import { adminRows } from './rows.ts';

export interface AdminParts extends AdminSources {
  readonly address: Address;
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
    // A body is what it says: a member too many is a mistake, a number in quotes as well.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false } },
    requestTimeout: ADMIN_REQUEST_MS_MAX,
    routerOptions: { maxParamLength: ACCESS_KEY_CHARS_MAX },
    http: { maxHeaderSize: ADMIN_HEADER_BYTES_MAX },
    // A monitor that keeps its connection must not hold up the stop.
    forceCloseConnections: true,
  });
  server.server.maxConnections = ADMIN_CONNECTIONS_MAX;
  for (const row of adminRows) addRow(server, row, parts);
  server.setNotFoundHandler((request, reply) =>
    refuse(reply, 404, `there is no ${request.method} ${request.url.split('?')[0]}`),
  );
  server.setErrorHandler((error: FastifyError | Fault, request, reply) => {
    const status = error instanceof Fault ? statusOf(error) : (error.statusCode ?? 500);
    if (status < 500) return refuse(reply, status, error instanceof Fault ? error.detail : error.message);
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
    schema: {
      response: row.response,
      ...(row.params !== undefined && { params: row.params }),
      ...(row.body !== undefined && { body: row.body }),
    },
    // Before the body is read: who may not call learns nothing about what a call looks like.
    onRequest: async (request, reply) => {
      const caller = { peer: request.socket.remoteAddress ?? '', headers: request.headers };
      const refusal = refusalOf(row.access, caller, parts.accounts);
      if (refusal === undefined) return;
      if (refusal.status === 401)
        void reply.header('www-authenticate', 'Basic realm="terrace", charset="UTF-8"');
      await refuse(reply, refusal.status, refusal.message);
    },
    handler: async (request, reply) => {
      const { status, contentType, body } = await row.handle(parts, request);
      void reply.code(status).header('cache-control', 'no-store');
      return status === 204 ? reply.send() : reply.type(contentType).send(body);
    },
  });
}

const refuse = (reply: FastifyReply, status: number, message: string): FastifyReply =>
  reply.code(status).type('application/json; charset=utf-8').send({ error: { status, message } });
