import type { IncomingMessage, ServerResponse } from 'node:http';
import { BODY_GATHER_BYTES } from '../../limits.ts';
import { BodyBroken, type RequestBody } from './http.ts';

/** A request's body from node:http, gathered in batches; the socket is not read while a full batch waits. */
export class NodeBody implements RequestBody {
  readonly #request: IncomingMessage;
  /** Set while the client waits for `100 Continue`. */
  #continuation: ServerResponse | undefined;
  /** Bytes of Content-Length not yet received; Infinity for chunked transfer, which says so itself. */
  #left: number;
  #isOpen = false;
  #parts: Uint8Array[] = [];
  #bytes = 0;
  #failure: BodyBroken | undefined;
  #wake: (() => void) | undefined;

  constructor(request: IncomingMessage, continuation: ServerResponse | undefined) {
    this.#request = request;
    this.#continuation = continuation;
    const { headers } = request;
    this.#left =
      headers['transfer-encoding'] !== undefined ? Infinity : Number(headers['content-length'] ?? 0);
  }

  async next(): Promise<readonly Uint8Array[] | undefined> {
    if (!this.#isOpen) this.#open();
    while (this.#bytes < BODY_GATHER_BYTES && this.#left > 0 && this.#failure === undefined) {
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
    while (bytes < bytesMax && this.#failure === undefined && !this.#request.destroyed) {
      const parts = await this.next().catch(() => undefined);
      if (parts === undefined) return;
      for (const part of parts) bytes += part.length;
    }
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
  }

  #take(piece: Uint8Array): void {
    this.#parts.push(piece);
    this.#bytes += piece.length;
    this.#left -= piece.length;
    if (this.#bytes >= BODY_GATHER_BYTES) this.#request.pause();
    if (this.#bytes >= BODY_GATHER_BYTES || this.#left === 0) this.#notify();
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
