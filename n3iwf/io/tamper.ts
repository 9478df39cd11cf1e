/** The tamper input: a file whose appearance, or a signal whose arrival, means that someone is at the machine. */
import { existsSync } from 'node:fs';

/** Well below the 100 ms in which keys shall be gone. */
const POLL_MS = 20;

/** Calls back once, at SIGUSR2 or when `file` is there, with what it was. @returns what ends the watch */
export function watchTamper(file: string | undefined, tampered: (reason: string) => void): () => void {
  let told = false;
  const tell = (reason: string): void => {
    if (told) return;
    told = true;
    stop();
    tampered(reason);
  };
  const signalled = (): void => tell('tamper signal');
  // Polling sees a file on any file system, also one that a driver makes appear.
  const timer =
    file === undefined
      ? undefined
      : setInterval(() => {
          if (existsSync(file)) tell(`tamper file ${file}`);
        }, POLL_MS);
  const stop = (): void => {
    clearInterval(timer);
    process.off('SIGUSR2', signalled);
  };
  process.on('SIGUSR2', signalled);
  return stop;
}
