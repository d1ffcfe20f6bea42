import { formatQuantity } from '../config/quantity.ts';
import { HOT_FAILURE_SHOWN_MS } from '../limits/tiering.ts';
import type { Metrics } from '../metrics.ts';
import type { DeviceHealth } from '../tiering/hot/watched-device.ts';
import type { TieringCounts } from '../tiering/open-tiering.ts';
import type { Alert } from './admin/health.ts';
import type { Layers } from './open-layers.ts';

const operations = ['read', 'write', 'flush'] as const;

/** What the hot device is heard to fail at. */
export function observeHotDevice(
  metrics: Metrics,
  { tiering, hotHealth }: Pick<Layers, 'tiering' | 'hotHealth'>,
): void {
  const help =
    'Calls of the hot device that have failed since the start, or read other bytes than were written';
  const labels = { operation: operations };
  metrics.observed({ name: 'hot_device_failures_total', help, labels }, (gauge) => {
    const { failures } = hotHealth();
    for (const operation of operations) gauge.set({ operation }, failures[operation]);
  });
  const plain = (name: string, text: string, read: () => number): void =>
    metrics.observed({ name, help: text, labels: {} }, (gauge) => gauge.set({}, read()));
  plain(
    'hot_device_silent_seconds',
    'For how long the hot device has answered nothing that it was asked; 0 when it answers',
    () => (hotHealth().silentMs ?? 0) / 1000,
  );
  plain(
    'hot_retired_bytes',
    'Blocks of the hot device that fail and are not used any more',
    () => tiering.counts().bytesRetired,
  );
  plain(
    'blobs_lost',
    'Pieces of content that readers have met and no tier can give',
    () => tiering.counts().lost,
  );
}

export function hotDeviceAlerts(
  health: DeviceHealth,
  { lost, bytesRetired }: Pick<TieringCounts, 'lost' | 'bytesRetired'>,
): readonly Alert[] {
  return [
    ...silenceAlerts(health),
    ...failureAlerts(health),
    ...lossAlerts(lost),
    ...retiredAlerts(bytesRetired),
  ];
}

function* silenceAlerts({ silentMs }: DeviceHealth): Generator<Alert> {
  if (silentMs === undefined) return;
  const text = `The hot device has not answered for ${seconds(silentMs)} s: look at it, its controller and the kernel log. What has a copy in a lower tier is read there; writes are refused until it answers.`;
  yield { severity: 'critical', text };
}

function* failureAlerts({ failures, lastFailure }: DeviceHealth): Generator<Alert> {
  if (lastFailure === undefined || lastFailure.agoMs > HOT_FAILURE_SHOWN_MS) return;
  const { read, write, flush } = failures;
  const counts = `${read} reads, ${write} writes, ${flush} flushes`;
  const text = `The hot device fails (${counts} since the start; the last one ${seconds(lastFailure.agoMs)} s ago, ${lastFailure.text}): look at the kernel log and its health, and run terrace scrub. What has a copy in a lower tier is read there and made anew.`;
  yield { severity: 'degraded', text };
}

function* lossAlerts(lost: number): Generator<Alert> {
  if (lost === 0) return;
  const what =
    lost === 1
      ? 'One piece of content that somebody has asked for'
      : `${lost} pieces of content that somebody has asked for`;
  const text = `${what} cannot be read in any tier: mend the device or the store that had it, or bring the content back from elsewhere; the log names the blobs.`;
  yield { severity: 'critical', text };
}

function* retiredAlerts(bytesRetired: number): Generator<Alert> {
  if (bytesRetired === 0) return;
  const text = `${formatQuantity(bytesRetired)} of the hot device fail and are not used any more: it may be at the end of its life.`;
  yield { severity: 'note', text };
}

const seconds = (ms: number): number => Math.round(ms / 1000);
