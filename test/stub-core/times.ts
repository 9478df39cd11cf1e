/** Times of an attach, read from what programs print; all in seconds of the wall clock, undefined where it is not there. */

/** A time in RFC 3339, with all its digits. */
export function secondsOf(time: string): number {
  const fraction = /\.\d+/.exec(time)?.[0] ?? '';
  return Date.parse(time.replace(fraction, '')) / 1000 + Number(fraction);
}

/** The first packet that `tcpdump -tt` tells. */
export function firstPacketAt(tcpdump: string): number | undefined {
  const at = /^\d+\.\d+(?= )/m.exec(tcpdump)?.[0];
  return at === undefined ? undefined : Number(at);
}

/** The Registration Complete that free5GC's AMF logs first. */
export function registrationCompleteAt(amfLog: string): number | undefined {
  const at = /^(\d{4}-\S+?Z).*Handle Registration Complete/m.exec(amfLog)?.[1];
  return at === undefined ? undefined : secondsOf(at);
}

/** The first echo reply that `ping -D` prints. */
export function firstReplyAt(ping: string): number | undefined {
  const at = /^\[(\d+\.\d+)\] \d+ bytes from/m.exec(ping)?.[1];
  return at === undefined ? undefined : Number(at);
}
