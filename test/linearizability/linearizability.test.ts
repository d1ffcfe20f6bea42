import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { root } from '../namespace/world.ts';
import type { ModelDirectory } from '../namespace/model/tree.ts';
import { underSchedules } from '../simulation/simulation.ts';
import { contradiction, linearization, type Specification } from './check.ts';
import { History, historyText, type Call } from './history.ts';
import { anyOperation, type Maker } from './operations.ts';
import { outcomeOf, outcomeOfRun, treeSpecification } from './tree-specification.ts';

const CLIENTS = 4;
const CALLS_EACH = 10;
const SCHEDULES = Number(process.env['LINEARIZABILITY_SEEDS'] ?? 150);

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
  const write = (client: number, at: readonly [number, number], content: string): Call<Register> => ({
    ...{ client, name: `write ${content}`, invokedAt: at[0], returnedAt: at[1] },
    outcome: at[1] === Infinity ? undefined : 'done',
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
  ];
  for (const [name, isLinearizable, calls] of cases) {
    test(name, () => assert.equal(linearization(calls, register) !== undefined, isLinearizable));
  }
});

suite('one history for both doors', () => {
  test('whatever clients of both doors do at once, each answer is one of a single order of all calls', () =>
    underSchedules(
      SCHEDULES,
      async (stack, simulation) => {
        const bucket = await stack.namespace.objects.createBucket(root, 'b');
        const history = new History<ModelDirectory>();
        const client = async (number: number): Promise<void> => {
          const maker: Maker = {
            stack,
            bucket,
            random: simulation.random,
            directories: [bucket.ino],
            files: [],
          };
          for (let count = 0; count < CALLS_EACH; count += 1) {
            const { name, apply, run, learn, isPure = false, partsOf } = anyOperation(maker);
            const call = {
              client: number,
              name,
              isPure,
              apply: (tree: ModelDirectory, seen: string | undefined) => outcomeOf(() => apply(tree, seen)),
            };
            const outcome = await history.record(call, () => outcomeOfRun(run), partsOf);
            learn?.(outcome);
            await simulation.latency(`client ${number}`);
          }
        };
        await Promise.all(Array.from({ length: CLIENTS }, (_, index) => client(index + 1)));
        const specification = treeSpecification(bucket.ino);
        if (linearization(history.calls, specification) !== undefined) return;
        assert.fail(`not linearizable:
${historyText(contradiction(history.calls, specification))}`);
      },
      { slowReads: true },
    ));
});
