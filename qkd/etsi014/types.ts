/** The data formats of ETSI GS QKD 014 V1.1.1 clause 6, in the names of this project. Sizes are in bits, as there. */
import type { JsonObject } from '../codec/json.ts';
import type { Secret } from '../secret.ts';

/** Status [ETSI014 6.1]: what a KME says about the keys it shares for a pair of SAEs. */
export interface Status {
  readonly sourceKmeId: string;
  readonly targetKmeId: string;
  readonly masterSaeId: string;
  readonly slaveSaeId: string;
  readonly keySizeBits: number;
  readonly storedKeyCount: number;
  readonly maxKeyCount: number;
  readonly maxKeyPerRequest: number;
  readonly maxKeySizeBits: number;
  readonly minKeySizeBits: number;
  /** 0: the KME hands no key to more than one slave. */
  readonly maxSaeIdCount: number;
  /** Error rate of the worst hop, 0 to 0.5. Like the two below, our own member of `status_extension`, absent from other KMEs. */
  readonly linkQber?: number;
  /** Photon detections per second of the darkest hop. */
  readonly linkCountsPerSecond?: number;
  /** Part of the time since its start for which the worst hop gave key, 0 to 1. */
  readonly linkAvailability?: number;
}

/** Our own members of `status_extension`: what they are called here and there, and the most that each may be. */
export const LINK_EXTENSIONS = [
  { member: 'linkQber', name: 'qn3iwf_qber', most: 0.5 },
  { member: 'linkCountsPerSecond', name: 'qn3iwf_counts_per_second', most: Number.MAX_VALUE },
  { member: 'linkAvailability', name: 'qn3iwf_availability', most: 1 },
] as const satisfies readonly { member: keyof Status; name: string; most: number }[];

/** What a KME of ours tells of the link behind it. */
export type LinkFigures = Pick<Status, (typeof LINK_EXTENSIONS)[number]['member']>;

/** Key request [ETSI014 6.2]; a member left out takes the KME's default. */
export interface KeyRequest {
  readonly number?: number;
  readonly sizeBits?: number;
  readonly additionalSlaveSaeIds?: readonly string[];
  readonly extensionMandatory?: readonly JsonObject[];
  readonly extensionOptional?: readonly JsonObject[];
}

/** One key of a key container [ETSI014 6.3]. Who holds it wipes it. */
export interface DeliveredKey {
  readonly keyId: string;
  readonly secret: Secret;
}

/** The three methods of clause 5, by the last segment of their path. */
export const METHODS = { status: 'status', encKeys: 'enc_keys', decKeys: 'dec_keys' } as const;

/** The fixed texts of the Error format [ETSI014 6.5]. */
export const ERROR_MESSAGES = {
  sizeNotMultipleOf8: 'size shall be a multiple of 8',
  mandatoryNotSupported: 'not all extension_mandatory parameters are supported',
  mandatoryNotMet: 'not all extension_mandatory request options could be met',
  optionalNotHandled: 'not all extension_optional request options handled',
  keysNotFound: 'one or more keys specified are not found on KME',
} as const;

/** A UUID as text, in either case (RFC 9562 4); key IDs are compared in lower case. */
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** A text that is none is never sent to a KME. */
export function isKeyId(text: string): boolean {
  return UUID.test(text);
}

/** The path of a method; `saeId` is always the other SAE's. [ETSI014 5.1] */
export function methodPath(saeId: string, method: (typeof METHODS)[keyof typeof METHODS]): string {
  return `/api/v1/keys/${encodeURIComponent(saeId)}/${method}`;
}
