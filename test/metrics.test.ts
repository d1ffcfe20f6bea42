import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Metrics } from '../src/metrics.ts';

const requests = {
  name: 'requests_total',
  help: 'Requests',
  labels: { operation: ['GetObject', 'PutObject'] },
};

test('counters, gauges and histograms appear in the text format with their labels', async () => {
  const metrics = new Metrics();
  const counter = metrics.counter(requests);
  counter.add({ operation: 'GetObject' }, 2);
  counter.add({ operation: 'GetObject' }, 1);
  metrics.gauge({ name: 'open', help: 'Open', labels: {} }).set({}, 7);
  metrics.histogram({ name: 'seconds', help: 'Seconds', labels: {}, buckets: [0.1, 1] }).observe({}, 0.5);
  metrics.observed({ name: 'seen', help: 'Seen', labels: { what: ['a'] } }, (gauge) =>
    gauge.set({ what: 'a' }, 3),
  );
  const { contentType, body } = await metrics.text();
  assert.match(contentType, /^text\/plain/);
  for (const line of [
    'terrace_requests_total{operation="GetObject"} 3',
    'terrace_open 7',
    'terrace_seconds_bucket{le="1"} 1',
    'terrace_seen{what="a"} 3',
  ]) {
    assert(body.split('\n').includes(line), line);
  }
});

test('a label value that was not declared counts as other, so clients cannot grow the memory', async () => {
  const metrics = new Metrics();
  const counter = metrics.counter(requests);
  for (let index = 0; index < 100; index++) counter.add({ operation: `Invented${index}` }, 1);
  const { body } = await metrics.text();
  assert(body.includes('terrace_requests_total{operation="other"} 100'));
  assert(!body.includes('Invented'));
});

test('each gateway counts for itself', async () => {
  const [one, other] = [new Metrics(), new Metrics()];
  one.counter(requests).add({ operation: 'GetObject' }, 1);
  other.counter(requests);
  assert(!(await other.text()).body.includes('GetObject'));
});

test('the process shows its CPU, its memory and the lag of its event loop', async () => {
  const metrics = new Metrics();
  metrics.observeProcess();
  const { body } = await metrics.text();
  for (const name of [
    'process_cpu_seconds_total',
    'process_resident_memory_bytes',
    'nodejs_eventloop_lag_seconds',
  ]) {
    assert(body.includes(`\n${name} `), name);
  }
});
