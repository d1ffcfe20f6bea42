import assert from 'node:assert/strict';
import { test } from 'node:test';
import { healthOf, type HealthFacts } from '../../../src/gateway/admin/health.ts';

const step = { name: 'sweep', state: 'waiting', unitsDone: 1, failuresInRow: 0, isHealthy: true } as const;
const failing = {
  ...step,
  state: 'failing',
  failuresInRow: 9,
  failure: 'disk gone',
  isHealthy: false,
} as const;
const fine: HealthFacts = { unready: [], steps: [step], alerts: [] };

const cases = [
  { name: 'nothing to say is healthy', facts: fine, state: 'healthy', alerts: [] },
  {
    name: 'a step that failed once is healthy',
    facts: { ...fine, steps: [{ ...failing, isHealthy: true }] },
    state: 'healthy',
    alerts: [],
  },
  {
    name: 'a step that keeps failing is degraded',
    facts: { ...fine, steps: [step, failing] },
    state: 'degraded',
    alerts: ['Background work sweep failed 9 times in a row: disk gone'],
  },
  {
    name: 'a door that does not answer is critical',
    facts: { ...fine, unready: ['NFS does not answer'] },
    state: 'critical',
    alerts: ['NFS does not answer'],
  },
  {
    name: 'the worst alert decides and all are told',
    facts: {
      ...fine,
      alerts: [
        { severity: 'critical', text: 'The disk is full' },
        { severity: 'degraded', text: 'The disk is slow' },
      ],
    },
    state: 'critical',
    alerts: ['The disk is full', 'The disk is slow'],
  },
] as const;

for (const { name, facts, state, alerts } of cases) {
  test(name, () => assert.deepEqual(healthOf(facts), { state, alerts: [...alerts] }));
}
