/** Encoders of the bodies of ETSI GS QKD 014 clause 6. Only the key container carries secrets and is built as octets. */
import { base64Length, encodeBase64Into } from '../codec/base64.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import { type DeliveredKey, type KeyRequest, LINK_EXTENSIONS, type Status } from './types.ts';

const utf8 = new TextEncoder();

/** [ETSI014 6.1] */
export function encodeStatus(status: Status): Uint8Array {
  return utf8.encode(
    JSON.stringify({
      source_KME_ID: status.sourceKmeId,
      target_KME_ID: status.targetKmeId,
      master_SAE_ID: status.masterSaeId,
      slave_SAE_ID: status.slaveSaeId,
      key_size: status.keySizeBits,
      stored_key_count: status.storedKeyCount,
      max_key_count: status.maxKeyCount,
      max_key_per_request: status.maxKeyPerRequest,
      max_key_size: status.maxKeySizeBits,
      min_key_size: status.minKeySizeBits,
      max_SAE_ID_count: status.maxSaeIdCount,
      status_extension: linkExtension(status),
    }),
  );
}

/** What is known of the link; undefined when nothing is. */
function linkExtension(status: Status): Record<string, number> | undefined {
  const known = LINK_EXTENSIONS.flatMap(({ member, name }) => {
    const value = status[member];
    return value === undefined ? [] : [[name, value] as const];
  });
  return known.length === 0 ? undefined : Object.fromEntries(known);
}

/** [ETSI014 6.2] */
export function encodeKeyRequest(request: KeyRequest): Uint8Array {
  return utf8.encode(
    JSON.stringify({
      number: request.number,
      size: request.sizeBits,
      additional_slave_SAE_IDs: request.additionalSlaveSaeIds,
      extension_mandatory: request.extensionMandatory?.map(plain),
      extension_optional: request.extensionOptional?.map(plain),
    }),
  );
}

/** Maps become objects, so that JSON.stringify sees their members. */
function plain(value: JsonValue): unknown {
  if (value instanceof Map) return Object.fromEntries([...toEntries(value)]);
  return Array.isArray(value) ? value.map(plain) : value;
}

function* toEntries(object: JsonObject): Generator<[string, unknown]> {
  for (const [name, value] of object) yield [name, plain(value)];
}

/** [ETSI014 6.4] */
export function encodeKeyIds(keyIds: readonly string[]): Uint8Array {
  return utf8.encode(JSON.stringify({ key_IDs: keyIds.map((keyId) => ({ key_ID: keyId })) }));
}

/** [ETSI014 6.5] */
export function encodeError(message: string): Uint8Array {
  return utf8.encode(JSON.stringify({ message }));
}

/** The container is put together as octets, because its keys must not become part of a string. */
const HEAD = utf8.encode('{"keys":[');
const TAIL = utf8.encode(']}');

/** A key container in a buffer of its own, which the caller zeroes once it is sent. [ETSI014 6.3] */
export function encodeKeyContainer(keys: readonly DeliveredKey[]): Uint8Array {
  const fronts = keys.map((key, index) =>
    utf8.encode(`${index === 0 ? '' : ','}{"key_ID":${JSON.stringify(key.keyId)},"key":"`),
  );
  const length = keys.reduce(
    (sum, key, index) => sum + (fronts[index]?.length ?? 0) + base64Length(key.secret.length) + 2,
    HEAD.length + TAIL.length,
  );
  const out = new Uint8Array(length);
  out.set(HEAD);
  let at = HEAD.length;
  for (const [index, key] of keys.entries()) {
    const front = fronts[index] ?? HEAD;
    out.set(front, at);
    at = key.secret.use((bytes) => encodeBase64Into(out, at + front.length, bytes));
    out[at++] = 0x22;
    out[at++] = 0x7d;
  }
  out.set(TAIL, at);
  return out;
}
