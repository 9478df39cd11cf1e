/**
 * The bodies of Cisco's Secure Key Integration Protocol (draft-cisco-skip-02, continued as draft-singh-skip-00): what an
 * encryptor and its key provider say to each other. A key ID there is 128 bits in hexadecimal; here it is the same bits in
 * the layout of a UUID, so that one store holds keys of every interface.
 */
import { decodeHex, encodeHexInto } from '../codec/hex.ts';
import { isJsonObject, isSecretText, type JsonObject, type JsonValue, parseJson } from '../codec/json.ts';
import type { DeliveredKey } from '../etsi014/types.ts';
import { fail, ok, type Result } from '../result.ts';
import { Secret } from '../secret.ts';

/** What a key provider can do, and for whom. */
export interface SkipCapabilities {
  readonly entropy: boolean;
  readonly key: boolean;
  readonly algorithm: string;
  readonly localSystemId: string;
  /** Globs such as `site-*` are allowed. */
  readonly remoteSystemIds: readonly string[];
}

const HEX_ID = /^[0-9a-f]{32}$/i;
const SECRET_MEMBERS: ReadonlySet<string> = new Set(['key']);
const utf8 = new TextEncoder();

/** 32 hexadecimal digits as a UUID text; undefined for anything else. */
export function uuidOfSkipId(keyId: string): string | undefined {
  if (!HEX_ID.test(keyId)) return undefined;
  const hex = keyId.toLowerCase();
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** And back: a UUID without its hyphens. */
export function skipIdOfUuid(keyId: string): string {
  return keyId.replaceAll('-', '').toLowerCase();
}

/** A key as the provider hands it out: `{"keyId":"hex","key":"hex"}`. The text of an error never quotes the body. */
export function decodeSkipKey(body: Uint8Array): Result<DeliveredKey, string> {
  const parsed = parseJson(body, SECRET_MEMBERS);
  if (!parsed.ok) return fail(parsed.error.message);
  if (!isJsonObject(parsed.value)) return fail('the body is no JSON object');
  const id = parsed.value.get('keyId');
  const keyId = typeof id === 'string' ? uuidOfSkipId(id) : undefined;
  if (keyId === undefined) return fail('keyId is not 128 bits in hexadecimal');
  const text = parsed.value.get('key');
  if (!isSecretText(text)) return fail('key is no text');
  const bytes = decodeHex(body, text.start, text.end);
  return bytes === undefined ? fail('key is not hexadecimal') : ok({ keyId, secret: Secret.own(bytes) });
}

/** In a buffer of its own, which the caller zeroes once it is sent. */
export function encodeSkipKey(key: DeliveredKey): Uint8Array {
  const front = utf8.encode(`{"keyId":"${skipIdOfUuid(key.keyId)}","key":"`);
  const out = new Uint8Array(front.length + key.secret.length * 2 + 2);
  out.set(front);
  const end = key.secret.use((bytes) => encodeHexInto(out, front.length, bytes));
  out.set(utf8.encode('"}'), end);
  return out;
}

/** */
export function decodeCapabilities(body: Uint8Array): Result<SkipCapabilities, string> {
  const parsed = parseJson(body);
  if (!parsed.ok) return fail(parsed.error.message);
  const object = parsed.value;
  if (!isJsonObject(object)) return fail('the body is no JSON object');
  const [entropy, key] = [object.get('entropy'), object.get('key')];
  const [algorithm, localSystemId] = [object.get('algorithm'), object.get('localSystemID')];
  const remoteSystemIds = textsOf(object, 'remoteSystemID');
  if (typeof entropy !== 'boolean' || typeof key !== 'boolean')
    return fail('entropy or key is no truth value');
  if (typeof algorithm !== 'string' || typeof localSystemId !== 'string')
    return fail('algorithm or localSystemID is no text');
  if (remoteSystemIds === undefined) return fail('remoteSystemID is no list of texts');
  return ok({ entropy, key, algorithm, localSystemId, remoteSystemIds });
}

function textsOf(object: JsonObject, member: string): readonly string[] | undefined {
  const list: JsonValue | undefined = object.get(member);
  if (!Array.isArray(list)) return undefined;
  const texts = list.filter((item): item is string => typeof item === 'string');
  return texts.length === list.length ? texts : undefined;
}

/** */
export function encodeCapabilities(capabilities: SkipCapabilities): Uint8Array {
  const { entropy, key, algorithm, localSystemId, remoteSystemIds } = capabilities;
  const members = { entropy, key, algorithm, localSystemID: localSystemId, remoteSystemID: remoteSystemIds };
  return utf8.encode(JSON.stringify(members));
}

/** Whether a name fits one of the globs of a capability: `*` stands for any text. */
export function fitsGlob(name: string, globs: readonly string[]): boolean {
  return globs.some((glob) => {
    const parts = glob.split('*');
    const [first = '', last = ''] = [parts[0], parts.at(-1)];
    if (parts.length === 1) return name === glob;
    if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length)
      return false;
    let at = first.length;
    for (const part of parts.slice(1, -1)) {
      const found = name.indexOf(part, at);
      if (found < 0) return false;
      at = found + part.length;
    }
    return at <= name.length - last.length;
  });
}
