/** Requests to the node. The token, where there is one, lives in this tab's session only. */

const tokenKey = 'qn3iwf token';

/** @param {string} token */
export function keepToken(token) {
  if (token === '') sessionStorage.removeItem(tokenKey);
  else sessionStorage.setItem(tokenKey, token);
}

/** @returns {boolean} */
export function hasToken() {
  return sessionStorage.getItem(tokenKey) !== null;
}

/** A request that the node did not do, with its reason. */
export class Refused extends Error {
  /**
   * @param {number} status
   * @param {string} message
   */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/**
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @returns {Promise<any>} the parsed answer
 */
async function ask(method, path, body) {
  const token = sessionStorage.getItem(tokenKey);
  const answer = await fetch(`api${path}`, {
    method,
    headers: {
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (answer.ok) return JSON.parse(text);
  throw new Refused(answer.status, messageOf(text));
}

/** @param {string} text */
function messageOf(text) {
  try {
    return String(JSON.parse(text).message ?? text);
  } catch {
    return text.trim();
  }
}

/** @param {string} path */
export const read = (path) => ask('GET', path);

/**
 * @param {string} path
 * @param {unknown} body
 */
export const act = (path, body) => ask('POST', path, body);
