/** What programs print of an attach: times, in seconds of the wall clock, undefined where there is none, and faults. */

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

/** The faults in a log of free5GC's programs: what follows the level, without time and colours. */
export function faultsIn(log: string): string[] {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  const lines = log.replaceAll(/\u001b\[[\d;]*m/g, '').split('\n');
  return lines.flatMap((line) => {
    const fault = /\[(?:ERRO|FATA)\](?:\[[^\]]*\])* *(.*)$/.exec(line)?.[1] ?? /^(panic: .*)/.exec(line)?.[1];
    return fault === undefined ? [] : [fault];
  });
}
