import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hotDeviceAlerts } from '../../src/gateway/observe-hot-device.ts';
import { HOT_FAILURE_SHOWN_MS } from '../../src/limits/tiering.ts';
import type { DeviceHealth } from '../../src/tiering/hot/watched-device.ts';

const well: DeviceHealth = {
  failures: { read: 0, write: 0, flush: 0 },
  lastFailure: undefined,
  silentMs: undefined,
};
const failing = { ...well, failures: { read: 3, write: 1, flush: 0 } };
const lastFailure = { agoMs: 20_000, text: 'read: EIO at 4096' };

const cases = [
  { name: 'a device that works', health: well, want: [] },
  {
    name: 'a device that hangs',
    health: { ...well, silentMs: 30_000 },
    want: [/critical .*not answered for 30 s/],
  },
  {
    name: 'a device that fails',
    health: { ...failing, lastFailure },
    want: [/degraded .*3 reads, 1 writes, 0 flushes .*20 s ago, read: EIO at 4096/],
  },
  {
    name: 'a device that has failed long ago',
    health: { ...failing, lastFailure: { ...lastFailure, agoMs: HOT_FAILURE_SHOWN_MS + 1 } },
    want: [],
  },
  { name: 'content that no tier gives', health: well, lost: 2, want: [/critical 2 pieces .*cannot be read/] },
  {
    name: 'blocks that are not used any more',
    health: well,
    bytesRetired: 8192,
    want: [/note 8ki of the hot/],
  },
] as const;

for (const { name, health, want, ...counts } of cases) {
  test(`${name} is told of in so many sentences: ${want.length}`, () => {
    const alerts = hotDeviceAlerts(health, { lost: 0, bytesRetired: 0, ...counts });
    assert.equal(alerts.length, want.length);
    for (const [index, { severity, text }] of alerts.entries())
      assert.match(`${severity} ${text}`, want[index]!);
  });
}
