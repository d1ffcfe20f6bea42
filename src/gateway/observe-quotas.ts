import type { Metrics } from '../metrics.ts';
import type { Quota, Quotas } from '../namespace/quota/quota.ts';
import { dimensions } from '../namespace/quota/usage.ts';
import type { Alert } from './admin/health.ts';

const kinds = ['bucket', 'user', 'group'] as const;
const states = ['set', 'over_soft', 'full'] as const;

const isOverSoft = ({ overSince }: Quota): boolean =>
  dimensions.some((each) => overSince[each] !== undefined);
const isFull = (quota: Quota): boolean => dimensions.some((each) => quota.isFull[each]);

/** By kind, since a metric has a bounded number of series: `terrace quota list` tells which ones. */
export function observeQuotas(metrics: Metrics, quotas: Quotas): void {
  const help = 'Quotas that are set, exceed a soft limit, or take nothing more';
  metrics.observed({ name: 'quotas', help, labels: { kind: kinds, state: states } }, (gauge) => {
    const all = quotas.list();
    for (const kind of kinds) {
      const own = all.filter(({ subject }) => subject.kind === kind);
      gauge.set({ kind, state: 'set' }, own.length);
      gauge.set({ kind, state: 'over_soft' }, own.filter(isOverSoft).length);
      gauge.set({ kind, state: 'full' }, own.filter(isFull).length);
    }
  });
  const refusals = { name: 'quota_refusals_total', help: 'Changes that a quota refused' };
  metrics.observed({ ...refusals, labels: { kind: kinds } }, (gauge) => {
    for (const kind of kinds) gauge.set({ kind }, quotas.refusals()[kind]);
  });
}

/** Somebody should know, although the gateway is well. */
export function quotaAlerts(quotas: Quotas): readonly Alert[] {
  const over = quotas.list().filter((quota) => isOverSoft(quota) || isFull(quota)).length;
  if (over === 0) return [];
  const what = over === 1 ? 'One quota is' : `${over} quotas are`;
  return [
    { severity: 'note', text: `${what} above the soft limit or full: terrace quota list shows which.` },
  ];
}
