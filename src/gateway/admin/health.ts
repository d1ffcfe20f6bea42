import type { StepState } from '../../scheduler.ts';
import type { Status } from './status.ts';

/** Something that an operator should know. `note`: all is well; `critical`: data or service is in danger now. */
export interface Alert {
  readonly severity: 'note' | 'degraded' | 'critical';
  /** One sentence. */
  readonly text: string;
}

export interface HealthFacts {
  /** Why the gateway is not ready. */
  readonly unready: readonly string[];
  readonly steps: readonly StepState[];
  /** What the layers report of themselves. */
  readonly alerts: readonly Alert[];
}

/** The worst of all alerts decides; a door that does not answer is critical, failing background work is not. */
export function healthOf({ unready, steps, alerts }: HealthFacts): Status['health'] {
  const all: readonly Alert[] = [
    ...unready.map((text) => ({ severity: 'critical', text }) as const),
    ...steps
      .filter(({ isHealthy }) => !isHealthy)
      .map(({ name, failuresInRow, failure }) => ({
        severity: 'degraded' as const,
        text: `Background work ${name} failed ${failuresInRow} times in a row: ${failure ?? 'unknown'}`,
      })),
    ...alerts,
  ];
  const has = (severity: Alert['severity']): boolean => all.some((alert) => alert.severity === severity);
  const degraded = has('degraded') ? 'degraded' : 'healthy';
  return { state: has('critical') ? 'critical' : degraded, alerts: all.map(({ text }) => text) };
}
