/** What is wrong with the node as a whole, for as long as it is. */
import type { EventFeed } from './feed.ts';

/** Every alarm that the node knows, with how bad it is. */
export const alarmSeverities = {
  amfLost: 'critical',
  kmeUnreachable: 'critical',
  qberHigh: 'critical',
  keyStoreUnreadable: 'critical',
  keysTooFew: 'warning',
  upfSilent: 'warning',
} as const satisfies Readonly<Record<string, 'warning' | 'critical'>>;
/** Name of an alarm, as metrics and the feed have it. */
export type AlarmName = keyof typeof alarmSeverities;

/** An alarm that stands. */
export interface Alarm {
  readonly name: AlarmName;
  readonly severity: 'warning' | 'critical';
  /** Which of several: the number of an AMF, the address of a UPF; empty where there is only one. */
  readonly subject: string;
  readonly detail: string;
  /** Wall clock, ms since 1970. */
  readonly sinceMs: number;
}

/** The board. Handle: {@link set}. Read: {@link standing}. Each change goes to the feed once. */
export class AlarmBoard {
  private readonly feed: EventFeed;
  private readonly alarms = new Map<string, Alarm>();

  constructor(feed: EventFeed) {
    this.feed = feed;
  }

  /** Raises the alarm where `stands`, else clears it; what is so already stays as it is. */
  set(name: AlarmName, stands: boolean, detail: string, subject = ''): void {
    const key = `${name} ${subject}`;
    if (stands === this.alarms.has(key)) return;
    const severity = alarmSeverities[name];
    if (stands) this.alarms.set(key, { name, severity, subject, detail, sinceMs: this.feed.now() });
    else this.alarms.delete(key);
    this.feed.add({ kind: 'alarm', name, severity, raised: stands, detail });
  }

  /** Those that stand, the oldest first. */
  standing(): readonly Alarm[] {
    return [...this.alarms.values()];
  }
}
