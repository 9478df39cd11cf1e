/** Tells a gateway of keys that wait for it: `POST /keys/announce` of its control socket, or of its admin port with a token. */
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { apiPrefix } from './admin-access.ts';
import { bareHost } from './key-request.ts';

/** Where a gateway takes announcements: its control socket, for whoever owns it, or its admin port by the console's token. */
export type AnnouncePlace =
  | { readonly socket: string }
  | { readonly url: string; readonly token: string; readonly authority?: string };

/** An answer of some lines is read, no more. */
const MAX_ANSWER_OCTETS = 4096;
const path = '/keys/announce';

/**
 * Sends one announcement, once.
 *
 * @returns the HTTP status; rejects when there is no answer within `timeoutMs`
 */
export function postAnnouncement(place: AnnouncePlace, body: object, timeoutMs: number): Promise<number> {
  const octets = Buffer.from(JSON.stringify(body));
  const headers = { 'content-type': 'application/json', 'content-length': octets.length };
  const common = { method: 'POST', signal: AbortSignal.timeout(timeoutMs) };
  return new Promise((resolve, reject) => {
    const answered = (incoming: IncomingMessage): void => {
      let length = 0;
      incoming.on('data', (piece: Uint8Array) => {
        length += piece.length;
        if (length > MAX_ANSWER_OCTETS) incoming.destroy(new Error('the answer is too long'));
      });
      incoming.on('error', reject);
      incoming.on('end', () => resolve(incoming.statusCode ?? 0));
    };
    const outgoing =
      'socket' in place
        ? httpRequest({ ...common, socketPath: place.socket, path, headers }, answered)
        : requestAt(place, { ...common, headers }, answered);
    outgoing.on('error', reject);
    outgoing.end(octets);
  });
}

/** By HTTPS where the URL says so, such as that of a proxy in front of the admin port. */
function requestAt(
  { url, token, authority }: Extract<AnnouncePlace, { url: string }>,
  { headers, ...common }: RequestOptions,
  answered: (incoming: IncomingMessage) => void,
) {
  const base = new URL(url);
  const options = {
    ...common,
    host: bareHost(base),
    port: base.port,
    path: `${base.pathname.replace(/\/$/, '')}${apiPrefix.replace(/\/$/, '')}${path}`,
    headers: { ...headers, authorization: `Bearer ${token}` },
  };
  return base.protocol === 'https:'
    ? httpsRequest({ ...options, ...(authority === undefined ? {} : { ca: authority }) }, answered)
    : httpRequest(options, answered);
}
