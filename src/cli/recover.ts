import path from 'node:path';
import { parseColdUrl } from '../config/cold-url.ts';
import { roughQuantity } from '../config/quantity.ts';
import { UsageError } from '../config/usage-error.ts';
import { coldSettings } from '../gateway/cold-settings.ts';
import { openDataDirectory } from '../gateway/data-directory.ts';
import { recover as recoverData } from '../gateway/recover.ts';
import { isAllBack, losses, lossTexts, type RecoveryReport } from '../gateway/recovery-report.ts';
import type { Command } from './command.ts';
import { configFlag, readConfig, settingFlags } from './serve.ts';

/** Works on this machine, without a gateway. */
export const recover: Command = {
  name: 'recover',
  summary:
    'Makes a new data directory out of the warm devices and the cold store of a gateway whose metadata are lost.',
  flags: [
    {
      name: '--from-warm',
      placeholder: 'PATH',
      isList: true,
      description: 'A device of the old warm pool; name all that are left',
    },
    {
      name: '--from-cold',
      placeholder: 's3://BUCKET/PREFIX?endpoint=URL',
      description: 'The old cold store',
    },
    {
      name: '--from-secrets',
      placeholder: 'FILE',
      description: 'A copy of secrets.key of the old data directory',
    },
    {
      name: '--with-gaps',
      description: 'Bring files back, too, of which parts are missing, with zeros there',
    },
    { name: '--json', description: 'Print the report as JSON' },
    ...settingFlags,
    configFlag,
  ],
  notes: [
    'All settings of terrace serve hold for the new gateway: --data is a new, empty directory, --warm are new devices.',
    'The old gateway must not run. Nothing is written to the old devices and the old cold store; keys of that: TERRACE_COLD_ACCESS_KEY_ID.',
    'The exit code is 3 when something did not come back; what, is in the report.',
  ],
  async run(cli, flags) {
    const secrets = flags.get('--from-secrets');
    if (secrets === undefined)
      throw new UsageError('terrace recover needs the old key: write --from-secrets FILE');
    const warm = (flags.get('--from-warm') ?? '').split(',').filter((place) => place !== '');
    const url = flags.get('--from-cold');
    if (warm.length === 0 && url === undefined)
      throw new UsageError(
        'terrace recover needs something to recover from: write --from-warm PATH or --from-cold URL',
      );
    const { config } = await readConfig(cli, flags);
    const place = url === undefined ? undefined : parseColdUrl(url);
    const cold = place && coldSettings({ ...config, cold: { ...config.cold, url: place } });
    await openDataDirectory(config.data);
    const environment = cli.environment(config.log);
    const report = await recoverData(
      { warm: warm.map((device) => path.resolve(device)), cold, secrets },
      {
        ...{ config, environment, withGaps: flags.has('--with-gaps') },
        progress: (text) => cli.progress(text),
      },
    );
    cli.progress(undefined);
    if (flags.has('--json')) cli.out(JSON.stringify(report));
    else for (const line of linesOf(report)) cli.out(line);
    return isAllBack(report) ? 0 : 3;
  },
};

/** What people read. */
export function* linesOf(report: RecoveryReport): Generator<string> {
  const { warm, cold, files, bytes, filesWithGaps, counts, lost } = report;
  if (warm !== undefined)
    yield `Warm pool ${warm.pool}: ${warm.devices.length} devices with ${warm.shards} shards, ${warm.segmentsLost} segments that cannot be read whole.`;
  if (cold !== undefined)
    yield `Cold store ${cold.place}: ${cold.segmentsLost} segments that cannot be read whole.`;
  if (cold !== undefined && cold.nativeBuckets > 0)
    yield `Objects under their own keys: ${cold.nativeBuckets} buckets, not brought: copy them out of the cold store with any S3 client.`;
  yield `${files} files came back, ${roughQuantity(bytes)}; ${filesWithGaps} of them with gaps.`;
  for (const why of losses) {
    if (counts[why] === 0) continue;
    yield `${counts[why]} files ${lossTexts[why]}:`;
    for (const file of lost.filter((it) => it.why === why)) {
      const gaps = (file.missing ?? []).map(({ start, end }) => `${start}-${end}`).join(', ');
      yield `  ${file.bucket}/${file.key}${gaps === '' ? '' : ` (bytes ${gaps})`}`;
    }
  }
}
