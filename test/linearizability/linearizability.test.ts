import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { brokenDoors, forgetfulDoors } from './broken-doors.ts';
import { linearization, type Specification } from './check.ts';
import { History, type Call } from './history.ts';
import { Unanswered } from './doors.ts';
import { simulateRound, type RoundOptions } from './simulated-round.ts';

const SEEDS = Number(process.env['LINEARIZABILITY_SEEDS'] ?? 60);
/** Each way of being wrong is found within as many. */
const SEEDS_OF_BROKEN_MAX = 40;

suite('the checker', () => {
  /** A register that holds a text. */
  interface Register {
    content: string;
  }
  const register: Specification<Register> = {
    initial: { content: 'old' },
    clone: ({ content }) => ({ content }),
    text: ({ content }) => content,
  };
  const write = (
    client: number,
    at: readonly [number, number],
    content: string,
    outcome: 'done' | undefined = at[1] === Infinity ? undefined : 'done',
  ): Call<Register> => ({
    ...{ client, name: `write ${content}`, invokedAt: at[0], returnedAt: at[1], outcome },
    apply(model) {
      model.content = content;
      return 'done';
    },
  });
  const read = (client: number, at: readonly [number, number], seen: string): Call<Register> => ({
    ...{ client, name: 'read', invokedAt: at[0], returnedAt: at[1], outcome: seen },
    apply: ({ content }) => content,
  });
  const cases: readonly (readonly [string, boolean, readonly Call<Register>[]])[] = [
    ['a read may see a write that is under way', true, [write(1, [0, 3], 'new'), read(2, [1, 2], 'new')]],
    ['or not yet', true, [write(1, [0, 3], 'new'), read(2, [1, 2], 'old')]],
    [
      'what one has seen, the next one sees',
      false,
      [write(1, [0, 5], 'new'), read(2, [1, 2], 'new'), read(3, [3, 4], 'old')],
    ],
    ['a write that has returned is seen', false, [write(1, [0, 1], 'new'), read(2, [2, 3], 'old')]],
    ['nobody sees what was never written', false, [write(1, [0, 1], 'new'), read(2, [2, 3], 'other')]],
    [
      'a write without an answer may show later',
      true,
      [write(1, [0, Infinity], 'new'), read(2, [1, 2], 'old'), read(2, [3, 4], 'new')],
    ],
    [
      'but does not vanish again',
      false,
      [write(1, [0, Infinity], 'new'), read(2, [1, 2], 'new'), read(2, [3, 4], 'old')],
    ],
    [
      'a write that a crash has interrupted may have taken effect before it',
      true,
      [write(1, [0, 1], 'new', undefined), read(2, [2, 3], 'new'), read(2, [4, 5], 'new')],
    ],
    [
      'but not after it',
      false,
      [write(1, [0, 1], 'new', undefined), read(2, [2, 3], 'old'), read(2, [4, 5], 'new')],
    ],
  ];
  for (const [name, isLinearizable, calls] of cases) {
    test(name, () => assert.equal(linearization(calls, register) !== undefined, isLinearizable));
  }

  test('a history keeps what was under way at a crash without an answer, but for reads', async () => {
    const history = new History<Register>();
    const apply = ({ content }: Register): string => content;
    const dead = (): Promise<string> => Promise.reject(new Unanswered('gone'));
    await history.record({ client: 1, name: 'write', apply }, dead);
    await history.record({ client: 2, name: 'read', apply, isPure: true }, dead);
    history.interrupt();
    const kept = history.calls.map(({ name, outcome, returnedAt }) => ({ name, outcome, returnedAt }));
    assert.deepEqual(kept, [{ name: 'write', outcome: undefined, returnedAt: 2 }]);
  });
});

const rounds: readonly (readonly [string, RoundOptions])[] = [
  ['', { crashes: false, moves: false }],
  [' while content moves between tiers', { crashes: false, moves: true }],
  [' and the power fails in the middle', { crashes: true, moves: false }],
  [' while content moves and the power fails', { crashes: true, moves: true }],
];

suite('one history for both doors', () => {
  for (const [name, options] of rounds) {
    test(`whatever clients of both doors do at once${name}, each answer is one of a single order of all calls`, async () => {
      for (let seed = 1; seed <= SEEDS; seed += 1) {
        await simulateRound(seed, options).catch((cause: unknown) => {
          const flags = Object.entries(options).flatMap(([flag, isSet]) =>
            isSet === true ? [` --${flag}`] : [],
          );
          throw new Error(`replay it by: npm run history -- --seed ${seed}${flags.join('')}`, { cause });
        });
      }
    });
  }
});

suite('the checker finds', () => {
  const table = [
    ...Object.entries(brokenDoors).map(([name, make]) => ({ name, make, crashes: false })),
    ...Object.entries(forgetfulDoors).map(([name, make]) => ({ name, make, crashes: true })),
  ];
  for (const { name, make, crashes } of table) {
    test(name, async () => {
      for (let seed = 1; seed <= SEEDS_OF_BROKEN_MAX; seed += 1) {
        try {
          await simulateRound(seed, { crashes, moves: false, around: make() });
        } catch (failure) {
          assert.match(String(failure), /not linearizable/);
          return;
        }
      }
      assert.fail('nothing was found');
    });
  }
});
