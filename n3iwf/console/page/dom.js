/** Building the page: every text goes in as text, so that nothing a UE or a peer calls itself is ever markup. */

/**
 * An element with attributes and children. A child that is undefined is left out.
 *
 * @param {string} tag
 * @param {Record<string, string>} attributes
 * @param {...(Node | string | undefined)} children
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== undefined));
  return element;
}

/**
 * An element of the page by its ID; the page has all that are asked for.
 *
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page lacks #${id}`);
  return element;
}

/**
 * Puts children in place of those that are there, unless they say the same: focus and selection stay.
 *
 * @param {Element} place
 * @param {...Node} children
 */
export function fill(place, ...children) {
  const next = make('div', {}, ...children);
  if (next.innerHTML !== place.innerHTML) place.replaceChildren(...next.childNodes);
}

/**
 * A table. Cells are texts or nodes; `long` columns may wrap.
 *
 * @param {string} caption
 * @param {readonly string[]} heads
 * @param {readonly (readonly (Node | string)[])[]} rows
 * @param {ReadonlySet<number>} long
 */
export function table(caption, heads, rows, long = new Set()) {
  const head = make('tr', {}, ...heads.map((text) => make('th', { scope: 'col' }, text)));
  const body = rows.map((cells) =>
    make('tr', {}, ...cells.map((cell, at) => make('td', long.has(at) ? { class: 'long' } : {}, cell))),
  );
  const whole = make(
    'table',
    {},
    make('caption', {}, caption),
    make('thead', {}, head),
    make('tbody', {}, ...body),
  );
  return make('div', { class: 'scroll', role: 'region', tabindex: '0', 'aria-label': caption }, whole);
}

/**
 * What an SA's keys rest on, in words and colour.
 *
 * @param {string} mode
 */
export function modeText(mode) {
  return make('span', { class: `mode mode-${mode}` }, mode);
}

/**
 * A span of seconds in the largest units that fit: `2 h 5 min`.
 *
 * @param {number} seconds
 */
export function spanText(seconds) {
  const whole = Math.floor(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3600)} h`;
}

/**
 * A number of octets as people say it.
 *
 * @param {number} octets
 */
export function octetsText(octets) {
  const units = ['octets', 'kB', 'MB', 'GB', 'TB'];
  let value = octets;
  let at = 0;
  for (; value >= 1000 && at < units.length - 1; at++) value /= 1000;
  return `${at === 0 ? value : value.toFixed(1)} ${units[at]}`;
}
