import { formatAddress, type Address } from '../config/address.ts';
import type { Config } from '../config.ts';
import type { Gateway } from '../gateway/gateway.ts';
import { rootKeysFile } from '../gateway/root-keys.ts';

/** RFC 1833: clients look for it nowhere else. */
const PORTMAP_PORT = 111;

/** Where a client of this machine reaches a door that listens on all addresses. */
const reachable = ({ host, port }: Address): Address => ({
  host: ['0.0.0.0', '::'].includes(host) ? '127.0.0.1' : host,
  port,
});

const url = (address: Address): string => `http://${formatAddress(reachable(address))}`;

function keyLines(config: Config, { rootKeys }: Gateway): readonly string[] {
  if (rootKeys.created) {
    return [
      'Root keys, made now and shown only this once:',
      '',
      `  export AWS_ACCESS_KEY_ID=${rootKeys.accessKey}`,
      `  export AWS_SECRET_ACCESS_KEY=${rootKeys.secretKey}`,
      '',
      `They are kept in ${config.data}/${rootKeysFile}.`,
    ];
  }
  if (config.root.accessKey === undefined) return [`The root keys are in ${config.data}/${rootKeysFile}.`];
  return ['The root keys are those that were set (TERRACE_ROOT_ACCESS_KEY, TERRACE_ROOT_SECRET_KEY).'];
}

/** What a person reads after a start: the keys when they are new, and lines to copy. */
export function welcome(config: Config, gateway: Gateway): readonly string[] {
  const s3 = url(gateway.addresses.s3);
  const { host, port } = reachable(gateway.addresses.nfs);
  const nfsHost = host.includes(':') ? `[${host}]` : host;
  // With a port mapper at its own port clients find the rest.
  const options =
    config.nfs.portmap?.port === PORTMAP_PORT
      ? ''
      : `-o vers=3,proto=tcp,port=${port},mountproto=tcp,mountport=${port},nolock `;
  const remote = `:s3,provider=Other,env_auth=true,region=${config.region},endpoint='${s3}':demo`;
  return [
    ...keyLines(config, gateway),
    '',
    'With those keys as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a bucket through S3:',
    '',
    `  export AWS_DEFAULT_REGION=${config.region}`,
    `  aws --endpoint-url ${s3} s3 mb s3://demo`,
    `  aws --endpoint-url ${s3} s3 cp README.md s3://demo/`,
    `  rclone ls "${remote}"`,
    '',
    'The same bucket through NFS:',
    '',
    '  sudo mkdir -p /mnt/demo',
    `  sudo mount -t nfs ${options}${nfsHost}:/demo /mnt/demo`,
    '',
  ];
}

/** The line that scripts wait for. */
export function readyLine({ addresses: { s3, nfs, admin } }: Gateway): string {
  return `ready s3=http://${formatAddress(s3)} nfs=${formatAddress(nfs)} admin=http://${formatAddress(admin)}`;
}
