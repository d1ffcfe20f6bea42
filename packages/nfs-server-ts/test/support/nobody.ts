import type { CallContext } from '../../src/rpc.ts';

/** A caller of no importance. */
export const nobody: CallContext = {
  flavor: 'AUTH_NONE',
  uid: 65_534,
  gid: 65_534,
  groups: [],
  machine: new Uint8Array(0),
  client: '127.0.0.1',
  peer: { address: '127.0.0.1', port: 1, tls: undefined },
};
