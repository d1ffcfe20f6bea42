import { lengthOf } from './chunked.ts';
import type { AnswerPiece, AnswerStream, ReadAhead } from './http.ts';

/** What became of the body of an answer. */
interface Sent {
  readonly bytes: number;
  /** Why it could not be read to its end; the client that goes away is none. */
  readonly failure: unknown;
}

/** The same content, which tells at its close what became of it. */
export class SentStream implements AnswerStream {
  readonly #stream: AnswerStream;
  readonly #tell: (sent: Sent) => void;
  #bytes = 0;
  #failure: unknown;

  constructor(stream: AnswerStream, tell: (sent: Sent) => void) {
    this.#stream = stream;
    this.#tell = tell;
  }

  get length(): number {
    return this.#stream.length;
  }

  begin(readAhead: ReadAhead): Promise<void> {
    return this.#stream.begin(readAhead);
  }

  async *pieces(): AsyncIterable<AnswerPiece> {
    try {
      for await (const piece of this.#stream.pieces()) {
        this.#bytes += lengthOf(piece.parts);
        yield piece;
      }
    } catch (failure) {
      this.#failure = failure;
      throw failure;
    }
  }

  async close(): Promise<void> {
    await this.#stream.close();
    this.#tell({ bytes: this.#bytes, failure: this.#failure });
  }
}
