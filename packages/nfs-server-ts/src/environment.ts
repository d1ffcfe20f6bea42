import { setTimeout as delay } from 'node:timers/promises';

/** The only sources of time and the only sink of messages that the library uses. Give your own to simulate or to log elsewhere. */
export interface Clock {
  /** Milliseconds; only moves forward. */
  monotonic(): number;
  /** Seconds since the Unix epoch and nanoseconds within the second. */
  wall(): { readonly seconds: number; readonly nanoseconds: number };
  /** Resolves after `ms`, or rejects when aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export interface Log {
  warn(event: string, fields?: Readonly<Record<string, unknown>>): void;
  error(event: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** Its sleeps do not keep the process alive. */
export const systemClock: Clock = {
  monotonic: () => performance.now(),
  wall() {
    const ms = Date.now();
    return { seconds: Math.floor(ms / 1000), nanoseconds: (ms % 1000) * 1_000_000 };
  },
  sleep: (ms, signal) => delay(ms, undefined, signal === undefined ? { ref: false } : { ref: false, signal }),
};

/** One line of JSON on standard error for each event. */
export const stderrLog: Log = {
  warn: (event, fields) => console.error(JSON.stringify({ level: 'warn', event, ...fields })),
  error: (event, fields) => console.error(JSON.stringify({ level: 'error', event, ...fields })),
};
