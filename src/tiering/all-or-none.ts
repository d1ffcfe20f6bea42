/** All of them when every one arrives; else, when all have settled, `undo` for those that did, and the first failure. */
export async function allOrNone<Value>(
  wanted: readonly (Value | Promise<Value>)[],
  undo: (value: Value) => void,
): Promise<readonly Value[]> {
  const promises = wanted.map((each) => Promise.resolve(each));
  const settled = await Promise.allSettled(promises);
  if (settled.some(({ status }) => status === 'rejected')) {
    for (const each of settled) if (each.status === 'fulfilled') undo(each.value);
  }
  return Promise.all(promises);
}
