import type { IncomingMessage, ServerResponse } from 'node:http';
import { BODY_GATHER_BYTES, BODY_NARROW_BYTES } from '../../limits/s3.ts';
import type { Allowance } from './allowance.ts';
import { BodyBroken, type RequestBody } from './http.ts';
import type { Pace } from './pace.ts';

export interface NodeBodyParts {
  readonly request: IncomingMessage;
  /** Where the client waits for `100 Continue`. */
  readonly continuation: ServerResponse | undefined;
  readonly allowance: Allowance;
  /** Told of what arrives. */
  readonly pace: Pace;
  /** Frees memory of which nobody looks at any byte any more; absent: the collector does. */
  readonly freeArrays?: ((arrays: readonly Uint8Array[]) => void) | undefined;
}

/**
 * A request's body from node:http, gathered in batches; the socket is not read while a full batch waits. Batches are full while
 * the allowance is wide, else narrow.
 */
export class NodeBody implements RequestBody {
  readonly #request: IncomingMessage;
  readonly #allowance: Allowance;
  readonly #pace: Pace;
  readonly #freeArrays: (arrays: readonly Uint8Array[]) => void;
  #continuation: ServerResponse | undefined;
  /** Bytes of Content-Length not yet received; for chunked transfer, which says itself when it ends, more than anybody sends. */
  #left: number;
  #isOpen = false;
  #parts: Uint8Array[] = [];
  #bytes = 0;
  /** A narrow batch is on its way, behind which whoever held a wide one has let go of it. */
  #isNarrowing = false;
  /** Nothing of it is content that is written while it comes. */
  #staysNarrow = false;
  #failure: BodyBroken | undefined;
  #wake: (() => void) | undefined;

  constructor({ request, continuation, allowance, pace, freeArrays }: NodeBodyParts) {
    this.#request = request;
    this.#continuation = continuation;
    this.#allowance = allowance;
    this.#pace = pace;
    this.#freeArrays = freeArrays ?? (() => undefined);
    const { headers } = request;
    this.#left =
      headers['transfer-encoding'] !== undefined
        ? Number.MAX_SAFE_INTEGER
        : Number(headers['content-length'] ?? 0);
  }

  async next(): Promise<readonly Uint8Array[] | undefined> {
    if (!this.#isOpen) this.#open();
    if (this.#isNarrowing) this.#allowance.giveWay(this.#bytes + this.#left);
    this.#isNarrowing = this.#allowance.isWanted;
    while (this.#takesMore() && this.#left > 0 && this.#failure === undefined) {
      // A batch that was full while memory was short may grow now.
      this.#request.resume();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#bytes === 0) return undefined;
    const parts = this.#parts;
    this.#parts = [];
    this.#bytes = 0;
    this.#request.resume();
    return parts;
  }

  /** node:http makes each piece anew, in memory of its own. */
  letGo(batch: readonly Uint8Array[]): void {
    this.#freeArrays(batch);
  }

  keep(bytes: number): boolean {
    this.#staysNarrow = true;
    return this.#allowance.keep(bytes);
  }

  /** Bytes that the client has still to send. */
  leftBytes(): number {
    return this.#left;
  }

  /** The client holds its body back until `100 Continue`, which it was not sent. */
  isAwaited(): boolean {
    return this.#continuation !== undefined;
  }

  isWaiting(): boolean {
    return this.#wake !== undefined;
  }

  hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /** Ends a wait in `next`, now or later. */
  fail(how: BodyBroken['how']): void {
    this.#failure ??= new BodyBroken(how);
    this.#notify();
  }

  /** Reads on without keeping anything, until the end, `bytesMax`, or a failure. */
  async discard(bytesMax: number): Promise<void> {
    let bytes = 0;
    this.#staysNarrow = true;
    while (bytes < bytesMax && this.#failure === undefined && !this.#request.destroyed) {
      const parts = await this.next().catch(() => undefined);
      if (parts === undefined) return;
      for (const part of parts) bytes += part.length;
      this.letGo(parts);
    }
  }

  /** Whether the batch may grow: beyond the narrow one by asking for a wide allowance, which only a body does that goes on. */
  #takesMore(): boolean {
    if (this.#bytes < BODY_NARROW_BYTES) return true;
    if (this.#bytes >= BODY_GATHER_BYTES || this.#isNarrowing || this.#staysNarrow) return false;
    return this.#left > 0 && this.#allowance.widen(this.#bytes + this.#left);
  }

  #open(): void {
    this.#isOpen = true;
    if (this.#left === 0) return;
    this.#continuation?.writeContinue();
    this.#continuation = undefined;
    const request = this.#request;
    request.on('data', (piece: Uint8Array) => this.#take(piece));
    request.on('end', () => {
      this.#left = 0;
      this.#notify();
    });
    request.on('close', () => {
      if (this.#left > 0) this.fail('gone');
    });
    request.on('error', () => this.fail('gone'));
    // What ended before anybody listened says so no more.
    if (request.destroyed) this.fail('gone');
  }

  #take(piece: Uint8Array): void {
    this.#parts.push(piece);
    this.#bytes += piece.length;
    this.#left -= piece.length;
    this.#pace.moved(piece.length);
    const isFull = !this.#takesMore();
    if (isFull) this.#request.pause();
    if (isFull || this.#left === 0) this.#notify();
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
