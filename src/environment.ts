/** A point in time as POSIX and NFS count it: seconds since the Unix epoch and nanoseconds within the second. */
export interface Time {
  readonly seconds: number;
  readonly nanoseconds: number;
}

/** Milliseconds on a clock that only moves forward. Meaningless across processes. */
export type MonotonicMs = number & { readonly unit: 'monotonic-ms' };

export interface Clock {
  /** May jump; never use it to measure a duration. */
  wall(): Time;
  monotonic(): MonotonicMs;
  /** Resolves after `ms`, or rejects with the signal's reason when aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export interface Random {
  /** Uniform in [0, bound). `bound` is a safe integer > 0. */
  below(bound: number): number;
  bytes(length: number): Uint8Array;
}

export interface Log {
  info(event: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(event: string, fields?: Readonly<Record<string, unknown>>): void;
  error(event: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** All the non-determinism the program is allowed to see. */
export interface Environment {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}
