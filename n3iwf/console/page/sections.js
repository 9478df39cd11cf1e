/** What each section of the page shows of a view; all of it is drawn anew from values, nothing is kept here. */
import { byId, fill, make, modeText, octetsText, spanText, table } from './dom.js';

/** @typedef {import('../../admin/view-types.ts').StatusView} StatusView */
/** @typedef {import('../../admin/view-types.ts').UeView} UeView */
/** @typedef {import('../../admin/view-types.ts').UeDetailView} UeDetailView */
/** @typedef {import('../../admin/view-types.ts').KeysView} KeysView */
/** @typedef {import('../../admin/view-types.ts').AlarmView} AlarmView */
/** @typedef {import('../../admin/view-types.ts').AmfView} AmfView */
/** @typedef {import('../../admin/view-types.ts').AuditView} AuditView */

/** @param {StatusView} status */
export function drawStatus(status) {
  byId('name').textContent = `${status.name} — qn3iwf ${status.version}`;
  const state = status.draining ? 'draining' : status.obstacle === undefined ? 'takes UEs' : status.obstacle;
  const text = `${state}, up for ${spanText(Math.floor(status.uptimeSeconds / 60) * 60)}`;
  if (byId('state').textContent !== text) byId('state').textContent = text;
  const { counts, keyModes, packets } = status;
  const figures = {
    'UEs attached': String(status.ues.attached ?? counts.ues),
    'UEs in all': String(counts.ues),
    'PDU sessions': String(counts.sessions),
    'IKE SAs': String(counts.ikeSas),
    'Child SAs': String(counts.childSas),
    'Packets up': String(packets.uplink),
    'Packets down': String(packets.downlink),
    'Packets dropped': String(packets.dropped),
    Policy: status.policy,
    ...Object.fromEntries(Object.entries(keyModes).map(([mode, count]) => [`SAs on ${mode}`, String(count)])),
  };
  fill(byId('figures'), ...tiles(figures));
}

/**
 * A name above a value each, for a list of the class `figures`.
 *
 * @param {Readonly<Record<string, string>>} figures
 */
function tiles(figures) {
  return Object.entries(figures).map(([name, value]) =>
    make('div', {}, make('dt', {}, name), make('dd', {}, value)),
  );
}

/** @param {readonly AlarmView[]} alarms */
export function drawAlarms(alarms) {
  const none = make('p', { class: 'quiet' }, 'None stands.');
  const shown = alarms.map(({ name, severity, subject, detail, since }) =>
    make(
      'p',
      { class: `alarm ${severity}` },
      make('strong', {}, `${name} ${subject}`),
      ` ${detail}, since ${timeOf(since)} (${severity})`,
    ),
  );
  fill(byId('alarm-list'), ...(shown.length === 0 ? [none] : shown));
}

/**
 * @param {readonly UeView[]} ues
 * @param {(id: number) => void} choose called with the number of a UE whose button was pressed
 */
export function drawUes(ues, choose) {
  const rows = ues.map((ue) => [
    make('button', { type: 'button', 'data-ue': String(ue.id) }, `${ue.id} ${ue.name}`),
    ue.state,
    ue.mode === undefined ? '' : modeText(ue.mode),
    ue.peer,
    ue.innerAddress ?? '',
    ue.amf ?? '',
    ue.sessions.join(' '),
    spanText(ue.ageSeconds),
  ]);
  const heads = ['UE', 'State', 'Keys', 'Reached at', 'Inner address', 'AMF', 'Sessions', 'For'];
  fill(byId('ue-table'), table(`UEs of this node: ${ues.length}`, heads, rows));
  for (const button of byId('ue-table').querySelectorAll('button'))
    button.onclick = () => choose(Number(button.dataset.ue));
}

/** Columns with SPIs, key IDs and suites: they may wrap, so that all columns fit a desk's screen. */
const wideSaColumns = new Set([1, 3, 6]);

/** @param {UeDetailView} ue */
function saRows(ue) {
  const rows = ue.childSas.map((sa) => [
    sa.use === 'session' ? `session ${sa.session ?? ''}` : sa.use,
    `${sa.spiIn} / ${sa.spiOut}`,
    modeText(sa.mode),
    sa.keyId ?? '',
    spanText(sa.keyAgeSeconds),
    String(sa.rekeys),
    sa.suite,
    `${sa.packetsIn} / ${sa.packetsOut}`,
  ]);
  const { ikeSa } = ue;
  if (ikeSa === undefined) return rows;
  const spis = `${ikeSa.spiInitiator} / ${ikeSa.spiResponder}`;
  const age = spanText(ikeSa.keyAgeSeconds);
  const first = [
    'IKE',
    spis,
    modeText(ikeSa.mode),
    ikeSa.keyId ?? '',
    age,
    String(ikeSa.rekeys),
    ikeSa.suite,
    '',
  ];
  return [first, ...rows];
}

/**
 * @param {UeDetailView | undefined} ue
 * @param {{ rekey: () => void, release: () => void }} actions
 */
export function drawUe(ue, actions) {
  const place = byId('ue-detail');
  if (ue === undefined) return fill(place);
  const saHeads = ['SA', 'SPIs', 'Keys', 'Key ID', 'Key age', 'Rekeys', 'Suite', 'Packets in / out'];
  const sessions = ue.sessionDetails.map((session) => [
    String(session.session),
    session.type,
    `${session.dlTeid} at ${session.n3Address}`,
    `${session.ulTeid} at ${session.upf}`,
    session.flows
      .map(({ qfi, fiveQi }) => `${qfi}${fiveQi === undefined ? '' : ` (5QI ${fiveQi})`}`)
      .join(', '),
    `${octetsText(session.uplinkOctets)} / ${octetsText(session.downlinkOctets)}`,
  ]);
  const drops = Object.entries(ue.drops).map(([cause, count]) => `${cause} ${count}`);
  fill(
    place,
    make('h3', {}, `UE ${ue.id} ${ue.name}`),
    table('Security associations', saHeads, saRows(ue), wideSaColumns),
    table('PDU sessions', ['Session', 'Type', 'Our tunnel end', 'UPF', 'Flows', 'Up / down'], sessions),
    make(
      'p',
      { class: 'quiet' },
      drops.length === 0 ? 'No packet of it was dropped.' : `Dropped: ${drops.join(', ')}`,
    ),
    make(
      'p',
      {},
      make('button', { type: 'button', 'data-act': 'rekey' }, 'Rekey its SAs'),
      ' ',
      make('button', { type: 'button', 'data-act': 'release' }, 'Release it'),
    ),
  );
  for (const button of place.querySelectorAll('button'))
    button.onclick = () => actions[button.dataset.act === 'rekey' ? 'rekey' : 'release']();
}

/** @param {KeysView} keys */
export function drawKeys({ policy, supply, pool, handed }) {
  const words =
    supply === undefined
      ? `Policy ${policy}; this node has no KME.`
      : `Policy ${policy}; ${supply.mode === 'qkd' ? 'quantum keys are used' : 'fallback to ML-KEM'}` +
        `${supply.reason === undefined ? '' : ` (${supply.reason})`}; the KME is ${supply.reachable ? 'reachable' : 'not reachable'}; ` +
        `${handed} keys went to SAs.`;
  if (byId('keying').textContent !== words) byId('keying').textContent = words;
  if (pool === undefined) return fill(byId('pool'));
  const counts = Object.fromEntries(Object.entries(pool).map(([state, count]) => [state, String(count)]));
  fill(
    byId('pool'),
    make('h3', {}, 'Keys in the store, by what became of them'),
    make('dl', { class: 'figures' }, ...tiles(counts)),
  );
}

/** @param {readonly AmfView[]} amfs */
export function drawAmfs(amfs) {
  const rows = amfs.map((amf) => [
    String(amf.number),
    amf.name,
    amf.state,
    String(amf.capacity),
    String(amf.ues),
  ]);
  const heads = ['Number', 'Name', 'State', 'Capacity', 'UEs'];
  fill(byId('amf-table'), table(`AMFs that this node knows: ${amfs.length}`, heads, rows));
}

/** @param {AuditView | null} audit */
export function drawAudit(audit) {
  if (audit === null) {
    byId('audit-chain').textContent = 'This node keeps none: it has no key store.';
    return;
  }
  const isWhole = audit.chain === 'ok';
  const chain = isWhole
    ? '✓ each row shown follows from the one before'
    : `✗ broken at row ${audit.brokenAt ?? '?'}`;
  fill(
    byId('audit-chain'),
    make('span', {}, `${audit.length} rows; `),
    make('span', { class: isWhole ? 'good' : 'bad' }, `${chain}.`),
  );
  const rows = [...audit.rows].reverse().map(auditCells);
  const heads = ['Row', 'At', 'Event', 'Keys', 'Reason', 'Peer', 'Hash'];
  fill(byId('audit-table'), table('Its end, newest first', heads, rows, new Set([3, 4])));
}

/** Members of an event that have a column of their own, or stand elsewhere in the row. */
const auditColumns = new Set(['at', 'seq', 'event', 'keys', 'reason', 'peer']);

/**
 * A row of the audit record; members without a column follow the reason, so that nothing is left out.
 *
 * @param {AuditView['rows'][number]} row
 */
function auditCells({ sequence, at, event, hash }) {
  const said = /** @type {Record<string, unknown>} */ (event);
  const keys = Array.isArray(said.keys) ? said.keys.map(String) : [];
  const rest = Object.entries(said).filter(([name]) => !auditColumns.has(name));
  const more = rest.map(([name, value]) => `${name}: ${JSON.stringify(value)}`);
  const reason = [...(said.reason === undefined ? [] : [String(said.reason)]), ...more].join('; ');
  const keyText = keys.length > mostKeys ? `${keys.length} keys, ${keys[0]} first` : keys.join(' ');
  return [
    String(sequence),
    timeOf(at),
    String(said.event ?? ''),
    keyText,
    reason,
    String(said.peer ?? ''),
    hash.slice(0, 16),
  ];
}

/** Keys of one event that are named each. */
const mostKeys = 3;

/** @param {string} iso */
function timeOf(iso) {
  return iso.slice(0, 19).replace('T', ' ');
}
