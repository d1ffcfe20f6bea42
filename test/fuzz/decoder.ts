import assert from 'node:assert/strict';
import { Fault } from '../../src/fault.ts';

/** Something that reads bytes which others may have written, or damaged. */
export interface Decoder {
  readonly name: string;
  /** What it has to accept; damaged ones are made of these. */
  readonly sound: readonly Uint8Array[];
  /** Pieces that mean something to it. */
  readonly tokens?: readonly string[];
  /** Makes the checksums of a damaged input right again, so that what lies behind them is reached. */
  readonly reseal?: (damaged: Uint8Array) => Uint8Array;
  /** It costs much: as many times fewer inputs are tried. */
  readonly cost?: number;
  readonly open: () => Promise<OpenDecoder>;
}

export interface OpenDecoder {
  /** Rejects, or throws, for what it does not accept. */
  decode(input: Uint8Array): unknown;
  /** Whether that is how it says so, rather than a mistake of its own. */
  isRefusal(failure: unknown): boolean;
  close(): Promise<void>;
}

/** One that needs nothing around it. */
export const plain = (
  name: string,
  sound: readonly (Uint8Array | string)[],
  decode: (input: Uint8Array) => unknown,
  { refusals = stored, ...more }: PlainOptions = {},
): Decoder => ({
  name,
  sound: sound.map((input) => Buffer.from(input)),
  ...more,
  open: async () => ({ decode, isRefusal: refusals, close: () => Promise.resolve() }),
});

interface PlainOptions extends Pick<Decoder, 'tokens' | 'reseal' | 'cost'> {
  readonly refusals?: (failure: unknown) => boolean;
}

/** Rows and formats of our own: what cannot be is an assertion or a fault, and never half a result. */
const stored = (failure: unknown): boolean =>
  failure instanceof assert.AssertionError || failure instanceof Fault;

export const latin1 = (input: Uint8Array): string => Buffer.from(input).toString('latin1');
export const utf8 = (input: Uint8Array): string => Buffer.from(input).toString('utf8');
