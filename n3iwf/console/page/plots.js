/** Live plots: each keeps its own last values and draws them as one line. */
import { make } from './dom.js';

const kept = 300;
const svg = 'http://www.w3.org/2000/svg';

/** One quantity over time. */
export class Plot {
  /**
   * @param {string} name
   * @param {(value: number) => string} text
   */
  constructor(name, text) {
    this.name = name;
    this.text = text;
    /** @type {number[]} */
    this.values = [];
    this.figure = make('figure');
  }

  /** @param {number | undefined} value undefined where nothing is known; nothing is drawn for it */
  add(value) {
    if (value === undefined) return;
    this.values.push(value);
    if (this.values.length > kept) this.values.shift();
    this.draw();
  }

  draw() {
    const last = this.values.at(-1) ?? 0;
    const [least, most] = [Math.min(...this.values), Math.max(...this.values)];
    // What reads the same is drawn as the same: noise below the last digit is no slope.
    const isFlat = this.text(least) === this.text(most);
    const line = document.createElementNS(svg, 'polyline');
    line.setAttribute('points', pointsOf(this.values, least, isFlat ? undefined : most));
    const drawing = document.createElementNS(svg, 'svg');
    drawing.setAttribute('viewBox', '0 0 100 40');
    drawing.setAttribute('preserveAspectRatio', 'none');
    drawing.setAttribute('role', 'img');
    const range = `${this.text(least)} to ${this.text(most)}`;
    drawing.setAttribute('aria-label', `${this.name}: now ${this.text(last)}, ${range} lately`);
    drawing.append(line);
    this.figure.replaceChildren(
      make('figcaption', {}, make('span', {}, this.name), make('strong', {}, this.text(last))),
      drawing,
      make(
        'div',
        { class: 'range' },
        make('span', {}, `least ${this.text(least)}`),
        make('span', {}, `most ${this.text(most)}`),
      ),
    );
  }
}

/**
 * @param {readonly number[]} values
 * @param {number} least
 * @param {number | undefined} most undefined for a line without any height, in the middle
 */
function pointsOf(values, least, most) {
  const heightOf = (/** @type {number} */ value) =>
    most === undefined ? 0.5 : (value - least) / (most - least);
  const step = 100 / Math.max(1, values.length - 1);
  return values
    .map((value, at) => `${(at * step).toFixed(2)},${(38 - heightOf(value) * 36).toFixed(2)}`)
    .join(' ');
}
