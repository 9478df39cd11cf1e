/** The views of a running node as text for a terminal of 80 columns. Pure: values in, lines out. */
import type {
  AlarmView,
  AmfView,
  ChildSaView,
  KeysView,
  SessionView,
  StatusView,
  UeDetailView,
  UeView,
} from '../admin/view-types.ts';
import { brief, type Column, duration, pairLines, tableLines } from './table.ts';

const amfColumns: readonly Column<AmfView>[] = [
  { title: 'AMF', of: ({ number }) => number, align: 'right' },
  { title: 'NAME', of: ({ name }) => name, least: 12 },
  { title: 'STATE', of: ({ state }) => state },
  { title: 'CAPACITY', of: ({ capacity }) => capacity, align: 'right' },
  { title: 'UES', of: ({ ues }) => ues, align: 'right' },
];

const alarmColumns: readonly Column<AlarmView>[] = [
  { title: 'ALARM', of: ({ name }) => name },
  { title: 'SEVERITY', of: ({ severity }) => severity },
  { title: 'SINCE', of: ({ since }) => since.slice(0, 19) },
  { title: 'WHAT', of: ({ detail }) => detail, least: 12 },
];

const ueColumns: readonly Column<UeView>[] = [
  { title: 'ID', of: ({ id }) => id, align: 'right' },
  { title: 'UE', of: ({ name }) => name, least: 16 },
  { title: 'STATE', of: ({ state }) => state },
  { title: 'PEER', of: ({ peer }) => peer, least: 12 },
  { title: 'AMF', of: ({ amf }) => amf, least: 4 },
  { title: 'SESS', of: ({ sessions }) => sessions.length, align: 'right' },
  { title: 'KEYS', of: ({ mode }) => mode },
  { title: 'AGE', of: ({ ageSeconds }) => duration(ageSeconds), align: 'right' },
];

const sessionColumns: readonly Column<SessionView>[] = [
  { title: 'UE', of: ({ ue, ueId }) => ue || `#${ueId}`, least: 12 },
  { title: 'ID', of: ({ session }) => session, align: 'right' },
  { title: 'TYPE', of: ({ type }) => type, least: 4 },
  { title: 'UPF', of: ({ upf }) => upf, least: 12 },
  { title: 'FLOWS', of: ({ flows }) => flows.map(flowText).join(' '), least: 6 },
  { title: 'UP', of: ({ uplinkOctets }) => brief(uplinkOctets), align: 'right' },
  { title: 'DOWN', of: ({ downlinkOctets }) => brief(downlinkOctets), align: 'right' },
];

const childColumns: readonly Column<ChildSaView>[] = [
  { title: 'CHILD SA', of: childUse },
  { title: 'SPI IN', of: ({ spiIn }) => spiIn },
  { title: 'SPI OUT', of: ({ spiOut }) => spiOut },
  { title: 'SUITE', of: ({ suite }) => suite, least: 10 },
  { title: 'KEYS', of: ({ mode }) => mode },
  { title: 'KEY AGE', of: ({ keyAgeSeconds }) => duration(keyAgeSeconds), align: 'right' },
  { title: 'IN', of: ({ octetsIn }) => brief(octetsIn), align: 'right' },
  { title: 'OUT', of: ({ octetsOut }) => brief(octetsOut), align: 'right' },
];

/** `QFI/5QI`, with a star for a guaranteed bit rate. */
function flowText({ qfi, fiveQi, guaranteed }: SessionView['flows'][number]): string {
  return `${qfi}${fiveQi === undefined ? '' : `/${fiveQi}`}${guaranteed ? '*' : ''}`;
}

/** What a Child SA carries: NAS, or flows of a session. */
function childUse({ use, session, isDefault, qfis = [] }: ChildSaView): string {
  if (use !== 'session') return use;
  return `session ${session}${isDefault === true ? '' : ` flows ${qfis.join(',')}`}`;
}

/** `word count` for each count that is not 0. */
function nonZero(counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts).filter(([, count]) => count !== 0);
  return parts.map(([name, count]) => `${name} ${count}`).join(', ') || 'none';
}

/** `n3iwf status`. */
export function statusLines(status: StatusView, alarms: readonly AlarmView[], width = 80): string[] {
  const { version, name, uptimeSeconds, obstacle, counts, ues, keyModes, policy, keying, packets } = status;
  const pairs = pairLines(
    [
      ['node', `${name}, version ${version}, up ${duration(uptimeSeconds)}`],
      ['takes UEs', obstacle === undefined ? 'yes' : `no: ${obstacle}`],
      ['UEs', nonZero(ues)],
      ['sessions', counts.sessions],
      ['SAs', `${counts.ikeSas} IKE, ${counts.childSas} Child`],
      ['keys of SAs', nonZero(keyModes)],
      ['policy', keying === undefined ? policy : `${policy}, now ${keying}`],
      [
        'packets',
        `${brief(packets.uplink)} up, ${brief(packets.downlink)} down, ${brief(packets.dropped)} dropped`,
      ],
    ],
    width,
  );
  const alarmTable = alarms.length === 0 ? ['no alarm'] : tableLines(alarmColumns, alarms, width);
  return [...pairs, '', ...tableLines(amfColumns, status.amfs, width), '', ...alarmTable];
}

/** `n3iwf ues`. */
export function ueLines(ues: readonly UeView[], width = 80): string[] {
  return ues.length === 0 ? ['no UE'] : tableLines(ueColumns, ues, width);
}

/** `n3iwf sessions`; flows as QFI/5QI, with a star where the bit rate is guaranteed. */
export function sessionLines(sessions: readonly SessionView[], width = 80): string[] {
  return sessions.length === 0 ? ['no session'] : tableLines(sessionColumns, sessions, width);
}

/** `n3iwf ue`. */
export function ueDetailLines(ue: UeDetailView, width = 80): string[] {
  const { ikeSa, traffic } = ue;
  const head = pairLines(
    [
      ['UE', `${ue.name || '(no name yet)'}, #${ue.id}`],
      ['state', `${ue.state}, for ${duration(ue.ageSeconds)}`],
      ['peer', ue.peer],
      ['inner address', ue.innerAddress],
      [
        'AMF',
        ue.amf === undefined
          ? undefined
          : `${ue.amf}${ue.amfUeNgapId === undefined ? '' : `, its number ${ue.amfUeNgapId}`}`,
      ],
      [
        'packets',
        `${brief(traffic.uplinkPackets)} up, ${brief(traffic.downlinkPackets)} down, dropped: ${nonZero(ue.drops)}`,
      ],
    ],
    width,
  );
  const sa = ikeSa === undefined ? ['no IKE SA'] : ikeLines(ikeSa, width);
  const keys = ue.childSas.flatMap((child) =>
    child.keyId === undefined ? [] : [`${childUse(child)}: key ${child.keyId}`],
  );
  const children =
    ue.childSas.length === 0 ? [] : ['', ...tableLines(childColumns, ue.childSas, width), ...keys];
  const sessions = ue.sessionDetails.length === 0 ? [] : ['', ...sessionLines(ue.sessionDetails, width)];
  return [...head, '', ...sa, ...children, ...sessions];
}

/** The IKE SA of a UE, a line for each thing known of it. */
function ikeLines(sa: NonNullable<UeDetailView['ikeSa']>, width: number): string[] {
  const rekeys = sa.rekeys === 0 ? '' : `, rekeyed ${sa.rekeys} times`;
  return pairLines(
    [
      ['IKE SA', `${sa.spiInitiator}_i ${sa.spiResponder}_r`],
      ['suite', sa.suite],
      ['AUTH', sa.authKeyId === undefined ? sa.auth : `${sa.auth}, key ${sa.authKeyId}`],
      ['keys', `${sa.mode}, ${duration(sa.keyAgeSeconds)} old${rekeys}`],
      ['key ID', sa.keyId],
    ],
    width,
  );
}

/** `n3iwf keys`. */
export function keyLines({ policy, supply, pool, handed, keyModes }: KeysView, width = 80): string[] {
  const kme =
    supply === undefined
      ? 'none, or not seen yet'
      : supply.reachable
        ? `answers, ${supply.storedKeys ?? '?'} keys wait there`
        : 'gives no answer';
  return pairLines(
    [
      [
        'policy',
        supply === undefined
          ? policy
          : `${policy}, now ${supply.mode}${supply.reason === undefined ? '' : ` (${supply.reason})`}`,
      ],
      ['KME', kme],
      ['link', supply === undefined ? undefined : linkText(supply)],
      [
        'wanted soon',
        supply?.needKeys === undefined
          ? undefined
          : `${Math.round(supply.needKeys)} of ${Math.round(supply.supplyKeys ?? 0)} to be had`,
      ],
      ['pool', pool === undefined ? undefined : nonZero(pool)],
      ['given to SAs', handed],
      ['keys of SAs', nonZero(keyModes)],
    ],
    width,
  );
}

/** What the KME says of its link. */
function linkText({ keysPerSecond, qber }: NonNullable<KeysView['supply']>): string {
  const errors = qber === undefined ? '' : `, error rate ${(qber * 100).toFixed(2)} %`;
  return `${keysPerSecond.toFixed(2)} keys/s${errors}`;
}
