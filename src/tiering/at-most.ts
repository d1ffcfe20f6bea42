/** `work` for each item, for at most `max` at a time; the answers in the order of the items. Waits for all, then fails as the first did. */
export async function atMost<Item, Answer>(
  max: number,
  items: readonly Item[],
  work: (item: Item) => Promise<Answer>,
): Promise<readonly Answer[]> {
  const answers = new Array<Answer>(items.length);
  const failures: unknown[] = [];
  const rest = items.entries();
  const worker = async (): Promise<void> => {
    for (const [index, item] of rest) {
      try {
        answers[index] = await work(item);
      } catch (failure) {
        failures.push(failure);
        return;
      }
      if (failures.length > 0) return;
    }
  };
  await Promise.all(Array.from({ length: Math.min(max, items.length) }, worker));
  if (failures.length > 0) throw failures[0];
  return answers;
}
