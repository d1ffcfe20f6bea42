import assert from 'node:assert/strict';
import { test } from 'node:test';
import { realClock } from '../../src/environment-real.ts';
import { Lookups } from '../../src/gateway/lookups.ts';
import { systemGroups } from '../../src/gateway/system-groups.ts';
import { systemNames } from '../../src/gateway/system-names.ts';
import { LOOKUPS_WAITING_MAX } from '../../src/limits/nfs.ts';

/** Time that ends all waiting when it is told to. */
class Alarm {
  #ring: () => void = () => undefined;
  readonly #rung = new Promise<void>((resolve) => (this.#ring = resolve));
  sleep(_ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(new Error('aborted')));
      void this.#rung.then(resolve);
    });
  }
  ring(): void {
    this.#ring();
  }
}

test('look-ups run one after the other, also behind one that fails', async () => {
  const lookups = new Lookups(realClock());
  let running = 0;
  const ask = (isSound: boolean) => async (): Promise<number> => {
    running += 1;
    const seen = running;
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    if (!isSound) throw new Error('broken');
    return seen;
  };
  const outcomes = await Promise.allSettled([true, false, true].map((isSound) => lookups.run(ask(isSound))));
  assert.deepEqual(
    outcomes.map((it) => (it.status === 'fulfilled' ? it.value : 'broken')),
    [1, 'broken', 1],
  );
});

test('a look-up that hangs is given up and keeps its place; no more wait behind it than may', async () => {
  const alarm = new Alarm();
  const lookups = new Lookups(alarm);
  let release: () => void = () => undefined;
  const hanging = lookups.run(() => new Promise<void>((resolve) => (release = resolve)));
  const waiting = Array.from({ length: LOOKUPS_WAITING_MAX }, () => lookups.run(async () => 1));
  await assert.rejects(
    lookups.run(async () => 1),
    /throttled/,
  );
  alarm.ring();
  await assert.rejects(hanging, /unavailable/);
  const outcomes = await Promise.allSettled(waiting);
  assert(outcomes.every(({ status }) => status === 'rejected'));
  release();
});

test('this system knows the groups of root, and of nobody who is not there', async () => {
  const groups = systemGroups(realClock());
  assert((await groups.groupsOf(0)).includes(0));
  assert.deepEqual(await groups.groupsOf(3_999_999_998), []);
});

test('this system knows its own name, and no name that cannot be', async () => {
  const names = systemNames(realClock());
  assert((await names.addressesOf('localhost')).some((address) => ['127.0.0.1', '::1'].includes(address)));
  assert.equal((await names.namesOf('127.0.0.1')).includes('127.0.0.1'), false);
});
