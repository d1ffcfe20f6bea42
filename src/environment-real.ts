import { randomBytes, randomInt } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { destination, pino, stdSerializers } from 'pino';
import type { Clock, Environment, Log, MonotonicMs, Random, Time } from './environment.ts';
import { SLEEP_MS_MAX } from './limits.ts';

/** Where the real clock reads; replaced in tests. */
export interface TimeSource {
  /** Whole milliseconds since the Unix epoch; may jump. */
  wallMs(): number;
  /** Milliseconds with a fraction down to nanoseconds; only moves forward. */
  monotonicMs(): number;
}

const machine: TimeSource = { wallMs: () => Date.now(), monotonicMs: () => performance.now() };

/** Beyond this the wall clock was set or has drifted away from the monotonic one, in milliseconds. */
const driftMsMax = 2;
/** A step back of less than this is drift being corrected, not a clock being set: time then stands still. */
const jumpMsMin = 1_000;

/**
 * The wall clock with the resolution of the monotonic one: an anchor of both, taken anew when they part. It never goes
 * back by less than a second, so that two changes close to each other get times in their order.
 */
export function realClock(source: TimeSource = machine): Clock {
  let anchorWallMs = source.wallMs();
  let anchorMonotonicMs = source.monotonicMs();
  let lastMs = 0;
  const wallMs = (): number => {
    const monotonic = source.monotonicMs();
    const wall = source.wallMs();
    const expected = anchorWallMs + (monotonic - anchorMonotonicMs);
    if (Math.abs(expected - wall) > driftMsMax) {
      anchorWallMs = wall;
      anchorMonotonicMs = monotonic;
    }
    const nowMs = anchorWallMs + (monotonic - anchorMonotonicMs);
    lastMs = nowMs < lastMs - jumpMsMin ? nowMs : Math.max(nowMs, lastMs);
    return lastMs;
  };
  return {
    wall: () => timeOf(wallMs()),
    monotonic: () => source.monotonicMs() as MonotonicMs,
    async sleep(ms, signal) {
      signal?.throwIfAborted();
      try {
        await wait(Math.min(ms, SLEEP_MS_MAX), undefined, signal === undefined ? {} : { signal });
      } catch (cause) {
        signal?.throwIfAborted();
        throw cause;
      }
    },
  };
}

/** The fraction is rounded to microseconds: a double that counts milliseconds since 1970 holds no more. */
function timeOf(ms: number): Time {
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanoseconds: Math.min(Math.round((ms - seconds * 1000) * 1000), 999_999) * 1000 };
}

/** `randomInt` takes ranges up to this. */
const randomIntMax = 2 ** 48 - 1;

export const realRandom: Random = {
  below(bound) {
    if (bound <= randomIntMax) return randomInt(bound);
    // Only the values below the largest multiple of `bound` keep the remainder uniform.
    const fair = 2 ** 53 - (2 ** 53 % bound);
    for (;;) {
      const bytes = randomBytes(7);
      const value = (bytes.readUIntBE(0, 1) & 0x1f) * 2 ** 48 + bytes.readUIntBE(1, 6);
      if (value < fair) return value % bound;
    }
  },
  bytes: (length) => (length <= pooledBytesMax ? drawn(length) : randomBytes(length)),
};

/** Bytes drawn from the system at once: a call into it costs more than what keys and salts need. */
const poolBytes = 4096;
const pooledBytesMax = 64;
const pool = { bytes: Buffer.alloc(0), used: 0 };

/** What is handed out is wiped from the pool: nothing else may hold what becomes a key. */
function drawn(length: number): Uint8Array {
  if (pool.used + length > pool.bytes.length) {
    pool.bytes = randomBytes(poolBytes);
    pool.used = 0;
  }
  const piece = pool.bytes.subarray(pool.used, pool.used + length);
  pool.used += length;
  const taken = Uint8Array.prototype.slice.call(piece);
  piece.fill(0);
  return taken;
}

export interface LogOptions {
  readonly level: 'info' | 'warn' | 'error' | 'silent';
  readonly format: 'auto' | 'json' | 'text';
  /** Takes whole lines; standard error when absent. */
  readonly write?: (line: string) => void;
}

/** Members that may hold a secret, at the top and one level down. */
const secrets = ['secretKey', 'secret', 'password', 'authorization', 'signature', 'token'];

/** Structured lines on standard error: `time`, `level`, `event` and the fields; errors with their stack. */
export function realLog({ level, format, write }: LogOptions): Log {
  const isText = format === 'text' || (format === 'auto' && process.stderr.isTTY);
  const standardError = destination({ fd: 2, sync: true });
  const toLine = write ?? ((line: string) => void standardError.write(line));
  const logger = pino(
    {
      level,
      base: null,
      messageKey: 'event',
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: stdSerializers.err, cause: stdSerializers.err },
      redact: { paths: secrets.flatMap((name) => [name, `*.${name}`]), censor: '********' },
    },
    { write: (line) => toLine(isText ? textOf(line) : line) },
  );
  return {
    info: (event, fields = {}) => logger.info(fields, event),
    warn: (event, fields = {}) => logger.warn(fields, event),
    error: (event, fields = {}) => logger.error(fields, event),
  };
}

/** `12:00:00.000 warn event name=value …`, for people at a terminal. */
function textOf(line: string): string {
  const { time, level, event, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const shown = Object.entries(fields).map(([name, value]) => {
    const stack = (value as { stack?: unknown } | null)?.stack;
    if (typeof stack === 'string') return `\n  ${stack.replace(/\n/g, '\n  ')}`;
    return `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`;
  });
  return `${[String(time).slice(11, 23), String(level), String(event), ...shown].join(' ')}\n`;
}

/** The environment of a gateway that serves. */
export function realEnvironment(log: LogOptions): Environment {
  return { clock: realClock(), random: realRandom, log: realLog(log) };
}
