import assert from 'node:assert/strict';
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

/** Every value that a label can have; any other counts as `other`, so that a client cannot grow the memory. */
export type LabelValues<Label extends string> = Readonly<Record<Label, readonly string[]>>;
export type Labels<Label extends string> = Readonly<Record<Label, string>>;

export interface MetricSpec<Label extends string> {
  /** Without the prefix `terrace_`; ends in its unit: `_seconds`, `_bytes`, `_total`. */
  readonly name: string;
  readonly help: string;
  readonly labels: LabelValues<Label>;
}

export interface CounterMetric<Label extends string> {
  add(labels: Labels<Label>, amount: number): void;
}

export interface GaugeMetric<Label extends string> {
  set(labels: Labels<Label>, value: number): void;
}

export interface HistogramMetric<Label extends string> {
  observe(labels: Labels<Label>, value: number): void;
}

const prefix = 'terrace_';
const valuesMax = 1_000;

/** What one gateway counts about itself, in the text format of Prometheus. Each gateway has its own registry. */
export class Metrics {
  readonly #registry = new Registry();

  counter<Label extends string>(spec: MetricSpec<Label>): CounterMetric<Label> {
    const counter = new Counter(this.#options(spec));
    const bounded = boundedBy(spec);
    return { add: (labels, amount) => counter.inc(bounded(labels), amount) };
  }

  gauge<Label extends string>(spec: MetricSpec<Label>): GaugeMetric<Label> {
    const gauge = new Gauge(this.#options(spec));
    const bounded = boundedBy(spec);
    return { set: (labels, value) => gauge.set(bounded(labels), value) };
  }

  /** A gauge whose values are read when somebody asks for the metrics. */
  observed<Label extends string>(spec: MetricSpec<Label>, read: (gauge: GaugeMetric<Label>) => void): void {
    const bounded = boundedBy(spec);
    const collect = (): void => read({ set: (labels, value) => gauge.set(bounded(labels), value) });
    const gauge: Gauge<Label> = new Gauge({ ...this.#options(spec), collect });
  }

  /** `buckets` are upper bounds in the metric's unit, ascending. */
  histogram<Label extends string>(
    spec: MetricSpec<Label> & { readonly buckets: readonly number[] },
  ): HistogramMetric<Label> {
    const histogram = new Histogram({ ...this.#options(spec), buckets: [...spec.buckets] });
    const bounded = boundedBy(spec);
    return { observe: (labels, value) => histogram.observe(bounded(labels), value) };
  }

  /** Adds CPU, memory, garbage collection and the lag of the event loop. Once for a process, not for a simulation. */
  observeProcess(): void {
    collectDefaultMetrics({ register: this.#registry });
  }

  /** Everything in the text format of Prometheus, and the content type of that. */
  async text(): Promise<{ readonly contentType: string; readonly body: string }> {
    return { contentType: this.#registry.contentType, body: await this.#registry.metrics() };
  }

  #options<Label extends string>({ name, help, labels }: MetricSpec<Label>) {
    return {
      name: `${prefix}${name}`,
      help,
      labelNames: Object.keys(labels) as Label[],
      registers: [this.#registry],
    };
  }
}

/** Replaces label values that were not declared. */
function boundedBy<Label extends string>({ name, labels }: MetricSpec<Label>) {
  const known = Object.entries<readonly string[]>(labels).map(([label, values]) => {
    assert(values.length <= valuesMax, `metric ${name}: label ${label} has too many values`);
    return [label as Label, new Set(values)] as const;
  });
  return (given: Labels<Label>): Record<Label, string> => {
    const bounded = {} as Record<Label, string>;
    for (const [label, values] of known) bounded[label] = values.has(given[label]) ? given[label] : 'other';
    return bounded;
  };
}
