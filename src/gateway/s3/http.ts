/**
 * What the S3 door needs of an HTTP server, as plain data, so that a native front can stand in for node:http.
 * Strings carry one byte per character (latin1), as they were on the wire.
 */
export interface HttpRequest {
  readonly method: string;
  /** Path and query of the request line, still percent-encoded. */
  readonly target: string;
  /** Name, value, name, value, … in the order and case received. */
  readonly rawHeaders: readonly string[];
  readonly body: RequestBody;
  /** IP address of the other end of the connection. */
  readonly peer: string;
}

export interface RequestBody {
  /**
   * The next bytes, gathered to about 1 MiB unless the end comes first; `undefined` at the end. The first call sends
   * `100 Continue` when the client waits for it. The caller owns the pieces. Throws BodyBroken.
   */
  next(): Promise<readonly Uint8Array[] | undefined>;
  /**
   * Of what `next` gave, that nobody looks at it any more: its memory may be used again. Who never says so only costs the collector
   * some work.
   */
  letGo(batch: readonly Uint8Array[]): void;
  /**
   * Whether so many bytes more may be held in memory until the answer; else the request is one too many now. Batches are small
   * from then on, so that whoever keeps what comes can ask as it comes.
   */
  keep(bytes: number): boolean;
}

/** Why a body could not be read: the client fell silent, closed in the middle, broke HTTP's framing, or is gone altogether. */
export class BodyBroken extends Error {
  override readonly name = 'BodyBroken';
  readonly how: 'idle' | 'incomplete' | 'malformed' | 'gone';

  constructor(how: BodyBroken['how']) {
    super(`request body: ${how}`);
    this.how = how;
  }
}

/** How far ahead of the client content may be read now, with so many bytes still to go; asked before each piece. */
export type ReadAhead = (leftBytes: number) => number;

/** Bytes on their way to a client, in order; nobody changes them until they are let go. */
export interface AnswerPiece {
  readonly parts: readonly Uint8Array[];
  /** To be called once, when nobody looks at the parts any more. Who never does only costs the collector some work. */
  readonly letGo: () => void;
}

/**
 * Content that is read while it is sent. Who makes the answer begins it, while something else can still be answered. The front
 * closes it in every case, also when it never read.
 */
export interface AnswerStream {
  /** Bytes of all pieces together. */
  readonly length: number;
  /** Brings the first piece; once. Faults as a read does, and then there is nothing but to close it. */
  begin(readAhead: ReadAhead): Promise<void>;
  /** All of them; once, and after `begin`. */
  pieces(): AsyncIterable<AnswerPiece>;
  close(): Promise<void>;
}

export interface HttpAnswer {
  readonly status: number;
  /** Name, value, name, value, …; with content-length whenever there may be a body. */
  readonly headers: readonly string[];
  readonly body: string | Uint8Array | AnswerStream | undefined;
}

/** Never rejects: every failure is an answer. A streamed one has begun, by `readAhead`, when it resolves. */
export type HttpHandler = (request: HttpRequest, readAhead: ReadAhead) => Promise<HttpAnswer>;

export const isStream = (body: string | Uint8Array | AnswerStream | undefined): body is AnswerStream =>
  typeof body === 'object' && 'pieces' in body;
