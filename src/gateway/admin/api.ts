import {
  fastify,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import assert from 'node:assert/strict';
import type { RequestListener, Server } from 'node:http';
import { Fault } from '../../fault.ts';
import { ACCESS_KEY_CHARS_MAX, ADMIN_BODY_BYTES_MAX } from '../../limits.ts';
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
import type { AdminParts } from './serve.ts';

/** What answers the requests of the admin API. Whose `server` it is opens and closes it. */
export async function adminApi(parts: AdminParts, server: Server): Promise<RequestListener> {
  let listener: RequestListener | undefined;
  const api = fastify({
    serverFactory: (made) => {
      listener = made;
      return server;
    },
    bodyLimit: ADMIN_BODY_BYTES_MAX,
    // A body is what it says: a member too many is a mistake, a number in quotes as well.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false } },
    routerOptions: { maxParamLength: ACCESS_KEY_CHARS_MAX },
  });
  readBytes(api);
  const { clock, log } = parts.environment;
  const { accounts, sessions } = parts;
  const signing = { clock, keys: new SigningKeys(), accounts, sessions };
  for (const row of adminRows) addRow(api, row, { sources: parts, signing });
  api.setNotFoundHandler((request, reply) =>
    refuse(reply, 404, `there is no ${request.method} ${request.url.split('?')[0]}`),
  );
  api.setErrorHandler((error: FastifyError | Fault, request, reply) => {
    const status = error instanceof Fault ? statusOf(error) : (error.statusCode ?? 500);
    if (status < 500) return refuse(reply, status, error instanceof Fault ? error.detail : error.message);
    log.error('admin call failed', { method: request.method, path: request.routeOptions.url, error });
    return refuse(reply, 500, 'this call failed; the log says why');
  });
  await api.ready();
  assert(listener !== undefined, 'a server was asked for');
  return listener;
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
