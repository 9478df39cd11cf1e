/** The messages of one UE as arrows between three lifelines, as they happen. */
import { byId, make } from './dom.js';

/** @typedef {import('../../journal/feed.ts').NodeEvent} NodeEvent */

/** Words for stages, which are no messages. */
const stages = {
  started: 'the UE shows itself',
  ikeSaUp: 'IKE SA is up',
  ikeSaRekeyed: 'IKE SA is rekeyed',
  childSaUp: 'Child SA is up',
  childSaRekeyed: 'Child SA is rekeyed',
  childSaDown: 'Child SA is gone',
  attached: 'attached',
  moved: 'the UE moved',
  closed: 'IKE SA is closed',
};

/** Shows the UE that came last, until somebody chooses one. */
export class Ladder {
  constructor() {
    /** @type {Map<number, NodeEvent[]>} */
    this.events = new Map();
    /** @type {Map<number, string>} */
    this.names = new Map();
    this.select = /** @type {HTMLSelectElement} */ (byId('ladder-ue'));
    this.steps = byId('ladder-steps');
    // It scrolls, so a keyboard has to reach it.
    this.steps.tabIndex = 0;
    this.chosen = 0;
    this.isFollowing = true;
    this.select.addEventListener('change', () => {
      this.isFollowing = false;
      this.show(Number(this.select.value));
    });
  }

  /** @param {readonly NodeEvent[]} events in their order */
  add(events) {
    for (const event of events) {
      const { ueId } = event;
      if (ueId === undefined || (event.kind !== 'message' && event.kind !== 'stage')) continue;
      const isNew = !this.events.has(ueId);
      const known = this.events.get(ueId) ?? [];
      this.events.set(ueId, known);
      known.push(event);
      if (isNew) this.drawChoice();
      if (isNew && this.isFollowing) this.show(ueId);
      else if (ueId === this.chosen) this.append(event, known[0]?.timeMs ?? event.timeMs);
    }
  }

  /** @param {ReadonlyMap<number, string>} names of UEs by their numbers */
  name(names) {
    const isChanged = [...names].some(([id, name]) => this.names.get(id) !== name);
    for (const [id, name] of names) this.names.set(id, name);
    if (isChanged) this.drawChoice();
  }

  drawChoice() {
    const options = [...this.events.keys()]
      .reverse()
      .map((id) => make('option', { value: String(id) }, `${id} ${this.names.get(id) ?? ''}`));
    this.select.replaceChildren(...options);
    this.select.value = String(this.chosen);
  }

  /** @param {number} ueId */
  show(ueId) {
    this.chosen = ueId;
    this.select.value = String(ueId);
    this.steps.replaceChildren();
    const events = this.events.get(ueId) ?? [];
    for (const event of events) this.append(event, events[0]?.timeMs ?? event.timeMs);
  }

  /**
   * @param {NodeEvent} event
   * @param {number} startMs
   */
  append(event, startMs) {
    const atEnd = this.steps.scrollTop + this.steps.clientHeight >= this.steps.scrollHeight - 20;
    this.steps.append(make('li', {}, stepOf(event, startMs)));
    if (atEnd) this.steps.scrollTop = this.steps.scrollHeight;
  }
}

/**
 * @param {NodeEvent} event
 * @param {number} startMs
 */
function stepOf(event, startMs) {
  const time = make('span', { class: 'time' }, `${((event.timeMs - startMs) / 1000).toFixed(3)} s `);
  if (event.kind === 'stage') {
    const key = event.keyId === undefined ? '' : ` — key ${event.keyId}`;
    return make('div', { class: 'stage' }, time, `${stages[event.name]} ${event.detail ?? ''}${key}`);
  }
  if (event.kind !== 'message') return make('div');
  const { from, to, protocol, name, detail } = event;
  const side = from === 'UE' || to === 'UE' ? 'left' : 'right';
  const text = `${protocol} ${name}${detail === undefined ? '' : ` (${detail})`}`;
  const attributes = { class: `arrow ${side} ${wayOf(from, to)}`, title: `${from} to ${to}` };
  return make('div', attributes, time, make('span', { class: 'unseen' }, `${from} to ${to}: `), text);
}

/**
 * @param {string} from
 * @param {string} to
 */
function wayOf(from, to) {
  const order = ['UE', 'N3IWF', 'AMF'];
  return order.indexOf(from) < order.indexOf(to) ? 'forth' : 'back';
}
