import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** Bytes that nothing compresses. */
export function noise(length: number): Uint8Array {
  let state = 1;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state >>> 16;
  });
}

/** Text of this project, cut to a length. */
export function text(length: number): Buffer {
  const files = readdirSync('src', { recursive: true }).map((file) => path.join('src', String(file)));
  const sources = files.filter((file) => file.endsWith('.ts')).sort();
  const all = Buffer.concat(sources.map((file) => readFileSync(file)));
  return Buffer.concat(Array.from({ length: Math.ceil(length / all.length) }, () => all)).subarray(0, length);
}
