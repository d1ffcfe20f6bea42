import { TransformKind } from '@sinclair/typebox';
import { Ajv } from 'ajv';
import path from 'node:path';
import { configSchema, type Config } from '../config.ts';
import { complaintAbout, complaintAboutTls } from './export-complaint.ts';
import { COLD_REQUESTS_MAX, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN } from '../limits/tiering.ts';
import { sentenceOf } from './complaint.ts';
import { isTree, type ConfigFile, type Tree } from './tree.ts';
import { settings, type Origin, type Setting } from './settings.ts';
import { nearest } from './suggest.ts';
import { UsageError } from './usage-error.ts';

/** Everything that settings can come from. */
export interface ConfigSources {
  /** Flags by name with their dashes: `--hot-size` → `10Gi`. */
  readonly flags: ReadonlyMap<string, string>;
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly file?: ConfigFile;
}

export interface LoadedConfig {
  readonly config: Config;
  readonly origins: readonly Origin[];
}

/** Variables of the program that are no settings of the gateway. */
const otherVariables: readonly string[] = ['TERRACE_CONFIG'];
/** Kubernetes adds these by itself for a service with the name terrace. */
const kubernetesVariable = /^TERRACE_(PORT|SERVICE)(_|$)/;

/**
 * The settings of one start: defaults, over them the config file, the environment and the flags.
 * UsageError, one sentence, for the first mistake in any of them.
 */
export function loadConfig(sources: ConfigSources): LoadedConfig {
  refuseUnknownVariables(sources.variables);
  const tree = structuredClone(sources.file?.tree ?? {}) as Tree;
  const origins = settings.map((setting) => originOf(setting, tree, sources));
  for (const { setting, value } of origins) place(tree, setting.path, value);
  const complaint = validate(tree) ? undefined : validate.errors?.[0];
  if (complaint !== undefined) throw new UsageError(sentenceOf(complaint, origins, sources.file?.name));
  for (const origin of origins) decode(origin, tree);
  const config = complete(tree as unknown as Config);
  refuseContradictions(config);
  return { config, origins };
}

function refuseUnknownVariables(variables: ConfigSources['variables']): void {
  const known = [...settings.flatMap(({ variable }) => variable ?? []), ...otherVariables];
  for (const name of Object.keys(variables)) {
    if (!name.startsWith('TERRACE_') || known.includes(name) || kubernetesVariable.test(name)) continue;
    // What all of them begin with says nothing about which one was meant.
    const meant = nearest(withoutPrefix(name), known.map(withoutPrefix));
    const advice =
      meant === undefined
        ? ': remove it, or choose one that terrace serve --print-config shows'
        : `; did you mean "TERRACE_${meant}"?`;
    throw new UsageError(`${name}: there is no such environment variable${advice}`);
  }
}

const withoutPrefix = (variable: string): string => variable.replace(/^TERRACE_/, '');

const lookUp = (tree: Tree, dotted: string): unknown =>
  dotted.split('.').reduce<unknown>((at, name) => (isTree(at) ? at[name] : undefined), tree);

/** Puts a value at its path; a scalar in the place of a group stays for the validator to complain about. */
function place(tree: Tree, dotted: string, value: unknown): void {
  const names = dotted.split('.');
  let at = tree;
  for (const name of names.slice(0, -1)) {
    at[name] ??= {};
    const next = at[name];
    if (!isTree(next)) return;
    at = next;
  }
  // An optional setting without a value still makes its group.
  if (value !== undefined) at[names.at(-1) ?? ''] = value;
}

function originOf(setting: Setting, tree: Tree, { flags, variables, file }: ConfigSources): Origin {
  const fromText = (text: string): unknown => {
    if (setting.isList) return text.split(',').flatMap((it) => it.trim() || []);
    return setting.schema['type'] === 'integer' && /^\d{1,15}$/.test(text) ? Number(text) : text;
  };
  const flag = setting.flag === undefined ? undefined : flags.get(setting.flag);
  if (flag !== undefined) return { setting, value: fromText(flag), from: `flag ${setting.flag}` };
  const variable = setting.variable === undefined ? undefined : variables[setting.variable];
  // An empty variable is what compose files and units write for "not set".
  if (variable !== undefined && variable !== '') {
    return { setting, value: fromText(variable), from: `environment ${setting.variable}` };
  }
  const written = lookUp(tree, setting.path);
  if (written !== undefined)
    return { setting, value: asText(setting, written), from: `file ${file?.name ?? ''}` };
  return { setting, value: structuredClone(setting.default), from: 'default' };
}

/** YAML reads `1048576` and `true` as other types than text; the file means text all the same. */
const asText = (setting: Setting, value: unknown): unknown =>
  setting.schema['type'] === 'string' && (typeof value === 'number' || typeof value === 'boolean')
    ? String(value)
    : value;

const ajv = new Ajv({ strict: true, useDefaults: true, verbose: true, validateSchema: false, meta: false });
ajv.addVocabulary(['placeholder', 'flag', 'secret', 'defaultText', 'example']);
const validate = ajv.compile(configSchema);

function decode({ setting, from }: Origin, tree: Tree): void {
  const transform = (setting.schema as { [TransformKind]?: { Decode(value: unknown): unknown } })[
    TransformKind
  ];
  const value = lookUp(tree, setting.path);
  if (transform === undefined || value === undefined) return;
  try {
    place(tree, setting.path, transform.Decode(value));
  } catch (cause) {
    if (!(cause instanceof UsageError)) throw cause;
    const subject = from.startsWith('file ')
      ? `${setting.path} in ${from.slice(5)}`
      : from.replace(/^\S+ /, '');
    throw new UsageError(`${subject}: ${cause.message}`, { cause });
  }
}

/** Fills what depends on other settings. */
function complete(config: Config): Config {
  const hotPath = (config.hot as { path?: string }).path ?? path.join(config.data, 'hot');
  return {
    ...config,
    data: path.resolve(config.data),
    hot: { ...config.hot, path: path.resolve(hotPath) },
    warm: { ...config.warm, devices: config.warm.devices.map((device) => path.resolve(device)) },
  };
}

function refuseTierContradictions({
  warm,
  cold,
  reduction,
}: Pick<Config, 'warm' | 'cold' | 'reduction'>): void {
  const { segmentBytes } = reduction;
  if (segmentBytes < SEGMENT_BYTES_MIN || segmentBytes > SEGMENT_BYTES_MAX)
    throw new UsageError('reduction.segmentBytes is out of range: write 1Mi to 64Mi');
  const [twin] = warm.devices.filter((device, index) => warm.devices.indexOf(device) < index);
  if (twin !== undefined)
    throw new UsageError(`--warm ${twin} is there twice: give each device a place of its own`);
  const { accessKeyId, secretAccessKey, requests, layout, storageClass, url } = cold;
  if (layout === 'native' && url === undefined)
    throw new UsageError('cold.layout is native and there is no cold store: name one with --cold');
  if (layout === 'native' && ['GLACIER', 'DEEP_ARCHIVE'].includes(storageClass)) {
    const detail = `objects under their own keys must be readable at once, and those of ${storageClass} are not`;
    throw new UsageError(`cold.layout is native: ${detail}; choose another cold.storageClass`);
  }
  if ((accessKeyId === undefined) !== (secretAccessKey === undefined)) {
    throw new UsageError(
      'TERRACE_COLD_ACCESS_KEY_ID and TERRACE_COLD_SECRET_ACCESS_KEY belong together: set both or none',
    );
  }
  if (requests > COLD_REQUESTS_MAX) {
    throw new UsageError(`cold.requests: ${requests} are too many: write 1 to ${COLD_REQUESTS_MAX}`);
  }
}

function refuseContradictions({ root, users, roles, s3, nfs, admin, ...tiers }: Config): void {
  refuseTierContradictions(tiers);
  if ((root.accessKey === undefined) !== (root.secretKey === undefined)) {
    throw new UsageError(
      'TERRACE_ROOT_ACCESS_KEY and TERRACE_ROOT_SECRET_KEY belong together: set both or none',
    );
  }
  const doors = Object.entries({ '--s3': s3.address, '--nfs': nfs.address, '--admin': admin.address });
  for (const [index, [flag, { host, port }]] of doors.entries()) {
    const twin = doors.slice(0, index).find(([, it]) => port !== 0 && it.port === port && it.host === host);
    if (twin !== undefined)
      throw new UsageError(`${flag} and ${twin[0]} have the same address: give each its own port`);
  }
  refuseTwins(
    'user',
    'name',
    users.map(({ name }) => name),
  );
  refuseTwins('user', 'accessKey', [root.accessKey ?? '', ...users.map(({ accessKey }) => accessKey)]);
  refuseTwins(
    'role',
    'name',
    roles.map(({ name }) => name),
  );
  refuseHalfTls(nfs.tls);
  for (const [index, rule] of nfs.exports.entries()) {
    const complaint = complaintAbout(rule) ?? complaintAboutTls(rule, nfs.tls);
    if (complaint !== undefined) throw new UsageError(`nfs.exports.${index}: ${complaint}`);
  }
}

function refuseHalfTls({ certificate, key, authorities, revoked }: Config['nfs']['tls']): void {
  if ((certificate === undefined) !== (key === undefined))
    throw new UsageError('nfs.tls.certificate and nfs.tls.key belong together: set both or none');
  if (authorities !== undefined && certificate === undefined)
    throw new UsageError('nfs.tls.authorities is for TLS: set nfs.tls.certificate and nfs.tls.key, too');
  if (revoked !== undefined && authorities === undefined)
    throw new UsageError('nfs.tls.revoked is about certificates of clients: set nfs.tls.authorities, too');
}

function refuseTwins(noun: string, member: string, values: readonly string[]): void {
  const twin = values.find((value, index) => values.indexOf(value) < index);
  if (twin !== undefined)
    throw new UsageError(`${noun}s: ${member} "${twin}" is there twice: give each ${noun} its own`);
}
