import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytePools } from '../src/byte-pool.ts';
import { Connection } from '../src/connection.ts';
import { Dispatcher } from '../src/dispatch.ts';
import { defaultLimits } from '../src/limits.ts';
import { memoryBackend } from '../src/memory.ts';
import { nfs3Program } from '../src/nfs3-program.ts';
import type { Nfs3Program } from '../src/nfs3.ts';
import { NfsClient, rootCredential } from './support/client.ts';
import { FakeTransport } from './support/fake-transport.ts';
import { ManualClock } from './support/manual-clock.ts';

const frameBytes = 65_536;
const limits = { ...defaultLimits, replyBytesMax: 4 << 20, replyBytesPerAddressMax: 4 << 20, ownBytesMax: 0 };

/** A backend that lends whole frames for its answers to READ, as a cache of content does, and counts those that are out. */
function lending(clock: ManualClock): { nfs: Nfs3Program; framesLent: () => number } {
  let lent = 0;
  const { nfs } = memoryBackend({ clock });
  const READ: Nfs3Program['READ'] = async (_call, { offset, count }) => {
    const data: Uint8Array[] = [];
    for (let at = offset; at < offset + count;) {
      const start = at % frameBytes;
      const end = Math.min(frameBytes, start + offset + count - at);
      data.push(new Uint8Array(frameBytes).subarray(start, end));
      at += end - start;
    }
    lent += data.length;
    const ok = { file_attributes: undefined, count, eof: false, data };
    return { status: 'NFS3_OK', ok, whenSent: () => void (lent -= data.length) };
  };
  return { nfs: { ...nfs, READ }, framesLent: () => lent };
}

const reads = [
  { name: 'one byte', offset: 0, count: 1 },
  { name: 'a byte on either side of a border of frames', offset: frameBytes - 1, count: 2 },
  { name: '9,000 bytes', offset: 0, count: 9000 },
  { name: '20,000 bytes', offset: 4096, count: 20_000 },
  { name: '40,000 bytes of two frames', offset: frameBytes - 8000, count: 40_000 },
  { name: 'a frame and a byte', offset: 0, count: frameBytes + 1 },
  { name: '1 MiB that begins anywhere', offset: 12_345, count: 1 << 20 },
];
for (const { name, offset, count } of reads) {
  test(`slow readers of ${name} keep no more of the content's memory than twice the bound of replies`, async () => {
    const clock = new ManualClock();
    const { nfs, framesLent } = lending(clock);
    const parts = { clock, log: { warn: () => undefined, error: () => undefined }, limits };
    const dispatcher = new Dispatcher({ programs: [nfs3Program(nfs)], observe: () => undefined, ...parts });
    const pools = bytePools(limits);
    const client = { credential: rootCredential } as NfsClient;
    const transports = Array.from({ length: 20 }, () => new FakeTransport());
    const connections = transports.map(
      (transport) => new Connection({ dispatcher, ...parts, ...pools }, transport),
    );
    for (const connection of connections)
      for (let xid = 0; xid < 50; xid++)
        connection.received(
          NfsClient.prototype.encode.call(client, 'READ', { file: Buffer.of(1), offset, count }, xid),
        );
    await new Promise((resolve) => setImmediate(resolve));
    assert(transports.some(({ sent }) => sent.length > 0));
    assert(framesLent() * frameBytes <= 2 * limits.replyBytesMax, `${framesLent()} frames`);
    for (const transport of transports) transport.take();
    for (const connection of connections) connection.closed();
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(framesLent(), 0);
  });
}
