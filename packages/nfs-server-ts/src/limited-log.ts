import type { Clock, Log } from './environment.ts';

export interface LogLimits {
  /** Lines of one event in one window; what comes above it is counted. */
  readonly logLinesMax: number;
  readonly logWindowMs: number;
}

interface Window {
  readonly level: keyof Log;
  endsAt: number;
  lines: number;
  suppressed: number;
}

/** Peers decide how often most events happen: this log writes a few lines of each in a while, and then how many there were. */
export class LimitedLog implements Log {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #limits: LogLimits;
  /** By event: as many as the library has names for. */
  readonly #windows = new Map<string, Window>();

  constructor(log: Log, clock: Clock, limits: LogLimits) {
    this.#log = log;
    this.#clock = clock;
    this.#limits = limits;
  }

  warn(event: string, fields?: Readonly<Record<string, unknown>>): void {
    this.#write('warn', event, fields);
  }

  error(event: string, fields?: Readonly<Record<string, unknown>>): void {
    this.#write('error', event, fields);
  }

  /** Says what was left out of windows that are over. To be called now and then. */
  sweep(now: number): void {
    for (const [event, window] of this.#windows) {
      if (now < window.endsAt) continue;
      this.#windows.delete(event);
      if (window.suppressed > 0) this.#log[window.level](event, { suppressed: window.suppressed });
    }
  }

  #write(level: keyof Log, event: string, fields: Readonly<Record<string, unknown>> | undefined): void {
    const now = this.#clock.monotonic();
    this.sweep(now);
    const window = this.#windows.get(event) ?? {
      level,
      endsAt: now + this.#limits.logWindowMs,
      lines: 0,
      suppressed: 0,
    };
    this.#windows.set(event, window);
    if (window.lines >= this.#limits.logLinesMax) window.suppressed += 1;
    else {
      window.lines += 1;
      this.#log[level](event, fields);
    }
  }
}
