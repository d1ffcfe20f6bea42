import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { startGanesha } from './ganesha.ts';
import { benchCases, type BenchCase } from './cases.ts';
import { makeArchive, runClient } from './client-cases.ts';
import { renderKernels, type KernelOptions } from './kernel-rows.ts';
import { kernelBenches } from './kernels.ts';
import {
  longDriverMsMax,
  runDriver,
  startGateway,
  startRoofline,
  type DriverResult,
  type Server,
} from './programs.ts';
import { startMinio, startVersitygw } from './s3-peers.ts';
import { renderRows, type BenchRow } from './table.ts';

const usage = `Usage: npm run bench -- --drivers DIR [--only TEXT] [--long] [--minio PROGRAM]
                 [--versitygw PROGRAM] [--ganesha PROGRAM] [--client PROGRAM] [--seconds N] [--repeat N] [--json]

DIR has the programs s3load, nfsload and roofline. Each case runs N seconds, N times; with --repeat the run with the
least CPU of the server counts. --only takes the cases whose name contains TEXT. --long adds those that take minutes to prepare, half an hour at the most. --minio, --versitygw and --ganesha run
the S3 cases, or those of NFS, against these servers in turn as well. --client adds cases through an NFS client: it is called as
PROGRAM --port PORT --mount-port PORT --export /BUCKET -- COMMAND… and runs COMMAND in a mount of the export. --json prints rows as JSON.

       npm run bench -- --only erasure|reduction|chunks|device [--isal PREFIX] [--seconds N] [--json]

The kernels of the lower tiers on one core, and the chunk store over them, beside a memory copy, lz4 -b, zstd -b, and ISA-L if PREFIX (such as /usr) has it; the hot device, on the disk of the\ntemporary directory, beside fio.`;

const peerStarts = { minio: startMinio, versitygw: startVersitygw, ganesha: startGanesha } as const;

interface Options {
  readonly drivers: string;
  readonly cases: readonly BenchCase[];
  readonly seconds: number;
  readonly repeat: number;
  readonly isJson: boolean;
  /** Programs of other servers, by name. */
  readonly peers: Readonly<Record<keyof typeof peerStarts, string | undefined>>;
  readonly client: string | undefined;
}

const repeatMax = 20;
const secondsMax = 60;
const bucket = 'bench';

function readOptions(): Options | undefined {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    options: {
      drivers: text,
      minio: text,
      versitygw: text,
      ganesha: text,
      client: text,
      only: { ...text, default: '' },
      seconds: { ...text, default: '3' },
      repeat: { ...text, default: '1' },
      long: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      isal: text,
    },
  });
  const { drivers, only } = values;
  const [seconds, repeat] = [Number(values.seconds), Number(values.repeat)];
  const isComplete =
    drivers !== undefined &&
    ['s3load', 'nfsload', 'roofline'].every((it) => existsSync(path.join(drivers, it)));
  if (!isComplete || !(seconds > 0 && seconds <= secondsMax) || !(repeat >= 1 && repeat <= repeatMax))
    return undefined;
  const cases = benchCases.filter(
    ({ name, driver, isLong = false }) =>
      name.toLowerCase().includes(only.toLowerCase()) &&
      (values.long || !isLong) &&
      (driver !== 'client' || values.client !== undefined),
  );
  const { minio, versitygw, ganesha, client } = values;
  const peers = { minio, versitygw, ganesha };
  return { drivers, cases, seconds, repeat, isJson: values.json, peers, client };
}

function argumentsOf(
  { args, driver, isCounted }: BenchCase,
  server: Server,
  seconds: number,
): readonly string[] {
  const time = isCounted ? [] : [driver === 's3load' ? '-d' : '--duration', String(seconds)];
  const common = [...args, ...time, '--pid', String(server.pid), '--quiet'];
  if (driver === 's3load') return [...common, '--endpoint', server.s3, '--bucket', bucket];
  const { host = '', port = '', mountPort = port } = server.nfs ?? {};
  const place = ['--server', host, '--port', port, '--mount-port', mountPort, '--export', `/${bucket}`];
  return [...common, ...place, '--dir', 'bench-nfs'];
}

type Servers = ReadonlyMap<string, Server>;

/** The servers of this door that know the operation. */
const withThis = ({ driver, hasRoofline }: BenchCase, servers: Servers): Servers =>
  new Map(
    [...servers].filter(([name, { nfs }]) =>
      driver === 's3load' ? nfs === undefined && (hasRoofline || name !== 'roofline') : nfs !== undefined,
    ),
  );

/** The run with the least CPU a operation: noise of other programs only ever adds. */
const best = (results: readonly DriverResult[]): DriverResult | undefined =>
  [...results].sort((one, other) => one.server.cpu_s_per_1k_ops - other.server.cpu_s_per_1k_ops)[0];

async function measure(
  options: Options,
  bench: BenchCase,
  { gateway, others, archive }: { gateway: Server; others: Servers; archive: string },
): Promise<BenchRow> {
  const { seconds, client: clientProgram } = options;
  const program = path.join(options.drivers, bench.driver);
  const of = (server: Server): Promise<DriverResult> =>
    bench.driver === 'client'
      ? runClient({ program: clientProgram ?? '', bucket, seconds, archive }, bench.args.join(), server)
      : runDriver(
          program,
          argumentsOf(bench, server, seconds),
          bench.isLong === true ? longDriverMsMax : undefined,
        );
  const results: DriverResult[] = [];
  const beside = new Map([...others].map(([name]) => [name, [] as DriverResult[]]));
  try {
    for (let round = 0; round < options.repeat; round++) {
      for (const [name, server] of others) beside.get(name)?.push(await of(server));
      results.push(await of(gateway));
    }
  } catch (cause) {
    return { name: bench.name, failure: (cause as Error).message };
  }
  const bests = [...beside].map(([name, all]) => [name, best(all)] as const);
  return {
    name: bench.name,
    result: best(results),
    others: new Map(bests.filter((it): it is readonly [string, DriverResult] => it[1] !== undefined)),
  };
}

const isKernel = (name: unknown): name is keyof typeof kernelBenches =>
  typeof name === 'string' && Object.hasOwn(kernelBenches, name);

const plainRow = (row: BenchRow): object => ({ ...row, others: Object.fromEntries(row.others ?? []) });

/** What `--only` names when that is no case of a server but work of one core. */
function kernelsOf():
  (KernelOptions & { readonly name: keyof typeof kernelBenches; readonly isJson: boolean }) | undefined {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    options: { only: text, seconds: text, isal: text, json: { type: 'boolean', default: false } },
    strict: false,
  });
  const [only, isal] = [values.only, values.isal];
  if (!isKernel(only)) return undefined;
  const seconds = Math.min(secondsMax, Number(values.seconds ?? 1) || 1);
  return {
    name: only,
    seconds,
    isal: typeof isal === 'string' ? isal : undefined,
    isJson: values.json === true,
  };
}

async function main(): Promise<number> {
  const kernels = kernelsOf();
  if (kernels !== undefined) {
    const rows = await kernelBenches[kernels.name](kernels);
    console.log(kernels.isJson ? JSON.stringify(rows, undefined, 2) : renderKernels(rows).join('\n'));
    return 0;
  }
  const options = readOptions();
  if (options === undefined) {
    console.error(usage);
    return 2;
  }
  const directory = await mkdtemp(path.join(tmpdir(), 'terrace-bench-'));
  const running: Server[] = [];
  try {
    const gateway = await startGateway(directory);
    running.push(gateway);
    const others = new Map<string, Server>();
    const add = (name: string, server: Server): void => {
      running.push(server);
      others.set(name, server);
    };
    add('roofline', await startRoofline(options.drivers, directory));
    for (const [name, program] of Object.entries(options.peers)) {
      if (program !== undefined)
        add(name, await peerStarts[name as keyof typeof peerStarts](program, directory));
    }
    for (const { s3 } of running.filter(({ s3 }) => s3 !== '')) {
      const args = ['mkbucket', '--endpoint', s3, '--bucket', bucket, '--quiet'];
      await runDriver(path.join(options.drivers, 's3load'), args);
    }
    const archive = await makeArchive(directory);
    const rows: BenchRow[] = [];
    for (const bench of options.cases) {
      if (!options.isJson) console.error(`… ${bench.name}`);
      const row = await measure(options, bench, { gateway, others: withThis(bench, others), archive });
      const other = rows.find(({ name }) => name === bench.comparedWith);
      rows.push(
        other?.result === undefined ? row : { ...row, others: new Map([[other.name, other.result]]) },
      );
    }
    console.log(
      options.isJson ? JSON.stringify(rows.map(plainRow), undefined, 2) : renderRows(rows).join('\n'),
    );
    return rows.every(({ result }) => result !== undefined && result.errors === 0) ? 0 : 1;
  } finally {
    for (const server of running.reverse()) await server.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

try {
  process.exitCode = await main();
} catch (failure) {
  console.error((failure as Error).message);
  process.exitCode = 1;
}
