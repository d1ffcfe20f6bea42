import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Codec } from '../src/codec.ts';
import {
  parseUniversalAddress,
  PMAP_PROGRAM,
  pmapProcedures,
  portmapPrograms,
  rpcb4Procedures,
  universalAddress,
  type Registration,
} from '../src/portmap.ts';
import type { RpcProgram } from '../src/dispatch.ts';
import { XdrReader, XdrWriter } from '../src/xdr.ts';
import { nobody } from './support/nobody.ts';

const host = '192.0.2.1';
const registrations: readonly Registration[] = [
  { program: 100003, version: 3, transport: 'tcp', host, port: 2049 },
  { program: 100021, version: 4, transport: 'tcp', host, port: 2049 },
  { program: 100021, version: 4, transport: 'udp', host: '::', port: 4045 },
];
const clock = { wall: () => ({ seconds: 1_700_000_000, nanoseconds: 0 }) };
const programs = portmapPrograms(registrations, clock);
const ofVersion = (version: number): RpcProgram => programs.find((it) => it.version === version)!;

interface Row<Args, Result> {
  readonly number: number;
  readonly args: Codec<Args>;
  readonly result: Codec<Result>;
}
async function ask<Args, Result>(version: number, row: Row<Args, Result>, args: Args): Promise<Result> {
  const writer = new XdrWriter();
  writer.begin();
  row.args.write(writer, args);
  const procedure = ofVersion(version).procedures.get(row.number)!;
  const outcome = await procedure.prepare(XdrReader.over(Buffer.concat(writer.take()))).run(nobody);
  writer.begin();
  outcome.encode(writer);
  return row.result.read(XdrReader.over(Buffer.concat(writer.take())));
}

const ports = [
  { name: 'a program over TCP', args: { prog: 100003, vers: 3, prot: 6 }, want: 2049 },
  { name: 'the same over UDP, where it is not', args: { prog: 100003, vers: 3, prot: 17 }, want: 0 },
  { name: 'another version of it', args: { prog: 100003, vers: 4, prot: 6 }, want: 2049 },
  { name: 'a program over UDP', args: { prog: 100021, vers: 4, prot: 17 }, want: 4045 },
  { name: 'a program that is not there', args: { prog: 100004, vers: 3, prot: 6 }, want: 0 },
  { name: 'a transport that is none', args: { prog: 100003, vers: 3, prot: 7 }, want: 0 },
];
for (const { name, args, want } of ports) {
  test(`GETPORT of ${name} is ${want}`, async () => {
    assert.deepEqual(await ask(2, pmapProcedures.GETPORT, { ...args, port: 0 }), { value: want });
  });
}

const text = (value: Uint8Array): string => Buffer.from(value).toString();
const addresses = [
  { name: 'a program by tcp', netid: 'tcp', prog: 100003, hint: '', want: '192.0.2.1.8.1' },
  { name: 'one that has no IPv6 address', netid: 'tcp6', prog: 100003, hint: '', want: '' },
  { name: 'one on all addresses, by no address', netid: 'udp6', prog: 100021, hint: '', want: '::.15.205' },
  { name: 'one on all addresses, by IPv4', netid: 'udp', prog: 100021, hint: '', want: '0.0.0.0.15.205' },
  {
    name: 'one on all addresses, by the one that was asked at',
    ...{ netid: 'udp', prog: 100021, hint: '198.51.100.7.0.111', want: '198.51.100.7.15.205' },
  },
  {
    name: 'one on a single address, by another',
    ...{ netid: 'tcp', prog: 100003, hint: '198.51.100.7.0.111', want: '192.0.2.1.8.1' },
  },
  { name: 'one by a netid that is none', netid: 'local', prog: 100003, hint: '', want: '' },
];
for (const { name, netid, prog, hint, want } of addresses) {
  test(`GETADDR of ${name} is ${want === '' ? 'empty' : want}`, async () => {
    const args = {
      ...{ r_prog: prog, r_vers: 3, r_netid: Buffer.from(netid) },
      ...{ r_addr: Buffer.from(hint), r_owner: Buffer.alloc(0) },
    };
    for (const version of [3, 4])
      assert.equal(text((await ask(version, rpcb4Procedures.GETADDR, args)).value), want);
  });
}

test('GETVERSADDR wants the very version, GETADDR the program', async () => {
  const args = {
    ...{ r_prog: 100003, r_vers: 4, r_netid: Buffer.from('tcp') },
    ...{ r_addr: Buffer.alloc(0), r_owner: Buffer.alloc(0) },
  };
  assert.equal(text((await ask(4, rpcb4Procedures.GETVERSADDR, args)).value), '');
  assert.equal(text((await ask(4, rpcb4Procedures.GETADDR, args)).value), '192.0.2.1.8.1');
});

test('DUMP and GETADDRLIST list what is registered, for both families where it is there for both', async () => {
  const dumped = await ask(2, pmapProcedures.DUMP, {});
  assert.deepEqual(
    dumped.value.map(({ prog, prot, port }) => [prog, prot, port]),
    [
      [100003, 6, 2049],
      [100021, 6, 2049],
      [100021, 17, 4045],
    ],
  );
  const listed = await ask(3, rpcb4Procedures.DUMP, {});
  assert.deepEqual(
    listed.value.map(({ r_netid, r_addr }) => `${text(r_netid)} ${text(r_addr)}`),
    ['tcp 192.0.2.1.8.1', 'tcp 192.0.2.1.8.1', 'udp 0.0.0.0.15.205', 'udp6 ::.15.205'],
  );
  const none = { r_netid: Buffer.alloc(0), r_addr: Buffer.alloc(0), r_owner: Buffer.alloc(0) };
  const entries = await ask(4, rpcb4Procedures.GETADDRLIST, { r_prog: 100021, r_vers: 4, ...none });
  assert.deepEqual(
    entries.value.map((it) => [text(it.r_nc_netid), it.r_nc_semantics, text(it.r_nc_protofmly)]),
    [
      ['tcp', 3, 'inet'],
      ['udp', 1, 'inet'],
      ['udp6', 1, 'inet6'],
    ],
  );
});

test('nobody registers anything from outside', async () => {
  const args = { prog: 100003, vers: 3, prot: 6, port: 1 };
  assert.deepEqual(await ask(2, pmapProcedures.SET, args), { value: false });
  assert.deepEqual(await ask(2, pmapProcedures.UNSET, args), { value: false });
  assert.equal((await ask(2, pmapProcedures.GETPORT, args)).value, 2049);
});

test('the time is told in seconds', async () => {
  assert.deepEqual(await ask(3, rpcb4Procedures.GETTIME, {}), { value: 1_700_000_000 });
});

test('a call is never passed on to another program', () => {
  for (const { number, procedures } of programs) {
    assert.equal(number, PMAP_PROGRAM);
    for (const forwarding of [5, 10]) assert.equal(procedures.has(forwarding), false);
  }
});

test('universal addresses are read as they are written', () => {
  for (const [address, port] of [
    ['192.0.2.1', 2049],
    ['fe80::1', 65_535],
    ['::', 0],
  ] as const)
    assert.deepEqual(parseUniversalAddress(universalAddress(address, port)), { host: address, port });
  for (const wrong of ['', '1.2.3', 'host.1.2', '1.2.3.4.256.1', '1.2.3.4.1'])
    assert.equal(parseUniversalAddress(wrong), undefined);
});
