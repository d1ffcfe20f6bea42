import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../src/environment.ts';
import { lockCallbacks, type LockCallbacks } from '../src/nlm4-callbacks.ts';
import { nlm4Program } from '../src/nlm4-program.ts';
import { nlmProcedures, type Nlm4Locks, type Nlm4Testargs } from '../src/nlm4.ts';
import type { CallContext } from '../src/rpc.ts';
import { XdrReader, XdrWriter } from '../src/xdr.ts';
import { alock, bytes, cookie, lockArgs } from './support/lock-client.ts';

const log = { warn: () => undefined, error: () => undefined };
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const mine = alock(bytes('a file'));

const families = [
  { told: '192.0.2.7', answers: '192.0.2.7' },
  { told: '192.0.2.7', answers: '::ffff:192.0.2.7' },
  { told: '::ffff:192.0.2.7', answers: '::FFFF:192.0.2.7' },
  { told: '2001:db8::7', answers: '2001:db8::7' },
];
for (const { told, answers } of families) {
  test(`who was told of its lock at ${told} answers from ${answers}`, async () => {
    let args: Nlm4Testargs | undefined;
    const call = (_client: string, asked: { readonly args: unknown }): Promise<never> => {
      args = asked.args as Nlm4Testargs;
      return Promise.resolve({} as never);
    };
    const callbacks = lockCallbacks({ programs: { call }, clock: systemClock, log, answerMsMax: 60_000 });
    const outcome = callbacks.grant({ client: told, form: 'GRANTED_MSG', exclusive: true, alock: mine });
    await turn();
    assert(args !== undefined);
    callbacks.granted('198.51.100.1', { cookie: args.cookie, stat: 'NLM4_DENIED' });
    callbacks.granted(answers, { cookie: args.cookie, stat: 'NLM4_GRANTED' });
    assert.equal(await outcome, 'granted');
  });
}

test('a client that is itself still starting has not taken its lock', async () => {
  const call = (): Promise<never> => Promise.resolve({ stat: 'NLM4_DENIED_GRACE_PERIOD' } as never);
  const callbacks = lockCallbacks({ programs: { call }, clock: systemClock, log, answerMsMax: 60_000 });
  const grant = { client: '192.0.2.7', form: 'GRANTED', exclusive: true, alock: mine } as const;
  assert.equal(await callbacks.grant(grant), 'unreachable');
});

test('requests whose answers nobody takes leave places for other addresses', async () => {
  const answered: string[] = [];
  let letGo: () => void = () => undefined;
  const hangs = new Promise<void>((resolve) => (letGo = resolve));
  const callbacks = {
    respond: async (client: string) => {
      if (client.endsWith('.1')) await hangs;
      answered.push(client);
    },
  } as unknown as LockCallbacks;
  const locks = { unlock: () => Promise.resolve('NLM4_GRANTED') } as unknown as Nlm4Locks;
  const program = nlm4Program({ locks, callbacks, log, messagesMax: 8, messagesPerAddressMax: 5 });
  const writer = new XdrWriter();
  writer.begin();
  nlmProcedures.UNLOCK_MSG.args.write(writer, { cookie, alock: lockArgs(mine).alock });
  const args = Buffer.concat(writer.take());
  const send = async (client: string): Promise<void> => {
    const procedure = program.procedures.get(nlmProcedures.UNLOCK_MSG.number) ?? assert.fail();
    await procedure.prepare(XdrReader.over(args)).run({ client } as CallContext);
  };
  for (let count = 0; count < 20; count++) await send(count % 2 === 0 ? '192.0.2.1' : '::ffff:192.0.2.1');
  for (let count = 0; count < 3; count++) await send('192.0.2.2');
  await turn();
  assert.deepEqual(answered, Array<string>(3).fill('192.0.2.2'));
  letGo();
  await turn();
  assert.equal(answered.length, 8);
  await send('192.0.2.1');
  await turn();
  assert.equal(answered.length, 9);
});
