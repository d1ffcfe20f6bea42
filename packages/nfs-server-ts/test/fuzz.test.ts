import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Codec } from '../src/codec.ts';
import { Dispatcher, type RpcProgram } from '../src/dispatch.ts';
import { systemClock } from '../src/environment.ts';
import { defaultLimits } from '../src/limits.ts';
import { memoryBackend } from '../src/memory.ts';
import { MemoryLocks } from '../src/memory-locks.ts';
import { mount3Program, mountProcedures } from '../src/mount3.ts';
import { nfs3Program } from '../src/nfs3-program.ts';
import { procedures } from '../src/nfs3.ts';
import type { LockCallbacks } from '../src/nlm4-callbacks.ts';
import { nlm4Program } from '../src/nlm4-program.ts';
import { nlmProcedures } from '../src/nlm4.ts';
import { nsmProcedures, nsmProgram } from '../src/nsm.ts';
import { pmapProcedures, portmapPrograms, rpcb4Procedures, rpcbProcedures } from '../src/portmap.ts';
import { RecordError, RecordReader } from '../src/records.ts';
import { XdrError, XdrReader } from '../src/xdr.ts';
import { arbitraryOf } from './support/arbitrary.ts';
import { encodeCall, results, RpcFailure, rootCredential } from './support/client.ts';
import { nobody } from './support/nobody.ts';

/** As many as is quick; set the variable to search longer. */
const numRuns = Number(process.env['FUZZ_RUNS'] ?? 60);
/** No answer to a call that asks for nothing large is longer: READ and READDIR are clamped to the one, headers have the other. */
const replyBytesMax = defaultLimits.transferBytesMax + 65_536;

type Table = Readonly<Record<string, { readonly number: number; readonly args: Codec<never> }>>;
interface Target {
  readonly program: RpcProgram;
  readonly table: Table;
}

const callbacks: LockCallbacks = {
  grant: () => Promise.resolve('granted'),
  granted: () => undefined,
  respond: () => Promise.resolve(),
  notify: () => Promise.resolve(true),
};

function targets(backend = memoryBackend()): readonly Target[] {
  const log = { warn: () => undefined, error: () => undefined };
  const locks = new MemoryLocks(() => callbacks);
  const registrations = [
    { program: 100003, version: 3, transport: 'tcp', host: '127.0.0.1', port: 2049 },
  ] as const;
  const [pmap, rpcb3, rpcb4] = portmapPrograms(registrations, systemClock);
  const monitor = { state: () => 1, notified: () => Promise.resolve() };
  const tables: readonly (readonly [RpcProgram, object])[] = [
    [nfs3Program(backend.nfs), procedures],
    [mount3Program(backend.mounts, defaultLimits), mountProcedures],
    [nlm4Program({ locks, callbacks, log, messagesMax: 16, messagesPerAddressMax: 16 }), nlmProcedures],
    [nsmProgram(monitor), nsmProcedures],
    [pmap!, pmapProcedures],
    [rpcb3!, rpcbProcedures],
    [rpcb4!, rpcb4Procedures],
  ];
  return tables.map(([program, table]) => ({ program, table: table as Table }));
}

/** Answers one message and checks that the answer is one. `undefined`: it was no call. */
async function answer(dispatcher: Dispatcher, message: Uint8Array): Promise<string | undefined> {
  let parts: readonly Uint8Array[];
  try {
    const room = (): Promise<boolean> => Promise.resolve(true);
    ({ parts } = await dispatcher.answer(XdrReader.over(message), nobody.peer, room));
  } catch (failure) {
    assert(failure instanceof XdrError, String(failure));
    return undefined;
  }
  const reply = Buffer.concat(parts);
  assert(reply.length <= replyBytesMax, `${reply.length} bytes`);
  assert.equal(reply.readUInt32BE(0), (0x8000_0000 | (reply.length - 4)) >>> 0);
  assert.deepEqual(reply.subarray(4, 8), Buffer.from(message.subarray(0, 4)));
  try {
    results(XdrReader.over(reply.subarray(8)));
    return 'SUCCESS';
  } catch (failure) {
    assert(failure instanceof RpcFailure, String(failure));
    return failure.stat;
  }
}

function dispatcherOf(programs: readonly RpcProgram[]): { dispatcher: Dispatcher; failures: unknown[] } {
  const failures: unknown[] = [];
  const log = {
    warn: () => undefined,
    error: (_event: string, fields?: unknown) => void failures.push(fields),
  };
  const dispatcher = new Dispatcher({
    programs,
    clock: systemClock,
    log,
    observe: () => undefined,
    limits: defaultLimits,
  });
  return { dispatcher, failures };
}

/** A message with some bytes changed, cut off at the end, or followed by others. */
const damaged = (messages: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> =>
  fc
    .tuple(
      messages,
      fc.array(fc.tuple(fc.nat(), fc.constantFrom(0, 1, 0x7f, 0x80, 0xff)), { maxLength: 4 }),
      fc.option(fc.nat()),
      fc.uint8Array({ maxLength: 8 }),
    )
    .map(([message, changes, end, more]) => {
      const bytes = Uint8Array.from([...message, ...more]);
      for (const [at, value] of changes) if (bytes.length > 0) bytes[at % bytes.length] = value;
      return end === null ? bytes : bytes.subarray(0, end % (bytes.length + 1));
    });

for (const { program, table } of targets()) {
  for (const [name, { number, args }] of Object.entries(table)) {
    test(`${program.name} ${program.version} ${name}: sound and damaged arguments are answered, and nothing fails`, async () => {
      const backend = memoryBackend();
      const mounted = await backend.mounts.mount(nobody, Buffer.from('/'));
      assert(mounted.status === 'MNT3_OK');
      const { dispatcher, failures } = dispatcherOf(targets(backend).map((target) => target.program));
      const header = { program: program.number, version: program.version, procedure: number };
      const encoded = arbitraryOf(args, mounted.ok.fhandle).map((value) =>
        encodeCall({ xid: 7, ...header, credential: rootCredential }, (writer) => args.write(writer, value)),
      );
      await fc.assert(
        fc.asyncProperty(encoded, damaged(encoded), async (sound, broken) => {
          const stat = await answer(dispatcher, sound);
          assert(stat === 'SUCCESS' || stat === 'PROC_UNAVAIL', stat);
          await answer(dispatcher, broken);
          assert.deepEqual(failures, []);
        }),
        { numRuns },
      );
    });
  }
}

test('whatever comes in the place of a call gets an RPC answer or none', async () => {
  const { dispatcher, failures } = dispatcherOf(targets().map((target) => target.program));
  const word = fc.oneof(
    fc.constantFrom(0, 1, 2, 3, 5, 7, 400, 401, 100_000, 100_003, 100_005, 100_021),
    fc.nat(),
  );
  const words = fc.array(word, { maxLength: 40 }).map((values) => {
    const bytes = Buffer.alloc(4 * values.length);
    values.forEach((value, index) => bytes.writeUInt32BE(value >>> 0, 4 * index));
    return bytes;
  });
  await fc.assert(
    fc.asyncProperty(damaged(words), async (message) => {
      await answer(dispatcher, message);
      assert.deepEqual(failures, []);
    }),
    { numRuns: 10 * numRuns },
  );
});

test('record marking: noise ends in a RecordError or in records, and never holds more than came or may', () => {
  const limits = { recordBytesMax: 1000, fragmentsMax: 50, ownBytesMax: 100 };
  const mark = fc.tuple(fc.boolean(), fc.oneof(fc.nat({ max: 40 }), fc.nat({ max: 1200 }), fc.nat()));
  const fragment = fc.tuple(mark, fc.uint8Array({ maxLength: 60 })).map(([[isLast, length], bytes]) => {
    const head = Buffer.alloc(4);
    head.writeUInt32BE(((isLast ? 0x8000_0000 : 0) | (length & 0x7fff_ffff)) >>> 0);
    return Buffer.concat([head, bytes]);
  });
  fc.assert(
    fc.property(fc.array(fragment, { maxLength: 30 }), fc.nat({ max: 900 }), (chunks, bytesMax) => {
      let held = 0;
      const reader = new RecordReader(limits, (bytes) => held + bytes <= bytesMax);
      let came = 0;
      try {
        for (const chunk of chunks) {
          reader.push(chunk);
          came += chunk.length;
          for (let next = reader.next(); next !== undefined; next = reader.next()) reader.release(next);
          held = reader.bytesHeld;
          assert(held <= came + limits.ownBytesMax + bytesMax);
        }
      } catch (failure) {
        assert(failure instanceof RecordError, String(failure));
      }
      reader.discard();
      assert.equal(reader.bytesHeld, 0);
    }),
    { numRuns: 10 * numRuns },
  );
});
