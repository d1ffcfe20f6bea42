/** One row of the table that `npm run bench` prints. */
export interface BenchCase {
  readonly name: string;
  readonly driver: 's3load' | 'nfsload' | 'client';
  /** The driver's operation and options; the addresses, keys and the time are added. Of `client`: the function of on-client.py. */
  readonly args: readonly string[];
  /** True when the roofline program answers the operation too: it knows neither listings nor uploads in parts. */
  readonly hasRoofline: boolean;
  /** Name of the case before it that it is compared with. */
  readonly comparedWith?: string;
  /** Takes minutes to prepare; left out unless it is asked for. */
  readonly isLong?: boolean;
  /** Work that ends by count: the time limit of the others does not fit. */
  readonly isCounted: boolean;
}

const timed = (name: string, args: readonly string[], hasRoofline = true): BenchCase => ({
  name,
  driver: 's3load',
  args,
  hasRoofline,
  isCounted: false,
});
const nfs = (name: string, args: readonly string[], isCounted = false): BenchCase => ({
  name,
  driver: 'nfsload',
  args,
  hasRoofline: false,
  isCounted,
});

/** Through a client program; only where one is given. */
const client = (name: string, operation: string): BenchCase => ({
  name: `NFS client: ${name}`,
  driver: 'client',
  args: [operation],
  hasRoofline: false,
  isCounted: false,
});

const small = ['--size', '4K', '-c', '16'];
const large = ['--size', '1M', '-c', '16'];

/** Pages of 1,000 keys out of so many: what a page costs must not depend on the size of the bucket. */
function listing(keys: number): BenchCase {
  const prefix = `of-${keys}/`;
  const args = ['list', '--prepare', '--keys', String(keys), '--prefix', prefix, '--size', '64', '-c', '16'];
  return timed(`LIST 1,000 of ${keys.toLocaleString('en')}`, args, false);
}

/** In the order in which they run: `delete` empties what it made, `list` sees what the puts left. */
export const benchCases: readonly BenchCase[] = [
  timed('PUT 4 KiB', ['put', ...small]),
  timed('PUT 4 KiB, 1 client', ['put', '--size', '4K', '-c', '1']),
  timed('GET 4 KiB', ['get', '--prepare', '--keys', '1000', '--prefix', 'small/', ...small]),
  timed('HEAD', ['stat', '--prepare', '--keys', '1000', '--prefix', 'small/', ...small]),
  timed('PUT 1 MiB', ['put', '--prefix', 'large/', ...large]),
  timed('GET 1 MiB', ['get', '--prepare', '--keys', '50', '--prefix', 'read/', ...large]),
  timed(
    'LIST 1,000',
    ['list', '--prepare', '--keys', '5000', '--prefix', 'list/', '--size', '64', '-c', '1'],
    false,
  ),
  listing(10_000),
  { ...listing(1_000_000), comparedWith: listing(10_000).name, isLong: true },
  timed('GET 64 MiB', ['get', '--prepare', '--keys', '4', '--prefix', 'huge/', '--size', '64M', '-c', '2']),
  timed(
    'multipart 256 MiB in parts of 8 MiB',
    ['multipart', '--size', '256M', '--part-size', '8M', '-c', '4', '--warmup', '0', '--prefix', 'parts/'],
    false,
  ),
  {
    ...timed('DELETE', [
      'delete',
      '--prepare',
      '--keys',
      '20000',
      '--count',
      '20000',
      '--prefix',
      'gone/',
      ...small,
    ]),
    isCounted: true,
  },
  nfs('NFS GETATTR', ['getattr', '--depth', '16']),
  nfs('NFS LOOKUP', ['lookup', '--depth', '16']),
  nfs('NFS READ 4 KiB', ['read', '--depth', '16']),
  nfs('NFS READ 4 KiB in order', ['read', '--depth', '16', '--sequential']),
  nfs('NFS WRITE 4 KiB stable', ['write', '--depth', '16']),
  nfs('NFS READ 1 MiB', [
    'read',
    '--depth',
    '4',
    '--size',
    '1M',
    '--file-size',
    '8M',
    '--files',
    '8',
    '--sequential',
  ]),
  nfs('NFS WRITE 1 MiB', [
    'write',
    ...['--depth', '4', '--size', '1M', '--file-size', '8M', '--files', '8', '--sequential'],
    ...['--stable', 'unstable', '--commit-every', '8'],
  ]),
  nfs('NFS CREATE', ['create', '--depth', '16', '--count', '20000'], true),
  nfs('NFS REMOVE', ['remove', '--depth', '16', '--count', '20000'], true),
  nfs('NFS READDIRPLUS 1,000', ['readdirplus', '--files', '1000']),
  client('create, chmod, rename, unlink', 'metadata'),
  client('write 4 KiB', 'write_4k'),
  client('read 4 KiB', 'read_4k'),
  client('write 1 MiB', 'write_1m'),
  client('read 1 MiB', 'read_1m'),
  client('untar', 'untar'),
];
