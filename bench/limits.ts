import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** What else does the same work on this machine, in GB/s of plain data; nothing where it is not installed. */
export interface CodecLimit {
  readonly compress: number;
  readonly decompress: number;
}

/** `zstd -b` and `lz4 -b`: the command-line programs measure themselves. */
export function codecLimit(
  program: 'zstd' | 'lz4',
  level: number,
  sample: { readonly bytes: Uint8Array; readonly blockBytes: number },
): CodecLimit | undefined {
  const directory = mkdtempSync(path.join(tmpdir(), 'terrace-bench-'));
  const file = path.join(directory, 'sample');
  // lz4 knows four lengths of blocks; 4 is 64 KiB.
  const block = program === 'zstd' ? `-B${sample.blockBytes}` : '-B4';
  try {
    writeFileSync(file, sample.bytes);
    const said = execFileSync('sh', ['-c', `${program} -b${level} -i2 ${block} "$0" 2>&1`, file], {
      encoding: 'utf8',
    });
    // Lines that show how far it is have the first of the two alone.
    const rounds = [...said.matchAll(/([\d.]+) MB\/s\s*,\s*([\d.]+) MB\/s/g)];
    const [, compress, decompress] = rounds.at(-1) ?? [];
    return compress === undefined || decompress === undefined
      ? undefined
      : { compress: Number(compress) / 1000, decompress: Number(decompress) / 1000 };
  } catch {
    // Not installed: the table then has no such limit.
    return undefined;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Encode and decode of ISA-L, compiled against the one below `prefix` (Debian's libisal-dev is in /usr). */
export function isalLimit(
  prefix: string,
  {
    data,
    parity,
    shardBytes,
  }: { readonly data: number; readonly parity: number; readonly shardBytes: number },
): { readonly encode: number; readonly decode: number } {
  const directory = mkdtempSync(path.join(tmpdir(), 'terrace-bench-'));
  const program = path.join(directory, 'isal');
  try {
    const paths = [`-I${prefix}/include`, `-L${prefix}/lib`];
    execFileSync('cc', ['-O2', ...paths, '-o', program, 'bench/isal.c', '-lisal']);
    const said = execFileSync(program, [data, parity, shardBytes].map(String), { encoding: 'utf8' });
    const [encode = 0, decode = 0] = said.trim().split('\n').map(Number);
    return { encode, decode };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
