/**
 * How key managers in the field depart from ETSI GS QKD 014 V1.1.1, as far as a client has to know. A profile is a row;
 * what a row leaves out is as the standard has it. The classification of answers stays one table: a status code that the
 * standard does not have is given the meaning that those who send it give it.
 */
import type { CLIENT_ERRORS } from './client.ts';

/** What to do differently for one kind of KME. */
export interface KmeQuirks {
  /** How keys are asked for; GET carries one key ID per request, so several take several requests. [ETSI014 5.3] */
  readonly method: 'POST' | 'GET';
  /** Which members of a Key request it understands; one left out is not sent. */
  readonly sends: readonly ('number' | 'size')[];
  /** Most keys that it gives at once, whatever its status says. */
  readonly maxPerRequest: number;
  /** Keys can wait for the slave: false where a new draw of a pair throws away what the slave has not fetched. */
  readonly mayPrefetch: boolean;
  /** A refusal may have cost keys, because it takes them out of the pool one by one. */
  readonly refusalMayBurn: boolean;
  /** Status codes that mean something else here than in the client's table. */
  readonly statuses: Readonly<Record<number, (typeof CLIENT_ERRORS)[number]>>;
}

/** The standard itself. */
const STANDARD: KmeQuirks = {
  method: 'POST',
  sends: ['number', 'size'],
  maxPerRequest: Number.POSITIVE_INFINITY,
  mayPrefetch: true,
  refusalMayBurn: false,
  statuses: {},
};

/** By the names that a configuration uses. Each was read from the implementation's source or its public notes. */
export const KME_QUIRKS = {
  standard: STANDARD,
  /** thomasarmel/qkd_kme_server: 256 bits only, at most 10 keys; 412 a peer that is not configured, 409 a conflict. */
  'qkd-kme-server': {
    ...STANDARD,
    maxPerRequest: 10,
    sends: ['number'],
    statuses: { 409: 'unavailable', 412: 'bad-request' },
  },
  /** CreepPork/next-door-key-simulator: an empty pool is 400; a new draw replaces the keys that wait. */
  'next-door': { ...STANDARD, mayPrefetch: false, statuses: { 400: 'unavailable' } },
  /** The mock of arnika: one key of 256 bits per request. */
  'arnika-mock': { ...STANDARD, method: 'GET', sends: [], maxPerRequest: 1 },
  /** bb84-kme: validation is 422; 503 comes after the first keys of the batch are gone. */
  'bb84-kme': { ...STANDARD, sends: ['number'], refusalMayBurn: true, statuses: { 422: 'bad-request' } },
  /** krich11/easy-kme: as the standard, but every fault of its own is 503. */
  'easy-kme': STANDARD,
  /** Open-QKD-Network/qkd-net: GET without number and size; a refusal is 200 with an empty key. */
  'qkd-net': { ...STANDARD, method: 'GET', sends: [], maxPerRequest: 1 },
} as const satisfies Readonly<Record<string, KmeQuirks>>;

/** Key of {@link KME_QUIRKS}. */
export type KmeQuirkName = keyof typeof KME_QUIRKS;
