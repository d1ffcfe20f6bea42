import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { realClock, realLog, realRandom, type LogOptions } from '../src/environment-real.ts';

suite('the real clock', () => {
  const start = { wall: 1_700_000_000_000, monotonic: 5_000 };
  const at = () => {
    const now = { ...start };
    const clock = realClock({ wallMs: () => Math.floor(now.wall), monotonicMs: () => now.monotonic });
    const pass = (ms: number, wallMs = ms): void => {
      now.monotonic += ms;
      now.wall += wallMs;
    };
    return { clock, pass };
  };

  test('moves between two milliseconds of the wall clock', () => {
    const { clock, pass } = at();
    pass(0.25);
    assert.deepEqual(clock.wall(), { seconds: 1_700_000_000, nanoseconds: 250_000 });
  });

  test('follows a wall clock that was set forward', () => {
    const { clock, pass } = at();
    pass(1, 60_001);
    assert.deepEqual(clock.wall(), { seconds: 1_700_000_060, nanoseconds: 1_000_000 });
  });

  test('follows a wall clock that was set back by a minute', () => {
    const { clock, pass } = at();
    clock.wall();
    pass(1, -60_000);
    assert.equal(clock.wall().seconds, 1_699_999_940);
  });

  test('stands still while drift of less than a second is taken back', () => {
    const { clock, pass } = at();
    pass(100);
    const before = clock.wall();
    pass(1, -50);
    assert.deepEqual(clock.wall(), before);
    pass(60);
    assert(clock.wall().nanoseconds > before.nanoseconds);
  });

  test('is near the machine’s clock, in order, with nanoseconds below a second', () => {
    const clock = realClock();
    let last = 0;
    for (let index = 0; index < 1000; index++) {
      const { seconds, nanoseconds } = clock.wall();
      assert(nanoseconds >= 0 && nanoseconds < 1e9);
      const ms = seconds * 1000 + nanoseconds / 1e6;
      assert(ms >= last);
      assert(Math.abs(ms - Date.now()) < 1000);
      last = ms;
    }
  });

  test('sleep ends with the reason of the signal', async () => {
    const controller = new AbortController();
    const sleeping = realClock().sleep(3_600_000, controller.signal);
    controller.abort(new Error('no longer'));
    await assert.rejects(sleeping, /no longer/);
    await assert.rejects(realClock().sleep(0, controller.signal), /no longer/);
  });
});

suite('randomness', () => {
  for (const bound of [1, 2, 10, 2 ** 40, 2 ** 48, Number.MAX_SAFE_INTEGER]) {
    test(`below ${bound} it reaches the whole range`, () => {
      const drawn = Array.from({ length: 200 }, () => realRandom.below(bound));
      assert(drawn.every((it) => Number.isSafeInteger(it) && it >= 0 && it < bound));
      assert(bound === 1 || Math.max(...drawn) >= bound / 2);
    });
  }
  test('bytes differ each time', () => assert.notDeepEqual(realRandom.bytes(16), realRandom.bytes(16)));

  test('no bytes are given twice, however many and in whatever pieces they are drawn', () => {
    const drawn = Array.from({ length: 3_000 }, (_, index) => realRandom.bytes(16 + (index % 64)));
    assert(drawn.every((bytes, index) => bytes.length === 16 + (index % 64)));
    const heads = new Set(drawn.map((bytes) => Buffer.from(bytes.subarray(0, 16)).toString('hex')));
    assert.equal(heads.size, drawn.length);
  });

  test('bytes share no memory with others', () => {
    const [one, other] = [realRandom.bytes(16), realRandom.bytes(16)];
    assert.notEqual(one.buffer, other.buffer);
  });
});

suite('the log', () => {
  const logged = (
    options: Pick<LogOptions, 'level' | 'format'>,
    say: (log: ReturnType<typeof realLog>) => void,
  ) => {
    const lines: string[] = [];
    say(realLog({ ...options, write: (line) => void lines.push(line) }));
    return lines;
  };

  test('JSON has time, level, event and fields, one line each', () => {
    const lines = logged({ level: 'info', format: 'json' }, (log) => log.warn('device full', { bytes: 7 }));
    const { time, ...rest } = JSON.parse(lines[0] ?? '');
    assert.match(time, /^\d{4}-\d\d-\d\dT/);
    assert.deepEqual(rest, { level: 'warn', event: 'device full', bytes: 7 });
  });

  test('text is for people, with the stack of an error below', () => {
    const [line] = logged({ level: 'info', format: 'text' }, (log) =>
      log.error('lost', { device: 'hot', error: new Error('gone') }),
    );
    assert.match(line ?? '', /^\d\d:\d\d:\d\d\.\d{3} error lost device=hot \n {2}Error: gone\n {6}at /);
  });

  test('secrets are masked', () => {
    const lines = logged({ level: 'info', format: 'json' }, (log) =>
      log.info('x', {
        secretKey: 'hush-1',
        keys: { secretKey: 'hush-2' },
        headers: { authorization: 'hush-3' },
      }),
    );
    assert.equal(lines.length, 1);
    assert(!lines.join('').includes('hush'));
  });

  test('below the level nothing is written', () =>
    assert.deepEqual(
      logged({ level: 'error', format: 'json' }, (log) => log.warn('x')),
      [],
    ));
});
