/**
 * A QKD key as a key exchange: the initiator's KE payload has the 16 octets of the key's ID, the responder's is empty, and
 * the key is the shared secret. Its method number is of the private range, for peers that agreed on it beforehand.
 */

import { DecodeError } from '../wire/cursor.ts';
import { equalOctets, hexOctets } from './octets.ts';
import { QKD_METHOD } from './suites.ts';
import type { KeyExchange } from './types.ts';

const KEY_ID_LENGTH = 16;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The 16 octets of a UUID in text form; undefined for anything else. */
export function keyIdOctets(text: Uint8Array): Uint8Array | undefined {
  const uuid = new TextDecoder().decode(text);
  return UUID.test(uuid) ? hexOctets(uuid.replaceAll('-', '').toLowerCase()) : undefined;
}

/** The text form of a KE payload's key ID; undefined if it has not 16 octets. */
export function keyIdText(octets: Uint8Array): Uint8Array | undefined {
  if (octets.length !== KEY_ID_LENGTH) return undefined;
  const hex = Buffer.from(octets).toString('hex');
  return new TextEncoder().encode(hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'));
}

/** The initiator's half; undefined when the key's name is no UUID. The secret is handed over. */
export function qkdExchange(name: Uint8Array, secret: Uint8Array): Omit<KeyExchange, 'name'> | undefined {
  const publicValue = keyIdOctets(name);
  if (publicValue === undefined) return undefined;
  return {
    method: QKD_METHOD,
    publicValue,
    computeSecret(answer) {
      if (equalOctets(answer, new Uint8Array(0))) return { ok: true, value: secret };
      return { ok: false, error: new DecodeError('KE', 0, 'the answer to a key ID is not empty') };
    },
  };
}
