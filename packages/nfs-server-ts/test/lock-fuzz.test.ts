import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import fc from 'fast-check';
import type { Codec } from '../src/codec.ts';
import type { RpcProgram } from '../src/dispatch.ts';
import { MemoryLocks } from '../src/memory-locks.ts';
import { memoryBackend } from '../src/memory.ts';
import { nlm4Program } from '../src/nlm4-program.ts';
import { NLM_PROGRAM, nlmProcedures } from '../src/nlm4.ts';
import type { LockCallbacks } from '../src/nlm4-callbacks.ts';
import { NSM_PROGRAM, nsmProcedures, nsmProgram } from '../src/nsm.ts';
import { PMAP_PROGRAM, pmapProcedures, portmapPrograms, rpcb4Procedures } from '../src/portmap.ts';
import { XdrReader, XdrWriter } from '../src/xdr.ts';
import { arbitraryOf } from './support/arbitrary.ts';
import { encodeCall, framed, RpcFailure } from './support/client.ts';
import { serve, type World } from './support/serve.ts';

const silent = { warn: () => undefined, error: () => undefined };
const deafPeers: LockCallbacks = {
  grant: () => Promise.resolve('unreachable'),
  granted: () => undefined,
  respond: () => Promise.resolve(),
  notify: () => Promise.resolve(false),
};
const clock = { wall: () => ({ seconds: 0, nanoseconds: 0 }) };
const programs: readonly RpcProgram[] = [
  nlm4Program({
    locks: new MemoryLocks(() => deafPeers),
    callbacks: deafPeers,
    log: silent,
    messagesMax: 8,
    messagesPerAddressMax: 8,
  }),
  nsmProgram({ state: () => 1, notified: () => Promise.resolve() }),
  ...portmapPrograms([{ program: 1, version: 1, transport: 'tcp', host: '::', port: 1 }], clock),
];

interface Row {
  readonly name: string;
  readonly program: number;
  readonly version: number;
  readonly number: number;
  readonly args: Codec<unknown>;
  readonly result: Codec<unknown>;
}
const rowsOf = (
  program: number,
  version: number,
  table: Readonly<Record<string, { number: number; args: Codec<never>; result: Codec<never> }>>,
): Row[] =>
  Object.entries(table)
    .filter(([name]) => name !== 'NULL')
    .map(([name, { number, args, result }]) => ({
      ...{ name: `${program} ${name}`, program, version, number },
      args: args,
      result: result,
    }));
type Table = Parameters<typeof rowsOf>[2];
const rows: readonly Row[] = [
  ...rowsOf(NLM_PROGRAM, 4, nlmProcedures as unknown as Table),
  ...rowsOf(NSM_PROGRAM, 1, nsmProcedures as unknown as Table),
  ...rowsOf(PMAP_PROGRAM, 2, pmapProcedures as unknown as Table),
  ...rowsOf(PMAP_PROGRAM, 4, rpcb4Procedures as unknown as Table),
];

const encoded = (codec: Codec<unknown>, value: unknown): Uint8Array => {
  const writer = new XdrWriter();
  writer.begin();
  codec.write(writer, value);
  return Buffer.concat(writer.take());
};

const open = (context: TestContext): Promise<World> => serve(context, memoryBackend(), { programs });

async function send({ client }: World, row: Row, args: Uint8Array): Promise<XdrReader> {
  const xid = client.rpc.nextXid();
  const header = { xid, program: row.program, version: row.version, procedure: row.number };
  const message = encodeCall({ ...header, credential: 'AUTH_NONE' }, () => undefined);
  return client.rpc.exchange(xid, framed(Buffer.concat([message, args])));
}

for (const row of rows) {
  test(`${row.name}: what was written is what is read, of arguments and of results`, () => {
    for (const codec of [row.args, row.result])
      fc.assert(
        fc.property(arbitraryOf(codec), (value) => {
          const read = codec.read(XdrReader.over(encoded(codec, value)));
          assert.deepEqual(encoded(codec, read), encoded(codec, value));
        }),
        { numRuns: 30 },
      );
  });
}

test('every procedure answers whatever arguments are well formed', async (context) => {
  const world = await open(context);
  for (const row of rows)
    await fc.assert(
      fc.asyncProperty(arbitraryOf(row.args), async (args) => {
        row.result.read(await send(world, row, encoded(row.args, args)));
      }),
      { numRuns: 25 },
    );
  assert.deepEqual(world.logged, []);
});

test('every procedure answers GARBAGE_ARGS, or what it can, to arguments that are cut short or made up', async (context) => {
  const world = await open(context);
  for (const row of rows) {
    const cut = arbitraryOf(row.args).chain((args) => {
      const bytes = encoded(row.args, args);
      return fc.nat(bytes.length).map((length) => bytes.subarray(0, length));
    });
    await fc.assert(
      fc.asyncProperty(fc.oneof(cut, fc.uint8Array({ maxLength: 300 })), async (bytes) => {
        try {
          await send(world, row, bytes);
        } catch (failure) {
          assert.deepEqual(failure, new RpcFailure('GARBAGE_ARGS'));
        }
      }),
      { numRuns: 25 },
    );
  }
  assert.deepEqual(world.logged, []);
});
