import { setImmediate } from 'node:timers/promises';
import type { Entry, Kv, KvReader, Merge } from '../../src/kv/kv.ts';
import { openOptimistic, type OptimisticOptions } from '../../src/kv/optimistic.ts';
import type { KvEngine } from '../../src/kv/engine.ts';

export const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');
export const text = (value: Uint8Array | undefined): string | undefined =>
  value === undefined ? undefined : Buffer.from(value).toString('latin1');

export const everything = { start: bytes(''), end: bytes('\xff\xff\xff') };
export const between = (start: string, end: string): { start: Uint8Array; end: Uint8Array } => ({
  start: bytes(start),
  end: bytes(end),
});

/** Appends; an operand `!` deletes the row. */
const append: Merge = (_key, existing, operand) =>
  text(operand) === '!' ? undefined : Buffer.concat([existing ?? Buffer.alloc(0), operand]);

export function openAppending(engine: KvEngine, options: Partial<OptimisticOptions> = {}): Kv {
  return openOptimistic(engine, { merge: append, ...options });
}

export async function put(kv: Kv, rows: Readonly<Record<string, string>>): Promise<void> {
  await kv.transact('durable', async (tx) => {
    for (const [key, value] of Object.entries(rows)) tx.put(bytes(key), bytes(value));
  });
}

export interface Walk {
  readonly range?: { start: Uint8Array; end: Uint8Array };
  readonly reverse?: boolean;
  readonly pageEntries?: number;
}

export async function pages(reader: KvReader, walk: Walk = {}): Promise<(readonly Entry[])[]> {
  const { range = everything, reverse = false, pageEntries = 100 } = walk;
  const all: (readonly Entry[])[] = [];
  for await (const page of reader.scan(range, { reverse, pageEntries })) all.push(page);
  return all;
}

/** `key=value` of every row, in the order of the scan. */
export async function rows(reader: KvReader, walk: Walk = {}): Promise<string[]> {
  const all = (await pages(reader, walk)).flat();
  return all.map(({ key, value }) => `${text(key)}=${text(value)}`);
}

/** Lets everything run that waits for nothing but other promises, and a round of I/O. */
export async function turns(count = 3): Promise<void> {
  for (let turn = 0; turn < count; turn++) await setImmediate();
}
