import { Type } from '@sinclair/typebox';
import { coldUrl } from './config/cold-url.ts';
import { accessKey, secretKey, userName } from './config/credentials.ts';
import { exportRule } from './config/export-rule.ts';
import {
  address,
  bytes,
  bytesFrom,
  bytesOrAuto,
  choice,
  count,
  duration,
  erasureCode,
  erasureCodeOrNone,
  group,
  seconds,
  text,
  trueOrFalse,
  type Decoded,
} from './config/leaf.ts';
import {
  BASE_DOMAINS_MAX,
  EXPORT_RULES_MAX,
  POLICIES_PER_USER_MAX,
  ROLE_POLICIES_MAX,
  ROLES_DECLARED_MAX,
  SECONDS_PER_DAY,
  USERS_DECLARED_MAX,
} from './limits.ts';
import { NFS_GROUPS_LISTED_MAX, NFS_GROUPS_MAX } from './limits/nfs.ts';
import { WARM_DEVICES_MAX, WARM_PATH_CHARS_MAX } from './limits/tiering.ts';
import { BODY_MEMORY_BYTES_MIN } from './limits/s3.ts';
import { COLD_RECALL_DAYS_MAX } from './limits/tiering.ts';

const noId = 4_294_967_295;
const ownerId = (description: string) =>
  Type.Optional(Type.Integer({ minimum: 0, maximum: noId - 1, description }));

const pemFile = (description: string) =>
  Type.Optional(text({ placeholder: 'FILE', minLength: 1, defaultText: 'none', description }));

const userGroups = group({
  uid: Type.Integer({ minimum: 0, maximum: noId - 1, description: 'User id.' }),
  groups: Type.Array(Type.Integer({ minimum: 0, maximum: noId - 1 }), {
    maxItems: NFS_GROUPS_MAX,
    description: 'Ids of its groups.',
  }),
});

/** What it says is checked where it is parsed. */
const policyDocument = (options: { readonly description?: string }) =>
  Type.Unsafe<string | Readonly<Record<string, unknown>>>({
    anyOf: [{ type: 'string', minLength: 2 }, { type: 'object' }],
    ...options,
  });

const zstdLevel = (description: string, level: number) =>
  Type.Integer({ minimum: 1, maximum: 19, default: level, placeholder: 'LEVEL', description });

const hostName = Type.String({
  pattern: '^[a-z0-9.-]+$',
  example: 'a host name in lower case, for example s3.example.org',
});

/** A user that is there from the start. */
const declaredUser = group({
  name: userName({ description: 'Name of the user; its account stays the same as long as the name does.' }),
  accessKey: accessKey({ description: 'Access key.' }),
  secretKey: secretKey({ secret: true, description: 'Secret key.' }),
  uid: ownerId('User id of the files it makes through S3; else the one of the data directory.'),
  gid: ownerId('Group id of the files it makes through S3; else the one of the data directory.'),
  policies: Type.Array(policyDocument({}), {
    default: [],
    maxItems: POLICIES_PER_USER_MAX,
    description:
      'Policy documents, as JSON text or as the same in YAML, of what it may do; without any: everything in its own buckets.',
  }),
});

/** What users may become for a time. */
const declaredRole = group({
  name: userName({
    description: 'Name of the role; its sessions outlive a restart as long as name and user stay.',
  }),
  user: userName({ default: 'root', description: 'User whose account it belongs to, or root.' }),
  trust: policyDocument({ description: 'Policy document that names who may assume it.' }),
  policies: Type.Array(policyDocument({}), {
    default: [],
    maxItems: ROLE_POLICIES_MAX,
    description: 'Policy documents of what it may do; without any, nothing.',
  }),
});

/**
 * The one description of every setting: types, checks, defaults, config file, environment variables, flags, help and
 * docs/config.md follow from it.
 */
export const configSchema = group({
  data: text({
    default: './terrace-data',
    placeholder: 'DIR',
    minLength: 1,
    description: 'Directory of metadata, keys and, unless placed elsewhere, the hot device.',
  }),
  region: text({
    default: 'us-east-1',
    placeholder: 'NAME',
    pattern: '^[a-z0-9-]{1,32}$',
    example: 'lower-case letters, digits and dashes, for example us-east-1',
    description: 'Region that S3 clients must sign for.',
  }),
  s3: group({
    address: address({
      flag: 's3',
      default: '127.0.0.1:9000',
      description: 'Where S3 listens; port 0: a free one.',
    }),
    baseDomains: Type.Array(hostName, {
      default: [],
      maxItems: BASE_DOMAINS_MAX,
      placeholder: 'NAME,…',
      description: 'Host names below which the first label is the bucket (virtual-host style).',
    }),
    websiteDomains: Type.Array(hostName, {
      default: [],
      maxItems: BASE_DOMAINS_MAX,
      placeholder: 'NAME,…',
      description: 'Host names below which the first label is the bucket whose website is shown.',
    }),
    connections: count({
      default: '2048',
      description: 'Connections that may be open at a time; one more is answered 503 SlowDown.',
    }),
    connectionsPerAddress: count({
      default: '1536',
      description:
        'The same for one client address (for IPv6 the first 64 bits); raise it where a proxy stands in front.',
    }),
    bodyMemory: bytesFrom(BODY_MEMORY_BYTES_MIN, 'the largest document that a request may carry', {
      default: '768Mi',
      description:
        'Memory for bodies of requests and answers on their way, half of it at most for one address, 64Mi or more; when three quarters are used, content goes in small pieces.',
    }),
    bodyRate: bytes({
      default: '4Ki',
      description: 'Bytes a second below which a client that sends or takes a body is given up; 0: never.',
    }),
    accessLogSeconds: seconds({
      default: '300',
      description: 'How long records of server access logs are gathered before they are written.',
    }),
    defaultEncryption: choice(['AES256', 'none'], {
      default: 'AES256',
      description:
        'What buckets without a configuration of their own encrypt new content with, over NFS as well.',
    }),
    sseCustomerKeysWithoutTls: trueOrFalse({
      default: 'true',
      description: 'Take customers’ encryption keys (SSE-C) over plain HTTP, where others can read them.',
    }),
    objectOwnership: choice(['BucketOwnerEnforced', 'BucketOwnerPreferred', 'ObjectWriter'], {
      default: 'BucketOwnerEnforced',
      description:
        'Object ownership of new buckets, and of those that never set any. BucketOwnerEnforced switches ACLs off, as AWS does since 2023.',
    }),
    publicAccessBlock: trueOrFalse({
      default: 'true',
      description:
        'Give new buckets a public access block of all four settings, as AWS does since 2023: none becomes public by a policy or an ACL before its owner takes it away.',
    }),
    signatureV2: trueOrFalse({
      default: 'true',
      description:
        'Take requests and URLs signed by AWS signature version 2 too, as older clients make them.',
    }),
  }),
  nfs: group({
    address: address({
      flag: 'nfs',
      default: '127.0.0.1:2049',
      description: 'Where NFS and MOUNT listen on one port; port 0: a free one.',
    }),
    portmap: Type.Optional(
      address({
        defaultText: 'none',
        description:
          'Where a port mapper listens, over TCP and UDP, so that clients mount and lock without being told ports: ADDRESS:111.',
      }),
    ),
    serverName: Type.Optional(
      text({
        placeholder: 'NAME',
        minLength: 1,
        maxLength: 255,
        defaultText: 'the name of this machine',
        description: 'How clients name this server when they mount; they are told by it of a restart.',
      }),
    ),
    gracePeriodSeconds: seconds({
      default: '90',
      description: 'How long after a restart clients may reclaim their locks before others get any.',
    }),
    groups: group({
      source: choice(['client', 'system', 'list'], {
        default: 'client',
        description:
          'Who says which groups a caller is in: its call (16 at most), the accounts of this system, or nfs.groups.users.',
      }),
      seconds: seconds({
        default: '1800',
        description: 'How long groups that the system has named are kept.',
      }),
      users: Type.Array(userGroups, {
        default: [],
        maxItems: NFS_GROUPS_LISTED_MAX,
        flag: false,
        description: 'Groups of users, for the source list; a user that is not in it has none but its own.',
      }),
    }),
    tls: group({
      certificate: pemFile(
        'Certificate of the server and those above it, PEM: clients may then use TLS (RFC 9289).',
      ),
      key: pemFile('Private key of that certificate.'),
      authorities: pemFile(
        'Certificates of those who sign the certificates of clients; none: clients show none.',
      ),
      revoked: pemFile('Lists of certificates of clients that were revoked.'),
    }),
    exports: Type.Array(exportRule, {
      default: [{ clients: ['127.0.0.0/8', '::1/128'], squash: 'none', secure: false }],
      maxItems: EXPORT_RULES_MAX,
      flag: false,
      description:
        'Who may use which bucket. Of the rules that fit, the most specific one holds; without any: no access. Others are made with terrace export set.',
    }),
  }),
  admin: group({
    address: address({
      flag: 'admin',
      default: '127.0.0.1:9001',
      description: 'Where health, metrics and the admin API listen; port 0: a free one.',
    }),
  }),
  root: group({
    accessKey: Type.Optional(
      accessKey({
        flag: false,
        defaultText: 'made at the first start',
        description: 'Access key of the root user; set both keys or none.',
      }),
    ),
    secretKey: Type.Optional(
      secretKey({
        flag: false,
        secret: true,
        defaultText: 'made at the first start',
        description: 'Secret key of the root user.',
      }),
    ),
  }),
  users: Type.Array(declaredUser, {
    default: [],
    maxItems: USERS_DECLARED_MAX,
    flag: false,
    description: 'Users beside root, each with its own buckets. Others are made with terrace user create.',
  }),
  roles: Type.Array(declaredRole, {
    default: [],
    maxItems: ROLES_DECLARED_MAX,
    flag: false,
    description: 'Roles that users may assume for temporary keys. Others are made with terrace role create.',
  }),
  hot: group({
    path: Type.Optional(
      text({
        placeholder: 'FILE',
        minLength: 1,
        defaultText: '<data>/hot',
        description: 'File or raw block device of the hot tier.',
      }),
    ),
    size: bytesOrAuto({
      default: 'auto',
      description:
        'Size of the hot tier. auto: a file starts small and grows in steps, a device is used whole.',
    }),
    discard: choice(['auto', 'on', 'off'], {
      default: 'auto',
      description:
        'Whether freed space is given back to the device in the background. auto: for block devices that can do it; on: for files as well, whose next writes there cost more.',
    }),
  }),
  warm: group({
    devices: Type.Array(Type.String({ minLength: 1, maxLength: WARM_PATH_CHARS_MAX }), {
      default: [],
      maxItems: WARM_DEVICES_MAX,
      flag: 'warm',
      placeholder: 'PATH',
      description:
        'Devices of the warm pool: directories, each on a disk of its own, or block devices; the flag once for each. Without any there is no warm tier.',
    }),
    ec: erasureCode({
      default: '4+2',
      description:
        'Shards of a segment in the warm pool, each on another device: K with data and M more, so that any M devices may be lost.',
    }),
  }),
  cold: group({
    url: Type.Optional(
      coldUrl({
        flag: 'cold',
        defaultText: 'none',
        description:
          'Bucket of any S3 store for what is read least, below a prefix of its own; without an endpoint, AWS.',
      }),
    ),
    accessKeyId: Type.Optional(
      accessKey({
        flag: false,
        defaultText: 'the usual chain of AWS programs',
        description: 'Access key for that store; set both keys or none.',
      }),
    ),
    secretAccessKey: Type.Optional(
      secretKey({ flag: false, secret: true, defaultText: 'as above', description: 'Its secret key.' }),
    ),
    storageClass: choice(
      [
        'STANDARD',
        'STANDARD_IA',
        'ONEZONE_IA',
        'INTELLIGENT_TIERING',
        'GLACIER_IR',
        'GLACIER',
        'DEEP_ARCHIVE',
      ],
      {
        default: 'STANDARD',
        description:
          'Storage class of its objects. From GLACIER and DEEP_ARCHIVE content must be recalled before it is read.',
      },
    ),
    layout: choice(['packed', 'native'], {
      default: 'packed',
      description:
        'packed: content lies there deduplicated, compressed and encrypted in segments. native: each object as it is, under BUCKET/KEY below the prefix, so that others can read it.',
    }),
    ec: erasureCodeOrNone({
      default: '16+2',
      description:
        'Parity within each object, which heals damage there; none: damage is found and told, not healed.',
    }),
    requests: count({ default: '32', description: 'Requests to that store at a time.' }),
    recallDays: Type.Integer({
      minimum: 1,
      maximum: COLD_RECALL_DAYS_MAX,
      default: 7,
      placeholder: 'DAYS',
      description: 'How long what was recalled from an archive class can be read.',
    }),
    recallSpeed: choice(['Expedited', 'Standard', 'Bulk'], {
      default: 'Standard',
      description: 'How fast, and how dear, a recall from an archive class is.',
    }),
  }),
  heat: group({
    prometheus: Type.Optional(
      text({
        placeholder: 'URL',
        pattern: '^https?://[^ ]+$',
        example: 'http://127.0.0.1:9090',
        maxLength: 2048,
        defaultText: 'none',
        description: 'The Prometheus that storage policies may ask how busy their objects are.',
      }),
    ),
  }),
  reduction: group({
    codec: choice(['lz4', 'zstd', 'none'], {
      default: 'lz4',
      description: 'How content is compressed when it moves to the warm or cold tier.',
    }),
    level: zstdLevel('Level of zstd there.', 3),
    background: choice(['zstd', 'none'], {
      default: 'zstd',
      description: 'Whether old segments that nobody reads are compressed again with zstd.',
    }),
    backgroundLevel: zstdLevel('Level of zstd in the background.', 6),
    backgroundAfter: duration({
      default: '7d',
      description: 'How old a segment is, and how long nobody has read it, before that.',
    }),
    // Not 'none': S3 says AES256 of what is sealed there.
    cipher: choice(['aes-256-gcm', 'chacha20-poly1305'], {
      default: 'aes-256-gcm',
      description:
        'What content of the warm and cold tier is encrypted with, each chunk with a key of its own.',
    }),
    similarity: choice(['on', 'off'], {
      default: 'off',
      description: 'Whether a chunk that resembles another one is kept as what differs from it.',
    }),
    segmentBytes: bytes({
      default: '2Mi',
      description: 'Size of the segments that content is packed into, 1Mi to 64Mi.',
    }),
    sparsePercent: Type.Integer({
      minimum: 1,
      maximum: 90,
      default: 50,
      placeholder: 'PERCENT',
      description: 'A segment is compacted when less than this share of its content is still used.',
    }),
  }),
  tiering: group({
    migrationRate: bytes({
      default: '0',
      description:
        'Bytes a second that orders and policies move between tiers at most; 0: as fast as it goes. What makes room is not held up.',
    }),
    scrubRate: bytes({
      default: '8Mi',
      description: 'Bytes a second that are read in the background to find damage; 0: only on demand.',
    }),
  }),
  lifecycle: group({
    secondsPerDay: Type.Integer({
      minimum: 1,
      maximum: SECONDS_PER_DAY,
      default: SECONDS_PER_DAY,
      placeholder: 'SECONDS',
      description: 'How long a day of lifecycle rules lasts; fewer than 86400 to try rules in seconds.',
    }),
  }),
  log: group({
    level: choice(['info', 'warn', 'error', 'silent'], {
      default: 'info',
      description: 'The least that is logged.',
    }),
    format: choice(['auto', 'json', 'text'], {
      default: 'auto',
      description: 'How lines on standard error look. auto: text on a terminal, else JSON.',
    }),
  }),
  timeouts: group({
    header: duration({ default: '30s', description: 'For a client to send the header of a request.' }),
    body: duration({ default: '60s', description: 'For a client to send or take the next bytes of a body.' }),
    keepAlive: duration({ default: '75s', description: 'For an idle HTTP connection before it is closed.' }),
    drain: duration({
      default: '8s',
      description: 'For requests under way when the gateway is told to stop.',
    }),
  }),
});

type Described = Decoded<typeof configSchema>;

/** All settings, checked and complete. Addresses are parsed, quantities are bytes, durations milliseconds. */
export type Config = Omit<Described, 'hot'> & {
  readonly hot: Omit<Described['hot'], 'path'> & { readonly path: string };
};
