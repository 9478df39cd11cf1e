/**
 * Which payload may be in which message, and how often: RFC 7296 sections 1.2 to 1.4 and appendix C, RFC 9242 and
 * RFC 9370 for exchanges 43 and 44. An exchange whose messages come in several shapes has one form for each;
 * a message must fit one of them. Handlers start with a message known to be complete.
 */

import type { Result } from './cursor.ts';
import { IkeError } from './errors.ts';
import { EXCHANGE, FIRST_STATUS_NOTIFY, NOTIFY, nameOf } from './registry.ts';
import type { KnownPayload, Payload } from './types.ts';

/** By the R flag. */
export type Direction = 'request' | 'response';

/** [least, most] of one payload type; types without a row are not allowed. */
type Form = Partial<Record<KnownPayload['type'], readonly [min: number, max: number]>>;
type Forms = Readonly<Record<string, Form>>;

const ONE = [1, 1] as const;
const OPTIONAL = [0, 1] as const;
const ANY = [0, 128] as const;
const OPEN = { Notify: ANY, VendorId: ANY } as const;
const CHILD = { SA: ONE, TSi: ONE, TSr: ONE } as const;
const CERTIFICATES = { CERT: ANY, CERTREQ: ANY } as const;
const OPENING = {
  IDi: ONE,
  IDr: OPTIONAL,
  AUTH: OPTIONAL,
  CP: OPTIONAL,
  ...CERTIFICATES,
  ...OPEN,
} as const;
const CLOSING = { IDr: OPTIONAL, AUTH: ONE, CP: OPTIONAL, ...CERTIFICATES, ...OPEN } as const;
const INIT = { SA: ONE, KE: ONE, Nonce: ONE, CERTREQ: ANY, ...OPEN } as const;
const CREATE = {
  ike: { SA: ONE, Nonce: ONE, KE: ONE, ...OPEN },
  child: { ...CHILD, Nonce: ONE, KE: OPTIONAL, CP: OPTIONAL, ...OPEN },
} as const;
const INFORMATIONAL = { any: { Delete: ANY, CP: OPTIONAL, ...OPEN } } as const;
const KEY_EXCHANGE = { any: { KE: OPTIONAL, ...OPEN } } as const;
const FOLLOW_UP = { any: { KE: ONE, ...OPEN } } as const;

/** Exchange type -> direction -> form name -> rows. [RFC7296 1.2] [RFC7296 1.3] [RFC7296 1.4] */
const RULES: ReadonlyMap<number, Readonly<Record<Direction, Forms>>> = new Map<
  number,
  Readonly<Record<Direction, Forms>>
>([
  [EXCHANGE.IKE_SA_INIT, { request: { any: INIT }, response: { any: INIT } }],
  [
    EXCHANGE.IKE_AUTH,
    {
      request: {
        first: { ...OPENING, ...CHILD },
        // [RFC6023 3] without a first Child SA.
        childless: OPENING,
        eap: { EAP: ONE, ...OPEN },
        last: { AUTH: ONE, CP: OPTIONAL, ...OPEN },
      },
      // An excused answer fits several forms; the last exchange's is meant.
      response: {
        last: { ...CLOSING, ...CHILD },
        childless: CLOSING,
        first: { IDr: ONE, AUTH: OPTIONAL, EAP: ONE, ...CERTIFICATES, ...OPEN },
        eap: { EAP: ONE, ...OPEN },
      },
    },
  ],
  [EXCHANGE.CREATE_CHILD_SA, { request: CREATE, response: CREATE }],
  [EXCHANGE.INFORMATIONAL, { request: INFORMATIONAL, response: INFORMATIONAL }],
  [EXCHANGE.IKE_INTERMEDIATE, { request: KEY_EXCHANGE, response: KEY_EXCHANGE }],
  [EXCHANGE.IKE_FOLLOWUP_KE, { request: FOLLOW_UP, response: FOLLOW_UP }],
]);

/**
 * The name of the form that `payloads` fit, e.g. 'first', 'eap', 'last' for IKE_AUTH; otherwise an IkeError with the
 * Notify that answers it. A response that carries an error Notify, a COOKIE or a REDIRECT may lack what its form demands.
 */
export function checkPayloads(
  exchange: number,
  direction: Direction,
  payloads: readonly Payload[],
): Result<string, IkeError> {
  const critical = payloads.find((payload) => payload.type === 'Unknown' && payload.critical);
  if (critical?.type === 'Unknown') return { ok: false, error: unsupportedCritical(critical.payloadType) };
  const forms = RULES.get(exchange)?.[direction];
  if (forms === undefined) return refuse(`exchange ${nameOf('exchange', exchange)} is not supported`);
  const excused = direction === 'response' && payloads.some(reportsFailure);
  const counts = countTypes(payloads);
  const breaches = Object.entries(forms).map(([name, form]) => ({
    name,
    breach: findBreach(form, counts, excused),
  }));
  const fit = breaches.find(({ breach }) => breach === undefined);
  if (fit !== undefined) return { ok: true, value: fit.name };
  const reasons = breaches.map(({ name, breach }) => (name === 'any' ? breach : `as ${name}: ${breach}`));
  return refuse(`${nameOf('exchange', exchange)} ${direction} ${reasons.join('; ')}`);
}

/** [RFC7296 2.5]: an unknown payload with the critical bit refuses the whole message and is named in the answer. */
function unsupportedCritical(payloadType: number): IkeError {
  const reason = `critical payload ${payloadType} is not supported`;
  return new IkeError(reason, NOTIFY.UNSUPPORTED_CRITICAL_PAYLOAD, Uint8Array.of(payloadType));
}

function refuse(reason: string): { ok: false; error: IkeError } {
  return { ok: false, error: new IkeError(reason) };
}

function reportsFailure(payload: Payload): boolean {
  if (payload.type !== 'Notify') return false;
  const { notifyType } = payload;
  return notifyType < FIRST_STATUS_NOTIFY || notifyType === NOTIFY.COOKIE || notifyType === NOTIFY.REDIRECT;
}

/** Unknown payloads without the critical bit are skipped. [RFC7296 2.5] */
function countTypes(payloads: readonly Payload[]): Map<KnownPayload['type'], number> {
  const counts = new Map<KnownPayload['type'], number>();
  for (const { type } of payloads) {
    if (type !== 'Unknown') counts.set(type, (counts.get(type) ?? 0) + 1);
  }
  return counts;
}

function findBreach(
  form: Form,
  counts: ReadonlyMap<KnownPayload['type'], number>,
  excused: boolean,
): string | undefined {
  for (const [type, count] of counts) {
    const max = form[type]?.[1] ?? 0;
    if (count > max) return `has ${count} ${type}, at most ${max} may be`;
  }
  if (excused) return undefined;
  for (const [type, [min]] of Object.entries(form) as [KnownPayload['type'], readonly [number, number]][]) {
    if ((counts.get(type) ?? 0) < min) return `lacks ${type}`;
  }
  return undefined;
}
