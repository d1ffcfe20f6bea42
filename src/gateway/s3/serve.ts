import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Clock, Log } from '../../environment.ts';
import {
  ANSWER_AT_ONCE_BYTES_MAX,
  BODY_DRAIN_BYTES_MAX,
  BODY_WIDE_BYTES,
  CONNECTION_TOLD_MS_MAX,
  CONNECTIONS_TOLD_MAX,
  HTTP_HEADER_BYTES_MAX,
  HTTP_PIPELINED_MAX,
  KEEP_ALIVE_PROBE_MS,
  PACE_LOOK_MS,
} from '../../limits/s3.ts';
import type { Closable } from '../../scope.ts';
import { Allowance } from './allowance.ts';
import { aheadBytesMax } from './answer-width.ts';
import { BodyBudget, type BodyBudgetLimits } from './body-budget.ts';
import {
  isStream,
  type AnswerPiece,
  type AnswerStream,
  type BodyBroken,
  type HttpAnswer,
  type HttpHandler,
} from './http.ts';
import { NodeBody } from './node-body.ts';
import { Pace } from './pace.ts';
import { Places } from './places.ts';
import { badRequest, refusals, tooManyConnections } from './raw-refusals.ts';

export interface ServeOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly handler: HttpHandler;
  readonly clock: Clock;
  readonly log: Log;
  /** Whom a connection from an address is counted for. */
  readonly groupOf: (address: string) => string;
  readonly connectionsMax: number;
  readonly connectionsPerPeerMax: number;
  readonly bodies: BodyBudgetLimits;
  /** See `NodeBodyParts`. */
  readonly freeArrays?: (arrays: readonly Uint8Array[]) => void;
  /** A client that sends or takes a body more slowly is given up, after `idleMsMax` of it or more; 0: none is. */
  readonly bodyBytesPerSecondMin: number;
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
  connectionCount(): number;
  /** Of bodies, drawn on the common budget: see `BodyBudget`. */
  bodyBytesHeld(): number;
  /** Stops accepting, lets requests under way finish, then cuts what is left. */
  close(): Promise<void>;
}

/** Listens with node:http and turns its requests into calls of the handler. */
export async function serve(options: ServeOptions): Promise<Serving> {
  const front = new Front(options);
  const address = await front.listen();
  return {
    host: address.address,
    port: address.port,
    connectionCount: () => front.connectionCount,
    bodyBytesHeld: () => front.bodyBytesHeld,
    close: () => front.close(),
  };
}

/** One request and its answer on a connection. */
interface Exchange {
  readonly request: IncomingMessage;
  readonly body: NodeBody;
  readonly response: ServerResponse;
  readonly allowance: Allowance;
  /** Of the request's body, and of the answer's. */
  readonly pace: { readonly arriving: Pace; readonly leaving: Pace };
  isWriting: boolean;
}

class Front {
  readonly #options: ServeOptions;
  readonly #server: Server;
  /** Of each connection with any, in the order sent: the first is under way, the others wait for it. */
  readonly #exchanges = new Map<Socket, Exchange[]>();
  readonly #places: Places;
  readonly #budget: BodyBudget;
  /** Until when each may still read why. */
  readonly #turnedAway = new Map<Socket, number>();
  readonly #closing = new AbortController();

  constructor(options: ServeOptions) {
    this.#options = options;
    this.#places = new Places(options);
    this.#budget = new BodyBudget(options.bodies);
    const server = createServer({
      maxHeaderSize: HTTP_HEADER_BYTES_MAX,
      headersTimeout: options.headersMsMax,
      // Bodies may take hours; it is silence that ends them.
      requestTimeout: 0,
      keepAliveTimeout: options.keepAliveMsMax,
      connectionsCheckingInterval: Math.min(options.headersMsMax, 5000),
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_PROBE_MS,
    });
    server.timeout = options.idleMsMax;
    server.on('request', (request, response) => this.#arrived(request, response, undefined));
    server.on('checkContinue', (request, response) => this.#arrived(request, response, response));
    // RFC 9110 §10.1.1: what is expected besides `100-continue` may be ignored.
    server.on('checkExpectation', (request, response) => this.#arrived(request, response, undefined));
    server.on('connection', (socket: Socket) => {
      if (!this.#places.take(socket)) this.#turnAway(socket);
    });
    server.on('timeout', (socket: Socket) => this.#silent(socket));
    server.on('clientError', (failure, socket) => this.#broken(failure, socket as Socket));
    this.#server = server;
    void this.#watchPace(this.#closing.signal);
  }

  get connectionCount(): number {
    return this.#places.count;
  }

  get bodyBytesHeld(): number {
    return this.#budget.bytes;
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
    for (const socket of this.#places.sockets()) if (socket.bytesRead === 0) socket.destroy();
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
  #arrived(
    request: IncomingMessage,
    response: ServerResponse,
    continuation: ServerResponse | undefined,
  ): void {
    const { socket } = request;
    // It was turned away, and what it sends is only read so that it reads why.
    if (!this.#places.has(socket)) return void request.resume();
    const exchange = this.#begin(request, response, continuation);
    const exchanges = this.#exchanges.get(socket);
    if (exchanges === undefined) void this.#serve(socket, exchange);
    else if (exchanges.length < HTTP_PIPELINED_MAX) exchanges.push(exchange);
    else socket.destroy();
  }

  #begin(
    request: IncomingMessage,
    response: ServerResponse,
    continuation: ServerResponse | undefined,
  ): Exchange {
    const { clock, idleMsMax, bodyBytesPerSecondMin, freeArrays } = this.#options;
    const now = clock.monotonic();
    const limits = { windowMs: idleMsMax, bytesPerSecondMin: bodyBytesPerSecondMin };
    const arriving = new Pace(limits, now);
    // Of an answer it only shows when a whole piece was taken: a window is at least as long as that may take.
    const pieceMs = (1000 * BODY_WIDE_BYTES) / Math.max(1, bodyBytesPerSecondMin);
    const leaving = new Pace({ ...limits, windowMs: Math.max(idleMsMax, pieceMs) }, now);
    const allowance = new Allowance(this.#budget, this.#places.peerOf(request.socket));
    const body = new NodeBody({ request, continuation, allowance, pace: arriving, freeArrays });
    return { request, body, response, allowance, pace: { arriving, leaving }, isWriting: false };
  }

  async #serve(socket: Socket, first: Exchange): Promise<void> {
    const exchanges = [first];
    this.#exchanges.set(socket, exchanges);
    this.#places.busy(socket);
    for (let next = exchanges[0]; next !== undefined && !socket.destroyed; next = exchanges[0]) {
      await this.#exchange(socket, next);
      next.allowance.release();
      exchanges.shift();
    }
    this.#exchanges.delete(socket);
    this.#places.quiet(socket);
  }

  async #exchange(socket: Socket, exchange: Exchange): Promise<void> {
    const { request, body, allowance } = exchange;
    const http = {
      method: request.method ?? '',
      target: request.url ?? '',
      rawHeaders: request.rawHeaders,
      body,
      peer: socket.remoteAddress ?? '',
    };
    const answer = await this.#options.handler(http, (left) => aheadBytesMax(allowance, left));
    exchange.isWriting = true;
    try {
      if (isStream(answer.body)) await this.#send(exchange, answer).finally(() => closeStream(answer));
      else await this.#send(exchange, answer);
    } catch {
      // Headers are out already: only a broken connection tells the client that the body is not whole.
      socket.destroy();
    }
  }

  async #send(exchange: Exchange, answer: HttpAnswer): Promise<void> {
    const { body, response } = exchange;
    const isReusable = body.leftBytes() <= BODY_DRAIN_BYTES_MAX && !body.isAwaited() && !body.hasFailed();
    const isLast = this.#closing.signal.aborted || !isReusable;
    response.sendDate = false;
    const headers = isLast ? [...answer.headers, 'Connection', 'close'] : (answer.headers as string[]);
    response.writeHead(answer.status, headers);
    const isStreamed = isStream(answer.body);
    if (isStreamed) await sendPieces(exchange, answer.body);
    if (isReusable) {
      if (isShort(answer.body) && !response.req.socket.writableNeedDrain)
        response.end(latin1Of(answer.body), 'latin1');
      else {
        // Until it is taken the exchange goes on: what comes next on the connection waits for it.
        if (!isStreamed && answer.body !== undefined && !response.write(answer.body))
          await writable(response, response.req.socket);
        response.end();
      }
      if (body.leftBytes() > 0) await body.discard(BODY_DRAIN_BYTES_MAX);
      // What comes next on this connection would be the rest of a body that never came.
      if (body.hasFailed()) response.req.socket.destroySoon();
      return;
    }
    // The client may still be sending: closing now would reset the connection and could take the answer with it.
    if (!isStreamed && answer.body !== undefined) response.write(answer.body);
    else if (!isStreamed) response.flushHeaders();
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

  /** Whoever keeps just within every time-out would hold what its request holds for hours. */
  async #watchPace(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      await clock.sleep(PACE_LOOK_MS, signal).catch(() => undefined);
      const now = clock.monotonic();
      // Also those that wait behind others: of that time nothing is the client's.
      for (const [socket, exchanges] of this.#exchanges)
        for (const exchange of exchanges) this.#lookAtPace(socket, exchange, now);
      for (const [socket, until] of this.#turnedAway) if (now >= until) socket.destroy();
    }
  }

  #lookAtPace(socket: Socket, { body, response, pace, isWriting }: Exchange, now: number): void {
    if (pace.arriving.isTooSlow(now, body.isWaiting())) body.fail('idle');
    if (pace.leaving.isTooSlow(now, isWriting && response.writableNeedDrain)) socket.destroy();
  }

  /** AWS answers what is too much for it with 503 SlowDown; so do we, as long as that itself does not become too much. */
  #turnAway(socket: Socket): void {
    socket.on('error', () => socket.destroy());
    if (this.#turnedAway.size >= CONNECTIONS_TOLD_MAX) {
      socket.destroy();
      return;
    }
    this.#turnedAway.set(socket, this.#options.clock.monotonic() + CONNECTION_TOLD_MS_MAX);
    socket.once('close', () => this.#turnedAway.delete(socket));
    socket.end(tooManyConnections);
  }

  /** Not HTTP, too much header, or the client half-closed inside a body. */
  #broken(failure: Error & { code?: string }, socket: Socket): void {
    const exchange = this.#exchanges.get(socket)?.at(-1);
    if (exchange !== undefined) {
      const how = howBroken(failure.code);
      exchange.body.fail(how);
      // Whoever sends what is no HTTP still listens: the request under way is answered, then the connection ends.
      if (how === 'gone') socket.destroy();
      return;
    }
    if (socket.writable) socket.end(refusals[failure.code ?? ''] ?? badRequest);
    else socket.destroy();
  }
}

const isShort = (body: HttpAnswer['body']): body is Uint8Array =>
  body instanceof Uint8Array && body.length <= ANSWER_AT_ONCE_BYTES_MAX;

/** As text of one character a byte node:http sends it together with the headers, by one write without a list of pieces. */
const latin1Of = (body: Uint8Array): string =>
  Buffer.from(body.buffer, body.byteOffset, body.length).toString('latin1');

/** By code of node:http's parser, HPE_…, or of the socket. */
function howBroken(code: string | undefined): BodyBroken['how'] {
  if (code === 'HPE_INVALID_EOF_STATE') return 'incomplete';
  return code?.startsWith('HPE_') === true ? 'malformed' : 'gone';
}

async function closeStream({ body }: HttpAnswer): Promise<void> {
  if (isStream(body)) await body.close();
}

async function sendPieces(exchange: Exchange, stream: AnswerStream): Promise<void> {
  const { response, pace } = exchange;
  const { socket } = response.req;
  let left = stream.length;
  for await (const piece of stream.pieces()) {
    if (socket.destroyed) return piece.letGo();
    const { length, isTaken } = writePiece(response, piece);
    if (!isTaken) await writable(response, socket);
    left -= length;
    pace.leaving.moved(length);
  }
  assert.equal(left, 0, 'content is as long as the headers say');
}

/**
 * Writes the parts where they lie and lets go of them when the kernel has taken the last of them. Of a connection that breaks meanwhile
 * nobody knows what still looks at them: they are left to the collector.
 */
function writePiece(
  response: ServerResponse,
  { parts, letGo }: AnswerPiece,
): { readonly length: number; readonly isTaken: boolean } {
  let length = 0;
  let isTaken = true;
  for (const [index, part] of parts.entries()) {
    length += part.length;
    const written = (failure: unknown): void => {
      if (failure == null) letGo();
    };
    isTaken = index === parts.length - 1 ? response.write(part, written) : response.write(part);
  }
  return { length, isTaken };
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
