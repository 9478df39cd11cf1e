/** Work on a list by a few at a time. */

/**
 * Does `act` for each item, for at most `most` at a time, in the order of the list; one that fails holds up no other.
 *
 * @returns the outcomes in the order of the list; never rejects
 */
export async function settledInTurns<T>(
  list: readonly T[],
  most: number,
  act: (item: T) => Promise<void>,
): Promise<PromiseSettledResult<void>[]> {
  const outcomes: PromiseSettledResult<void>[] = [];
  const waiting = list.entries();
  // All workers draw from one iterator, so that each item is taken once.
  const worker = async () => {
    for (const [at, item] of waiting) [outcomes[at]] = await Promise.allSettled([act(item)]);
  };
  await Promise.all(Array.from({ length: Math.min(most, list.length) }, worker));
  return outcomes;
}
