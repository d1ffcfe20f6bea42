import { formatAddress } from '../config/address.ts';
import { formatQuantity } from '../config/quantity.ts';
import { columns } from '../config/render.ts';
import { statusSchema, type Status } from '../gateway/admin/status.ts';
import { STATUS_BYTES_MAX } from '../limits.ts';
import { asking } from './admin-command.ts';

export const status = asking({
  name: 'status',
  summary: 'Shows how a running gateway is: addresses, space, background work, health.',
  notes: [
    'From another machine the root keys are needed: set TERRACE_ROOT_ACCESS_KEY and TERRACE_ROOT_SECRET_KEY,',
    'or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.',
    'The exit code is 1 when the gateway cannot be reached or its health is critical.',
  ],
  schema: statusSchema,
  request: () => ({ path: '/v1/status', bytesMax: STATUS_BYTES_MAX }),
  lines: renderStatus,
  isBad: ({ health }) => health.state === 'critical',
});

/** The status for people. */
function renderStatus(status: Status): readonly string[] {
  const { addresses, hot, health } = status;
  const used = hot.bytesTotal - hot.bytesFree;
  const rows = [
    ['health', health.state],
    ...health.alerts.map((alert) => ['', alert]),
    ['version', status.version],
    ['uptime', `${Math.floor(status.uptimeSeconds)} s`],
    ['s3', `http://${formatAddress(addresses.s3)} (region ${status.region})`],
    ['nfs', formatAddress(addresses.nfs)],
    ['admin', `http://${formatAddress(addresses.admin)}`],
    ['buckets', String(status.buckets.count)],
    ['hot tier', `${formatQuantity(used)} of ${formatQuantity(hot.bytesTotal)} used`],
    ...status.steps.map(({ name, state, unitsDone, failure }) => [
      `step ${name}`,
      `${state}, ${unitsDone} units done${failure === undefined ? '' : `, last failure: ${failure}`}`,
    ]),
  ];
  return columns(rows);
}
