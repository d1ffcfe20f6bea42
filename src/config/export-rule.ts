import { Type, type TSchema, type TString } from '@sinclair/typebox';
import {
  EXPORT_CERTIFICATE_CHARS_MAX,
  EXPORT_CERTIFICATES_MAX,
  EXPORT_CLIENT_CHARS_MAX,
  EXPORT_CLIENTS_MAX,
  EXPORT_ID_RANGES_MAX,
  EXPORT_NAME_CHARS_MAX,
} from '../limits.ts';
import { group, type Decoded } from './leaf.ts';

const noId = 4_294_967_295;
const userId = (description: string) =>
  Type.Integer({ minimum: 0, maximum: noId - 1, default: 65_534, description });
const id = Type.Integer({ minimum: 0, maximum: noId - 1 });

const oneOf = <const Words extends readonly string[]>(words: Words, options: object = {}) =>
  Type.Unsafe<Words[number]>({ ...options, type: 'string', enum: words });

/** `count` ids from `client` on are, here, those from `server` on. */
const idRange = group({
  client: id,
  server: id,
  count: Type.Integer({ minimum: 1, maximum: noId, default: 1 }),
});
export type IdRange = Decoded<typeof idRange>;

const idMap = (description: string) =>
  Type.Array(idRange, { default: [], maxItems: EXPORT_ID_RANGES_MAX, description });

const security = ['sys', 'tls', 'mtls'] as const;

const members = {
  bucket: Type.String({
    default: '*',
    minLength: 1,
    maxLength: 63,
    description: 'Name of a bucket, or * for all and for the root that lists them.',
  }),
  clients: Type.Array(Type.String({ maxLength: EXPORT_CLIENT_CHARS_MAX }), {
    minItems: 1,
    maxItems: EXPORT_CLIENTS_MAX,
    description:
      'Networks (10.0.0.0/8), addresses, host names, patterns of host names (*.example.com), or * for everyone.',
  }),
  certificates: Type.Array(Type.String({ minLength: 1, maxLength: EXPORT_CERTIFICATE_CHARS_MAX }), {
    default: [],
    maxItems: EXPORT_CERTIFICATES_MAX,
    description:
      'Only connections with one of these client certificates: names in it (*.example.com stands for one label), or SHA-256 fingerprints. Empty: does not matter.',
  }),
  access: oneOf(['rw', 'ro', 'none'], {
    default: 'rw',
    description: 'Read and write, only read, or nothing at all.',
  }),
  squash: oneOf(['none', 'root', 'all'], {
    default: 'root',
    description: 'Whose calls run as the anonymous user: nobody’s, root’s or everyone’s.',
  }),
  anonUid: userId('User id of the anonymous user.'),
  anonGid: userId('Group id of the anonymous user.'),
  secure: Type.Boolean({
    default: true,
    description: 'Take calls only from ports below 1024, which on the client only root can use.',
  }),
  sec: Type.Array(oneOf(security), {
    default: [...security],
    minItems: 1,
    maxItems: security.length,
    description:
      'What connections may be: in clear text (sys), encrypted (tls), encrypted with a client certificate that is trusted (mtls).',
  }),
  uids: idMap(
    'User ids of clients that are others here: from client on, count of them are those from server on. Others stay.',
  ),
  gids: idMap('The same for group ids.'),
} satisfies Record<string, TSchema>;

/** Who may do what with a bucket over NFS. Of the rules that fit a caller the most specific one holds; none: no access. */
export const exportRule = group(members);
export type ExportRule = Decoded<typeof exportRule>;

/** Names of rules that are made at run time. */
export const exportName = (): TString =>
  Type.String({ minLength: 1, maxLength: EXPORT_NAME_CHARS_MAX, pattern: '^[A-Za-z0-9_.-]+$' });
