import assert from 'node:assert/strict';
import { test } from 'node:test';
import { peerGroup } from '../src/peer-address.ts';

const cases = [
  { name: 'IPv4', client: '192.0.2.7', want: '192.0.2.7' },
  { name: 'IPv4 mapped into IPv6', client: '::ffff:192.0.2.7', want: '192.0.2.7' },
  { name: 'IPv6 written out', client: '2001:DB8:1:2:3:4:5:6', want: '2001:db8:1:2::/64' },
  { name: 'IPv6 with zeros left out behind', client: '2001:db8:1:2::9', want: '2001:db8:1:2::/64' },
  { name: 'IPv6 with zeros left out across the border', client: '2001:db8::9', want: '2001:db8:0:0::/64' },
  { name: 'IPv6 with zeros left out in front', client: '::1', want: '0:0:0:0::/64' },
  { name: 'IPv6 with leading zeros', client: '2001:0db8:0001:0002::', want: '2001:db8:1:2::/64' },
  { name: 'a link-local address with its zone', client: 'fe80::1%eth0', want: 'fe80:0:0:0::/64' },
  { name: 'no address', client: '', want: '' },
] as const;
for (const { name, client, want } of cases) {
  test(`${name} is counted for '${want}'`, () => assert.equal(peerGroup(client), want));
}
