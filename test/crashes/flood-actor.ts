import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Random } from '../../src/environment.ts';
import { Loss, type Actor } from './actor.ts';
import { rootKeys } from './gateway-process.ts';
import { choose } from './step.ts';
import type { Count } from './tally.ts';

const run = promisify(execFile);

const sizes = ['4K', '16K', '17K', '64K'] as const;
const connections = 16;
/** Each is written again and again, by one connection at a time. */
const keysCount = 300;
const loadSeconds = 4;
const runMsMax = 120_000;

export interface FloodParts {
  /** The load generator `s3load`, which logs what was acknowledged and compares it (bench/ says where it comes from). */
  readonly program: string;
  readonly endpoint: () => string;
  readonly bucket: string;
  readonly directory: string;
  readonly random: Random;
  readonly done: Count;
}

/** As many PUTs as 16 connections of a fast client bring: commits and flushes are shared by many when the kill comes. */
export class FloodActor implements Actor {
  readonly #parts: FloodParts;
  /** How each round was written. */
  readonly #rounds: { readonly prefix: string; readonly log: string }[] = [];

  constructor(parts: FloodParts) {
    this.#parts = parts;
  }

  async open(): Promise<void> {
    // Its bucket is all it needs.
  }

  /** Goes on for some seconds, whether anybody answers or not: what was acknowledged is known when it ends. */
  async work(): Promise<'over' | 'cut'> {
    const { bucket, directory, random } = this.#parts;
    const prefix = `flood${this.#rounds.length}/`;
    const log = path.join(directory, `acknowledged${this.#rounds.length}`);
    this.#rounds.push({ prefix, log });
    const load = [
      '-c',
      String(connections),
      '-d',
      String(loadSeconds),
      '--warmup',
      '0',
      '--size',
      choose(random, sizes) ?? '4K',
    ];
    const keys = ['--keys', String(keysCount), '--overwrite', '--ack-log', log];
    // Its exit code is 1 when operations fail, as they do when nobody answers any more.
    await this.#run(['put', '--bucket', bucket, '--prefix', prefix, ...load, ...keys]).catch(() => undefined);
    return 'over';
  }

  async recover(): Promise<void> {
    const last = this.#rounds.at(-1);
    if (last !== undefined) await this.#check(last);
  }

  async verify(): Promise<void> {
    for (const round of this.#rounds) await this.#check(round);
  }

  async #check({ prefix, log }: { readonly prefix: string; readonly log: string }): Promise<void> {
    // It was killed before the first answer: s3load does not take a log of nothing.
    if ((await stat(log)).size === 0) return;
    const args = ['check', '--bucket', this.#parts.bucket, '--prefix', prefix, '--ack-log', log];
    const said = await this.#run(args).catch((cause: Error) => {
      throw new Loss(`s3load check of ${prefix}: ${cause.message}`);
    });
    const { ops } = JSON.parse(said) as { readonly ops: number };
    this.#parts.done.add('object of the flood compared', ops);
  }

  async #run(args: readonly string[]): Promise<string> {
    const { program, endpoint } = this.#parts;
    const keys = ['--access-key', rootKeys.accessKeyId, '--secret-key', rootKeys.secretAccessKey];
    const { stdout } = await run(program, [...args, '--endpoint', endpoint(), ...keys, '--quiet'], {
      timeout: runMsMax,
    });
    return stdout;
  }
}
