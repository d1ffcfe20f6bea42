import {
  fastify,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import type { AddressInfo } from 'node:net';
import type { Address } from '../../config/address.ts';
import type { Environment } from '../../environment.ts';
import { Fault } from '../../fault.ts';
import {
  ACCESS_KEY_CHARS_MAX,
  ADMIN_BODY_BYTES_MAX,
  ADMIN_CONNECTIONS_MAX,
  ADMIN_HEADER_BYTES_MAX,
  ADMIN_REQUEST_MS_MAX,
} from '../../limits.ts';
import type { Closable } from '../../scope.ts';
import { headerMap } from '../../signing/headers.ts';
import { algorithm, SigningKeys, type SignedRequest } from '../../signing/sigv4.ts';
import {
  needsSignature,
  refusalOf,
  resourceOf,
  unsigned,
  type AdminRefusal,
  type AdminSigning,
} from './access.ts';
import { statusOf } from './faults.ts';
import type { AdminRow, AdminSources } from './row.ts';
import { adminRows } from './rows.ts';

export interface AdminParts extends AdminSources {
  readonly address: Address;
  readonly environment: Pick<Environment, 'clock' | 'log'>;
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
  readBytes(server);
  const { clock, log } = parts.environment;
  const { accounts, sessions } = parts;
  const signing = { clock, keys: new SigningKeys(), accounts, sessions };
  for (const row of adminRows) addRow(server, row, { sources: parts, signing });
  server.setNotFoundHandler((request, reply) =>
    refuse(reply, 404, `there is no ${request.method} ${request.url.split('?')[0]}`),
  );
  server.setErrorHandler((error: FastifyError | Fault, request, reply) => {
    const status = error instanceof Fault ? statusOf(error) : (error.statusCode ?? 500);
    if (status < 500) return refuse(reply, status, error instanceof Fault ? error.detail : error.message);
    log.error('admin call failed', { method: request.method, path: request.routeOptions.url, error });
    return refuse(reply, 500, 'this call failed; the log says why');
  });
  await server.listen({ host: parts.address.host, port: parts.address.port });
  const { address: host, port } = server.server.address() as AddressInfo;
  return { address: { host, port }, close: async () => void (await server.close()) };
}

/** A body is kept as it came until its signature is checked. */
function readBytes(server: FastifyInstance): void {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body),
  );
}

interface RowParts {
  readonly sources: AdminSources;
  readonly signing: AdminSigning;
}

function addRow(server: FastifyInstance, row: AdminRow, { sources, signing }: RowParts): void {
  server.route({
    method: row.method,
    url: row.path,
    schema: {
      response: row.response,
      ...(row.params !== undefined && { params: row.params }),
      ...(row.query !== undefined && { querystring: row.query }),
      ...(row.body !== undefined && { body: row.body }),
    },
    // Before the body is read: nobody's body is read for nothing.
    onRequest: async (request, reply) => {
      const { authorization } = request.headers;
      if (authorization === undefined && mustSign(row, request)) await deny(reply, unsigned);
    },
    // Before the body is looked at: who may not call learns nothing about what a call looks like.
    preValidation: async (request, reply) => {
      const body = request.body as Buffer | undefined;
      if (mustSign(row, request)) {
        const given = { request: signedRequest(request), body: body ?? Buffer.alloc(0) };
        const peer = request.socket.remoteAddress ?? '';
        const action = `terrace:${row.name}`;
        const resource = resourceOf(sources.accounts, request.params);
        const refusal = refusalOf(signing, given, { action, resource, peer });
        if (refusal !== undefined) return deny(reply, refusal);
      }
      if (body !== undefined) request.body = await parsed(server, request, body);
    },
    handler: async (request, reply) => {
      const { status, contentType, body } = await row.handle(sources, request);
      void reply.code(status).header('cache-control', 'no-store');
      return status === 204 ? reply.send() : reply.type(contentType).send(body);
    },
  });
}

function parsed(server: FastifyInstance, request: FastifyRequest, body: Buffer): Promise<unknown> {
  const parse = server.getDefaultJsonParser('error', 'error');
  return new Promise((resolve, reject) => {
    void parse(request, body.toString('utf8'), (failure, value) =>
      failure === null ? resolve(value) : reject(failure),
    );
  });
}

const mustSign = (row: AdminRow, { socket, raw }: FastifyRequest): boolean =>
  needsSignature(row.access, { peer: socket.remoteAddress ?? '', headers: headerMap(raw.rawHeaders) });

function signedRequest({ method, raw }: FastifyRequest): SignedRequest {
  const target = raw.url ?? '/';
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  const rawQuery = mark < 0 ? '' : target.slice(mark + 1);
  return { method, path, rawQuery, headers: headerMap(raw.rawHeaders) };
}

function deny(reply: FastifyReply, { status, message }: AdminRefusal): FastifyReply {
  if (status === 401) void reply.header('www-authenticate', algorithm);
  return refuse(reply, status, message);
}

const refuse = (reply: FastifyReply, status: number, message: string): FastifyReply =>
  reply.code(status).type('application/json; charset=utf-8').send({ error: { status, message } });
