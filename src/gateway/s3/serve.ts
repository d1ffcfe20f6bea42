import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Clock } from '../../environment.ts';
import { BODY_DRAIN_BYTES_MAX, HTTP_HEADER_BYTES_MAX, HTTP_PIPELINED_MAX } from '../../limits.ts';
import type { Closable } from '../../scope.ts';
import type { AnswerStream, HttpAnswer, HttpHandler } from './http.ts';
import { NodeBody } from './node-body.ts';

export interface ServeOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly handler: HttpHandler;
  readonly clock: Clock;
  /** A client that has not sent its whole header section by then is cut off. */
  readonly headersMsMax: number;
  /** A connection on which nothing moves in the middle of a body, either way, is given up. */
  readonly idleMsMax: number;
  /** How long a connection is kept for the next request. */
  readonly keepAliveMsMax: number;
  /** How long `close` waits for requests under way. */
  readonly drainMsMax: number;
}

export interface Serving extends Closable {
  readonly host: string;
  readonly port: number;
  /** Stops accepting, lets requests under way finish, then cuts what is left. */
  close(): Promise<void>;
}

/** Listens with node:http and turns its requests into calls of the handler. */
export async function serve(options: ServeOptions): Promise<Serving> {
  const front = new Front(options);
  const address = await front.listen();
  return { host: address.address, port: address.port, close: () => front.close() };
}

/** One request and its answer on a connection. */
interface Exchange {
  readonly request: IncomingMessage;
  readonly body: NodeBody;
  readonly response: ServerResponse;
  isWriting: boolean;
}

class Front {
  readonly #options: ServeOptions;
  readonly #server: Server;
  /** Of each connection with any, in the order sent: the first is under way, the others wait for it. */
  readonly #exchanges = new Map<Socket, Exchange[]>();
  readonly #sockets = new Set<Socket>();
  readonly #closing = new AbortController();

  constructor(options: ServeOptions) {
    this.#options = options;
    const server = createServer({
      maxHeaderSize: HTTP_HEADER_BYTES_MAX,
      headersTimeout: options.headersMsMax,
      // Bodies may take hours; it is silence that ends them.
      requestTimeout: 0,
      keepAliveTimeout: options.keepAliveMsMax,
      connectionsCheckingInterval: Math.min(options.headersMsMax, 5000),
      noDelay: true,
    });
    server.timeout = options.idleMsMax;
    server.on('request', (request, response) =>
      this.#arrived(request, new NodeBody(request, undefined), response),
    );
    server.on('checkContinue', (request, response) =>
      this.#arrived(request, new NodeBody(request, response), response),
    );
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    server.on('timeout', (socket: Socket) => this.#silent(socket));
    server.on('clientError', (failure, socket) => this.#broken(failure, socket as Socket));
    this.#server = server;
  }

  async listen(): Promise<AddressInfo> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#options.port, this.#options.host, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    return this.#server.address() as AddressInfo;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    // For node:http a connection on which nothing was sent yet is in the middle of a request.
    for (const socket of this.#sockets) if (socket.bytesRead === 0) socket.destroy();
    const patience = new AbortController();
    const timer = this.#options.clock.sleep(this.#options.drainMsMax, patience.signal).then(
      () => this.#server.closeAllConnections(),
      () => undefined,
    );
    await closed;
    patience.abort();
    await timer;
  }

  /** Pipelined requests are answered one after the other, so that a connection never costs more than one answer. */
  #arrived(request: IncomingMessage, body: NodeBody, response: ServerResponse): void {
    const { socket } = request;
    const exchange: Exchange = { request, body, response, isWriting: false };
    const exchanges = this.#exchanges.get(socket);
    if (exchanges === undefined) void this.#serve(socket, exchange);
    else if (exchanges.length < HTTP_PIPELINED_MAX) exchanges.push(exchange);
    else socket.destroy();
  }

  async #serve(socket: Socket, first: Exchange): Promise<void> {
    const exchanges = [first];
    this.#exchanges.set(socket, exchanges);
    for (let next = exchanges[0]; next !== undefined && !socket.destroyed; next = exchanges[0]) {
      await this.#exchange(socket, next);
      exchanges.shift();
    }
    this.#exchanges.delete(socket);
  }

  async #exchange(socket: Socket, exchange: Exchange): Promise<void> {
    const { request, body } = exchange;
    const answer = await this.#options.handler({
      method: request.method ?? '',
      target: request.url ?? '',
      rawHeaders: request.rawHeaders,
      body,
      peer: socket.remoteAddress ?? '',
    });
    exchange.isWriting = true;
    try {
      await this.#send(exchange, answer).finally(() => closeStream(answer));
    } catch {
      // Headers may be out already: only a broken connection tells the client that the body is not whole.
      socket.destroy();
    }
  }

  async #send({ body, response }: Exchange, answer: HttpAnswer): Promise<void> {
    const isReusable = body.leftBytes() <= BODY_DRAIN_BYTES_MAX && !body.isAwaited() && !body.hasFailed();
    const isLast = this.#closing.signal.aborted || !isReusable;
    response.sendDate = false;
    const headers = isLast ? [...answer.headers, 'Connection', 'close'] : (answer.headers as string[]);
    response.writeHead(answer.status, headers);
    const isStream = typeof answer.body === 'object' && 'pieces' in answer.body;
    if (isStream) await sendPieces(response, answer.body);
    if (isReusable) {
      response.end(isStream ? undefined : answer.body);
      if (body.leftBytes() > 0) await body.discard(BODY_DRAIN_BYTES_MAX);
      // What comes next on this connection would be the rest of a body that never came.
      if (body.hasFailed()) response.req.socket.destroySoon();
      return;
    }
    // The client may still be sending: closing now would reset the connection and could take the answer with it.
    if (!isStream && answer.body !== undefined) response.write(answer.body);
    else if (!isStream) response.flushHeaders();
    if (!body.isAwaited()) await body.discard(BODY_DRAIN_BYTES_MAX);
    response.end();
  }

  /** Nothing moved on the socket for `idleMsMax`. It is the client's fault only while we wait for the client. */
  #silent(socket: Socket): void {
    const exchange = this.#exchanges.get(socket)?.[0];
    if (exchange === undefined) socket.destroy();
    else if (exchange.isWriting && exchange.response.writableNeedDrain) socket.destroy();
    else if (exchange.body.isWaiting()) exchange.body.fail('idle');
    else void this.#lookAgain(socket, exchange);
  }

  /** node:http tells of a silence once; while the gateway itself is slow, somebody must ask again. */
  async #lookAgain(socket: Socket, exchange: Exchange): Promise<void> {
    const { clock, idleMsMax } = this.#options;
    await clock.sleep(idleMsMax, this.#closing.signal).catch(() => undefined);
    if (this.#closing.signal.aborted) return;
    if (this.#exchanges.get(socket)?.[0] === exchange && !socket.destroyed) this.#silent(socket);
  }

  /** Not HTTP, too much header, or the client half-closed inside a body. */
  #broken(failure: Error & { code?: string }, socket: Socket): void {
    const exchange = this.#exchanges.get(socket)?.at(-1);
    if (exchange !== undefined) {
      exchange.body.fail(failure.code === 'HPE_INVALID_EOF_STATE' ? 'incomplete' : 'gone');
      if (failure.code !== 'HPE_INVALID_EOF_STATE') socket.destroy();
      return;
    }
    if (socket.writable) socket.end(refusals[failure.code ?? ''] ?? badRequest);
    else socket.destroy();
  }
}

async function closeStream({ body }: HttpAnswer): Promise<void> {
  if (typeof body === 'object' && 'close' in body) await body.close();
}

async function sendPieces(response: ServerResponse, stream: AnswerStream): Promise<void> {
  const { socket } = response.req;
  let left = stream.length;
  for await (const piece of stream.pieces()) {
    if (socket.destroyed) return;
    left -= piece.length;
    if (!response.write(piece)) await writable(response, socket);
  }
  assert.equal(left, 0, 'content is as long as the headers say');
}

/**
 * Resolves when more may be written, or when nobody is left to write to. That is the socket's word: an answer that still
 * waits behind an earlier one on its connection hears nothing of the end.
 */
function writable(response: ServerResponse, socket: Socket): Promise<void> {
  if (socket.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done);
      socket.off('close', done);
      resolve();
    };
    response.on('drain', done);
    socket.on('close', done);
  });
}

function rawRefusal(status: string, code: string, message: string): string {
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message></Error>`;
  const length = Buffer.byteLength(body);
  return `HTTP/1.1 ${status}\r\nContent-Type: application/xml\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n${body}`;
}

const badRequest = rawRefusal(
  '400 Bad Request',
  'BadRequest',
  'An error occurred when parsing the HTTP request.',
);

/** By code of node:http's parser. There is no request to hand to the door yet. */
const refusals: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: rawRefusal(
    '400 Bad Request',
    'RequestHeaderSectionTooLarge',
    'Your request header and query parameters exceed the maximum allowed size.',
  ),
  ERR_HTTP_REQUEST_TIMEOUT: rawRefusal(
    '400 Bad Request',
    'RequestTimeout',
    'Your socket connection to the server was not read from or written to within the timeout period. Idle connections will be closed.',
  ),
};
