/**
 * Key managers that tell a gateway which keys were laid out for it, so that it fetches them before a UE names one. ETSI GS
 * QKD 014 has no such message: it is ours, and a gateway without it asks for each key when it is named.
 *
 * Nothing here is waited for by whoever draws a key. What cannot be told is told again with growing pauses, one request at
 * a time for each gateway; what is too old or too much is given up, which costs that key's round trip and nothing else.
 */

import { type AnnouncePlace, postAnnouncement } from '../io/announce-http.ts';
import { readNamedFile } from './configuration-file.ts';
import type { KmeConfig } from './kme-config.ts';

/** IDs in one request, whose body has to stay below 16 kB. */
export const MOST_IDS = 128;
/** IDs that wait for one gateway. */
export const MOST_WAITING = 10_000;
/** A UE names a key soon after it was drawn: later the gateway has it, or it waits in the UE's store for long. */
const MOST_AGE_MS = 600_000;
/** Pauses after a failure: the first and the longest, ms; each is twice the one before, half of it at random. */
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 30_000;
const TIMEOUT_MS = 10_000;
/** The gateway understood and will not take it another time either. */
const refusals: readonly number[] = [400, 413, 422];

/** What an announcer stands on. */
export interface AnnouncerParts {
  /** What it is called in the log. */
  readonly name: string;
  /** IDs in one request: the gateway asks its KME for as many at once. */
  readonly mostIds: number;
  /** Tells the gateway of keys that `peer` drew. Gives the HTTP status; rejects when there is no answer. */
  post(peer: string, keyIds: readonly string[]): Promise<number>;
  now(): number;
  /** From 0 up to but not including 1. */
  random(): number;
  log(line: string): void;
}

interface WaitingId {
  readonly peer: string;
  readonly keyId: string;
  readonly sinceMs: number;
}

/** The queue in front of one gateway. Handle: {@link add}, {@link close}. Read: {@link waiting}, {@link givenUp}. */
export class Announcer {
  readonly #parts: AnnouncerParts;
  #queue: WaitingId[] = [];
  #timer: NodeJS.Timeout | undefined;
  #sending = false;
  #failures = 0;
  #givenUp = 0;
  #closed = false;

  constructor(parts: AnnouncerParts) {
    this.#parts = parts;
  }

  /** IDs that the gateway has not been told yet. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** IDs that it never will be. */
  get givenUp(): number {
    return this.#givenUp;
  }

  /** Takes IDs to be told; returns at once. */
  add(peer: string, keyIds: readonly string[]): void {
    if (this.#closed) return;
    const sinceMs = this.#parts.now();
    for (const keyId of keyIds) this.#queue.push({ peer, keyId, sinceMs });
    const over = this.#queue.length - MOST_WAITING;
    if (over > 0) this.#giveUp(this.#queue.splice(0, over).length);
    if (!this.#sending && this.#timer === undefined) this.#wake(0);
  }

  /** What still waits is forgotten. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#queue = [];
  }

  #wake(afterMs: number): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#send();
    }, afterMs);
    this.#timer.unref();
  }

  /** The oldest IDs of one peer go first. */
  async #send(): Promise<void> {
    const oldest = this.#parts.now() - MOST_AGE_MS;
    const fresh = this.#queue.findIndex(({ sinceMs }) => sinceMs >= oldest);
    this.#giveUp(this.#queue.splice(0, fresh === -1 ? this.#queue.length : fresh).length);
    const [first] = this.#queue;
    if (first === undefined) return;
    const { peer } = first;
    const until = this.#queue.findIndex((entry) => entry.peer !== peer);
    const batch = this.#queue.splice(
      0,
      Math.min(this.#parts.mostIds, until === -1 ? this.#queue.length : until),
    );
    this.#sending = true;
    const fault = await this.#post(batch);
    this.#sending = false;
    if (this.#closed) return;
    if (fault === undefined) this.#succeeded();
    else this.#failed(batch, fault);
    if (this.#queue.length > 0) this.#wake(this.#pauseMs());
  }

  /** Undefined when the gateway has them, or will not have them. */
  async #post(batch: readonly WaitingId[]): Promise<string | undefined> {
    try {
      const status = await this.#parts.post(
        batch[0]?.peer ?? '',
        batch.map(({ keyId }) => keyId),
      );
      if (refusals.includes(status)) {
        this.#giveUp(batch.length);
        this.#parts.log(`${this.#parts.name} refuses an announcement of keys: status ${status}`);
        return undefined;
      }
      return status >= 200 && status < 300 ? undefined : `status ${status}`;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  #succeeded(): void {
    if (this.#failures > 0)
      this.#parts.log(`${this.#parts.name} takes announcements again; ${this.#givenUp} were given up so far`);
    this.#failures = 0;
  }

  /** Told once, until it goes again. */
  #failed(batch: readonly WaitingId[], fault: string): void {
    if (this.#failures === 0)
      this.#parts.log(`${this.#parts.name} takes no announcements of keys: ${fault}; tried again later`);
    this.#failures++;
    this.#queue.unshift(...batch);
    const over = this.#queue.length - MOST_WAITING;
    if (over > 0) this.#giveUp(this.#queue.splice(0, over).length);
  }

  #pauseMs(): number {
    if (this.#failures === 0) return 0;
    const most = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.#failures - 1));
    return (most * (1 + this.#parts.random())) / 2;
  }

  #giveUp(count: number): void {
    this.#givenUp += count;
  }
}

/** Announcers of a configuration, by the SAEs for which keys are laid out. */
export class KmeAnnouncements {
  readonly #rows: readonly {
    readonly slave: string;
    readonly master: string | undefined;
    readonly announcer: Announcer;
  }[];

  /** @throws OperatorError N3IWF_E_CONFIG for a token or certificate that cannot be read */
  constructor(
    config: Pick<KmeConfig, 'announce' | 'maxKeyPerRequest'>,
    now: () => number,
    log: (line: string) => void,
  ) {
    const mostIds = Math.min(MOST_IDS, config.maxKeyPerRequest);
    this.#rows = config.announce.map((row) => {
      const place = placeOf(row);
      const post = (peer: string, keyIds: readonly string[]) =>
        postAnnouncement(place, { peer, keyIds }, TIMEOUT_MS);
      const name = `the gateway of ${row.saeId} at ${row.socket ?? row.url}`;
      const announcer = new Announcer({ name, mostIds, post, now, random: Math.random, log });
      return { slave: row.saeId, master: row.masterSaeId, announcer };
    });
  }

  /** Keys were laid out for `slave`, which `master` drew. */
  readonly laidOut = (slave: string, master: string, keyIds: readonly string[]): void => {
    for (const row of this.#rows)
      if (row.slave === slave && (row.master ?? master) === master) row.announcer.add(master, keyIds);
  };

  close(): void {
    for (const { announcer } of this.#rows) announcer.close();
  }
}

function placeOf({ socket, url = '', tokenFile = '', ca }: KmeConfig['announce'][number]): AnnouncePlace {
  if (socket !== undefined) return { socket };
  const text = (key: string, file: string) => new TextDecoder().decode(readNamedFile(key, file)).trim();
  const authority = ca === undefined ? {} : { authority: text('announce.ca', ca) };
  return { url, token: text('announce.tokenFile', tokenFile), ...authority };
}
