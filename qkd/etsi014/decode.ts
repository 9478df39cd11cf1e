/**
 * Decoders of the bodies of ETSI GS QKD 014 clause 6. Total: a body of any octets gives a value or a text that says what
 * is wrong and never quotes the body.
 */
import { decodeBase64 } from '../codec/base64.ts';
import { isJsonObject, isSecretText, type JsonObject, type JsonValue, parseJson } from '../codec/json.ts';
import { fail, ok, type Result } from '../result.ts';
import { Secret } from '../secret.ts';
import {
  type DeliveredKey,
  isKeyId,
  type KeyRequest,
  LINK_EXTENSIONS,
  type LinkFigures,
  type Status,
} from './types.ts';

const SECRET_MEMBERS: ReadonlySet<string> = new Set(['key']);

/** The text says which member is missing or of a wrong type. */
export type Decoded<T> = Result<T, string>;

/** Every body of clause 6 is one JSON object. */
function decodeObject(body: Uint8Array, secretMembers?: ReadonlySet<string>): Decoded<JsonObject> {
  const parsed = parseJson(body, secretMembers);
  if (!parsed.ok) return fail(parsed.error.message);
  return isJsonObject(parsed.value) ? ok(parsed.value) : fail('the body is no JSON object');
}

/** JSON has one kind of number; counts and sizes are whole and not negative. */
function isCount(value: JsonValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/** The members of Status by their type, in the order of the standard. */
const STATUS_TEXTS = ['source_KME_ID', 'target_KME_ID', 'master_SAE_ID', 'slave_SAE_ID'] as const;
const STATUS_COUNTS = [
  'key_size',
  'stored_key_count',
  'max_key_count',
  'max_key_per_request',
  'max_key_size',
  'min_key_size',
  'max_SAE_ID_count',
] as const;

/** Status; every member but `status_extension` is mandatory. [ETSI014 6.1] */
export function decodeStatus(body: Uint8Array): Decoded<Status> {
  const object = decodeObject(body);
  if (!object.ok) return object;
  const text = (name: (typeof STATUS_TEXTS)[number]): string => String(object.value.get(name));
  const count = (name: (typeof STATUS_COUNTS)[number]): number => Number(object.value.get(name));
  for (const name of STATUS_TEXTS)
    if (typeof object.value.get(name) !== 'string') return fail(`${name} is no text`);
  for (const name of STATUS_COUNTS) if (!isCount(object.value.get(name))) return fail(`${name} is no count`);
  return ok({
    sourceKmeId: text('source_KME_ID'),
    targetKmeId: text('target_KME_ID'),
    masterSaeId: text('master_SAE_ID'),
    slaveSaeId: text('slave_SAE_ID'),
    keySizeBits: count('key_size'),
    storedKeyCount: count('stored_key_count'),
    maxKeyCount: count('max_key_count'),
    maxKeyPerRequest: count('max_key_per_request'),
    maxKeySizeBits: count('max_key_size'),
    minKeySizeBits: count('min_key_size'),
    maxSaeIdCount: count('max_SAE_ID_count'),
    ...linkFiguresOf(object.value),
  });
}

/** Our own extensions; anything else there is left aside, and so is a value that cannot be. */
function linkFiguresOf(status: JsonObject): LinkFigures {
  const extension = status.get('status_extension');
  if (!isJsonObject(extension)) return {};
  const read = LINK_EXTENSIONS.map(({ member, name, most }) => [member, extension.get(name), most] as const);
  const usable = read.filter(([, value, most]) => typeof value === 'number' && value >= 0 && value <= most);
  return Object.fromEntries(usable.map(([member, value]) => [member, value]));
}

/** Key request; an empty body asks for the defaults. [ETSI014 6.2] */
export function decodeKeyRequest(body: Uint8Array): Decoded<KeyRequest> {
  if (body.length === 0) return ok({});
  const object = decodeObject(body);
  if (!object.ok) return object;
  const slaves = object.value.get('additional_slave_SAE_IDs');
  const mandatory = object.value.get('extension_mandatory');
  const optional = object.value.get('extension_optional');
  const number = object.value.get('number');
  const size = object.value.get('size');
  if (number !== undefined && !isCount(number)) return fail('number is no count');
  if (size !== undefined && !isCount(size)) return fail('size is no count');
  if (slaves !== undefined && !isListOf(slaves, isText))
    return fail('additional_slave_SAE_IDs is no list of texts');
  if (mandatory !== undefined && !isListOf(mandatory, isJsonObject))
    return fail('extension_mandatory is no list of objects');
  if (optional !== undefined && !isListOf(optional, isJsonObject))
    return fail('extension_optional is no list of objects');
  return ok({
    ...(number === undefined ? {} : { number }),
    ...(size === undefined ? {} : { sizeBits: size }),
    ...(slaves === undefined ? {} : { additionalSlaveSaeIds: slaves }),
    ...(mandatory === undefined ? {} : { extensionMandatory: mandatory }),
    ...(optional === undefined ? {} : { extensionOptional: optional }),
  });
}

function isText(value: JsonValue): value is string {
  return typeof value === 'string';
}

function isListOf<T extends JsonValue>(
  value: JsonValue,
  test: (item: JsonValue) => item is T,
): value is readonly T[] {
  return Array.isArray(value) && value.every(test);
}

/** Key IDs: a list of objects, each with a `key_ID`. They come back in lower case. [ETSI014 6.4] */
export function decodeKeyIds(body: Uint8Array): Decoded<readonly string[]> {
  const object = decodeObject(body);
  if (!object.ok) return object;
  const list = object.value.get('key_IDs');
  if (!Array.isArray(list)) return fail('key_IDs is no list');
  const ids: string[] = [];
  for (const entry of list) {
    const id = isJsonObject(entry) ? entry.get('key_ID') : undefined;
    if (typeof id !== 'string') return fail('an entry of key_IDs has no key_ID');
    ids.push(id.toLowerCase());
  }
  return ok(ids);
}

/** A key container: the keys that could be read, and what was wrong with it as a whole, if anything. */
export interface DecodedContainer {
  readonly keys: readonly DeliveredKey[];
  readonly fault: string | undefined;
}

/**
 * Key container. The keys are decoded from the octets of `body` into buffers of their own; wiping `body` is the caller's
 * work. A fault in one key does not hide the others, because their IDs are spent at the KME and must be accounted for.
 * [ETSI014 6.3]
 */
export function decodeKeyContainer(body: Uint8Array): DecodedContainer {
  const object = decodeObject(body, SECRET_MEMBERS);
  if (!object.ok) return { keys: [], fault: object.error };
  const list = object.value.get('keys');
  if (!Array.isArray(list)) return { keys: [], fault: 'keys is no list' };
  const keys: DeliveredKey[] = [];
  let fault: string | undefined;
  for (const entry of list) {
    const key = isJsonObject(entry) ? decodeKey(body, entry) : fail('an entry of keys is no object');
    if (key.ok) keys.push(key.value);
    else fault ??= key.error;
  }
  return { keys, fault };
}

/** One entry of `keys`; its extensions are left aside. */
function decodeKey(body: Uint8Array, entry: JsonObject): Decoded<DeliveredKey> {
  const keyId = entry.get('key_ID');
  const text = entry.get('key');
  if (typeof keyId !== 'string' || !isKeyId(keyId)) return fail('a key_ID is no UUID');
  if (!isSecretText(text)) return fail('a key is no text');
  const bytes = decodeBase64(body, text.start, text.end);
  if (bytes === undefined) return fail('a key is no Base64');
  return ok({ keyId: keyId.toLowerCase(), secret: Secret.own(bytes) });
}

/**
 * The `message` of an Error body, cut to a length fit for a log; undefined when the body is something else. Several KMEs
 * write `detail` instead. [ETSI014 6.5]
 */
export function decodeErrorMessage(body: Uint8Array): string | undefined {
  const object = decodeObject(body);
  const message = object.ok ? (object.value.get('message') ?? object.value.get('detail')) : undefined;
  return typeof message === 'string' ? message.slice(0, 200) : undefined;
}
