/** Who may ask what of the admin port: rules on a request's head, before anything of it is done. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

/** Where JSON requests are. */
export const apiPrefix = '/api/';

/** Octets of a request's body, at most. */
const mostBody = 16 * 1024;

/** What the rules know beside the request. */
export interface Access {
  /** The port is open to this machine alone. */
  readonly onLoopback: boolean;
  /** What clients of `/api` have to show; undefined where none is configured. */
  readonly token: string | undefined;
}

/** A rule, and what a request gets that breaks it. */
export interface AccessRule {
  readonly status: number;
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly broken: (request: IncomingMessage, access: Access) => boolean;
}

const isApi = ({ url = '' }: IncomingMessage) => url.startsWith(apiPrefix);
const isPost = ({ method }: IncomingMessage) => method === 'POST';

/** In this order, the first broken one counts. */
const rules: readonly AccessRule[] = [
  {
    status: 405,
    text: 'only GET',
    headers: { allow: 'GET' },
    broken: (request) => !isApi(request) && request.method !== 'GET',
  },
  {
    status: 405,
    text: 'only GET and POST',
    headers: { allow: 'GET, POST' },
    broken: (request) => isApi(request) && request.method !== 'GET' && !isPost(request),
  },
  { status: 403, text: 'not for pages of other sites', broken: isOfAnotherSite },
  {
    // A name that a stranger's DNS leads here would make the port his own origin in a browser.
    status: 403,
    text: 'not by that name',
    broken: ({ headers }, { onLoopback }) => onLoopback && !isLocalHost(headers.host ?? ''),
  },
  {
    status: 413,
    text: 'no body is taken',
    broken: (request) => !isPost(request) && hasBody(request),
  },
  {
    status: 411,
    text: 'a body has to say how long it is',
    broken: (request) => isPost(request) && request.headers['content-length'] === undefined,
  },
  {
    status: 413,
    text: `a body has ${mostBody} octets at most`,
    broken: (request) => isPost(request) && !(Number(request.headers['content-length']) <= mostBody),
  },
  {
    status: 403,
    text: 'there is no token (admin.tokenFile): nothing can be done from here, and only this machine may look',
    broken: (request, { onLoopback, token }) =>
      isApi(request) && token === undefined && (isPost(request) || !onLoopback),
  },
  {
    status: 401,
    text: 'the token is missing or wrong',
    headers: { 'www-authenticate': 'Bearer' },
    broken: (request, { token }) => isApi(request) && token !== undefined && !shows(request, token),
  },
];

/** The first rule that the request breaks; undefined for one that is in order. */
export function brokenRule(request: IncomingMessage, access: Access): AccessRule | undefined {
  return rules.find((rule) => rule.broken(request, access));
}

/** A browser tells where the page is from that asks; programs tell nothing. */
function isOfAnotherSite({ headers }: IncomingMessage): boolean {
  const { origin, host = '' } = headers;
  if (origin !== undefined && origin !== `http://${host}`) return true;
  const site = headers['sec-fetch-site'];
  return site !== undefined && !/^(?:none|same-origin)$/.test(String(site));
}

function isLocalHost(host: string): boolean {
  const name = host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  return name === 'localhost' || isIP(name) !== 0;
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0;
}

/** Compared in constant time, whatever the lengths. */
function shows({ headers }: IncomingMessage, token: string): boolean {
  const given = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1] ?? '';
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(token));
}
