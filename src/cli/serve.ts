import { readConfigFile } from './config-file.ts';
import { loadConfig, type LoadedConfig } from '../config/load.ts';
import { renderOrigins } from '../config/render.ts';
import { settings } from '../config/settings.ts';
import type { Config } from '../config.ts';
import { openDataDirectory } from '../gateway/data-directory.ts';
import type { Gateway } from '../gateway/gateway.ts';
import type { Environment } from '../environment.ts';
import { SIGNAL_ECHO_MS_MAX } from '../limits.ts';
import { Metrics } from '../metrics.ts';
import type { Cli, Command, Flag } from './command.ts';
import { explainListen } from './failure.ts';
import { readyLine, welcome } from './welcome.ts';

export const settingFlags: readonly Flag[] = settings.flatMap(
  ({ flag, placeholder, description, defaultText, isList }) =>
    flag === undefined
      ? []
      : [
          {
            name: flag,
            placeholder,
            isList,
            description: `${description}${defaultText === '' ? '' : ` Default: ${defaultText}`}`,
          },
        ],
);

export const configFlag: Flag = {
  name: '--config',
  placeholder: 'FILE',
  description: 'Config file in YAML; also TERRACE_CONFIG',
};

export const serve: Command = {
  name: 'serve',
  summary: 'Starts the gateway: S3, NFS and the admin address, until SIGTERM or SIGINT.',
  flags: [
    ...settingFlags,
    configFlag,
    { name: '--print-config', description: 'Shows each setting and where its value came from, and ends' },
  ],
  notes: [
    'Each flag has an environment variable (--hot-size: TERRACE_HOT_SIZE) and a place in the config file (hot.size).',
    'The root keys come from TERRACE_ROOT_ACCESS_KEY and TERRACE_ROOT_SECRET_KEY, else they are made at the first start.',
    'A line that begins with "ready" is printed when all doors answer. A second signal ends the program at once.',
  ],
  async run(cli, flags) {
    const { config, origins } = await readConfig(cli, flags);
    if (flags.has('--print-config')) {
      for (const line of renderOrigins(origins)) cli.out(line);
      return 0;
    }
    const environment = cli.environment(config.log);
    const stopping = stopSignal(cli, environment);
    const gateway = await open(cli, config, environment);
    for (const line of [...welcome(config, gateway), readyLine(gateway)]) cli.out(line);
    return await untilStopped(gateway, environment, stopping);
  },
};

/** Of a start with these flags. */
export async function readConfig(cli: Cli, flags: ReadonlyMap<string, string>): Promise<LoadedConfig> {
  const name = flags.get('--config') ?? cli.variables['TERRACE_CONFIG'];
  if (name === undefined || name === '') return loadConfig({ flags, variables: cli.variables });
  const text = await readConfigFile(name);
  // Most starts have no config file and are spared the YAML parser.
  const { parseConfigFile } = await import('../config/file.ts');
  return loadConfig({ flags, variables: cli.variables, file: parseConfigFile(name, text) });
}

async function open(cli: Cli, config: Config, environment: Environment): Promise<Gateway> {
  const metrics = new Metrics();
  metrics.observeProcess();
  await openDataDirectory(config.data);
  try {
    return await cli.openGateway(config, { environment, metrics, version: cli.version });
  } catch (cause) {
    throw explainListen(cause, config);
  }
}

/** Resolves at the first signal; the second one ends the process. */
function stopSignal(cli: Cli, { clock, log }: Environment): Promise<void> {
  return new Promise((resolve) => {
    let firstAt: number | undefined;
    cli.onSignal((signal) => {
      if (firstAt === undefined) {
        firstAt = clock.monotonic();
        log.info('stopping', { signal });
        resolve();
      } else if (clock.monotonic() - firstAt > SIGNAL_ECHO_MS_MAX) {
        log.warn('stopped at once by a second signal', { signal });
        cli.exit(1);
      }
    });
  });
}

/** Closes the gateway when it is told to stop or cannot go on; the exit code. */
async function untilStopped(
  gateway: Gateway,
  { log }: Environment,
  stopping: Promise<void>,
): Promise<number> {
  const broken = gateway.stopped.then((reason) => ({ reason }));
  const ended = await Promise.race([stopping, broken]);
  if (ended !== undefined) log.error('the gateway cannot go on', { error: ended.reason });
  await gateway.close().catch((cause: unknown) => {
    if (ended === undefined) throw cause;
    // Whoever depends on what has broken cannot end well either: the first reason is the one to know.
    log.warn('not everything could be closed', { error: cause });
  });
  log.info('stopped');
  return ended === undefined ? 0 : 1;
}
