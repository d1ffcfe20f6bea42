import assert from 'node:assert/strict';
import type { Ino } from '../../src/namespace/namespace.ts';
import type { ModelDirectory } from '../namespace/model/tree.ts';
import { anyOperation } from './any-operation.ts';
import { contradiction, linearization } from './check.ts';
import { historyText, type Call, type History } from './history.ts';
import type { Maker } from './operation.ts';
import { outcomeOf, outcomeOfRun, treeSpecification } from './tree-specification.ts';

export interface Work {
  readonly client: number;
  readonly calls: number;
  /** Between two calls. */
  readonly rest: () => Promise<void>;
}

/** One client, which makes calls one after the other; it ends early when one is not answered. */
export async function clientAtWork(
  history: History<ModelDirectory>,
  maker: Maker,
  { client, calls, rest }: Work,
): Promise<void> {
  for (let count = 0; count < calls; count += 1) {
    const { name, apply, run, learn, isPure = false, partsOf } = anyOperation(maker);
    const modelled = (tree: ModelDirectory, seen: string | undefined): string =>
      outcomeOf(() => apply(tree, seen));
    const call = { client, name, isPure, apply: modelled };
    const outcome = await history.record(call, () => outcomeOfRun(run), partsOf);
    if (outcome === undefined) return;
    learn?.(outcome);
    await rest();
  }
}

/** There is one order of all calls that explains every answer. */
export function requireOrder(calls: readonly Call<ModelDirectory>[], bucket: Ino): void {
  const specification = treeSpecification(bucket);
  if (linearization(calls, specification) !== undefined) return;
  assert.fail(`not linearizable:\n${historyText(contradiction(calls, specification))}`);
}
