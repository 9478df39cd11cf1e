/** Resolves at the first SIGINT or SIGTERM; keeps the process alive until then. */
export async function untilSignal(): Promise<void> {
  const ending = watchEnd();
  await ending.asked;
  ending.close();
}

/** What tells a process to end. */
export interface EndWatch {
  /** Resolves when it is told for the first time, with by what. */
  readonly asked: Promise<string>;
  /** Aborts when it is told a second time: nothing may be waited for any more. */
  readonly atOnce: AbortSignal;
  /** Tells it from inside, with why. */
  ask(why: string): void;
  /** Signals have their usual meaning again. */
  close(): void;
}

/** Listens for SIGINT and SIGTERM; keeps the process alive until it is closed. */
export function watchEnd(): EndWatch {
  const { promise, resolve } = Promise.withResolvers<string>();
  const cut = new AbortController();
  const keepAlive = setInterval(() => {}, 60_000);
  let told = false;
  const ask = (why: string): void => {
    if (told) cut.abort();
    told = true;
    resolve(why);
  };
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.on(signal, ask);
  return {
    asked: promise,
    atOnce: cut.signal,
    ask,
    close: () => {
      clearInterval(keepAlive);
      for (const signal of signals) process.off(signal, ask);
    },
  };
}

/** Calls back at each SIGHUP. @returns what ends that */
export function onReload(reload: () => void): () => void {
  process.on('SIGHUP', reload);
  return () => void process.off('SIGHUP', reload);
}
