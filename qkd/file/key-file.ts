/**
 * A file of keys for a UE that never sees a key manager: filled at a dock or by an operator, carried over, used up. The
 * N3IWF's end of each key stays at its KME, to be fetched by its ID.
 *
 * Layout, integers big-endian: "QNK1", 16-bit length and UTF-8 text of the master SAE and of the slave SAE, 32-bit count,
 * 16-bit octets per key, 12 octets of nonce; then AES-256-GCM over count records of {16 octets of key ID, key}, with all
 * that stands before as associated data, and 16 octets of tag. The transport key travels by another way than the file.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { ClientError } from '../etsi014/client.ts';
import { type DeliveredKey, isKeyId } from '../etsi014/types.ts';
import { fail, ok, type Result } from '../result.ts';
import { Secret } from '../secret.ts';
import type { KeySource } from '../store/key-store.ts';

/** What a file holds. Who holds it wipes its keys. */
export interface KeyFile {
  readonly masterSaeId: string;
  readonly slaveSaeId: string;
  readonly keys: readonly DeliveredKey[];
}

const MAGIC = new TextEncoder().encode('QNK1');
const ID_OCTETS = 16;
const NONCE_OCTETS = 12;
const TAG_OCTETS = 16;
/** More keys than a UE uses in a year at one an hour, some hundred times over. */
const MAX_KEYS = 1_000_000;
const MAX_KEY_OCTETS = 128;

/** Seals keys of one length under `transportKey` (32 octets). Throws on a key of another length: a fault of the caller. */
export function encodeKeyFile(
  { masterSaeId, slaveSaeId, keys }: KeyFile,
  transportKey: Secret,
  random: (length: number) => Uint8Array,
): Uint8Array {
  const keyOctets = keys[0]?.secret.length ?? 0;
  const record = ID_OCTETS + keyOctets;
  const plain = new Uint8Array(record * keys.length);
  for (const [index, key] of keys.entries()) {
    if (key.secret.length !== keyOctets) throw new Error('keys of a file are of one length');
    plain.set(Buffer.from(key.keyId.replaceAll('-', ''), 'hex'), index * record);
    key.secret.use((bytes) => plain.set(bytes, index * record + ID_OCTETS));
  }
  const nonce = random(NONCE_OCTETS);
  const head = Buffer.concat([
    MAGIC,
    lengthAndText(masterSaeId),
    lengthAndText(slaveSaeId),
    unsigned(keys.length, 4),
    unsigned(keyOctets, 2),
    nonce,
  ]);
  const cipher = transportKey.use((bytes) => createCipheriv('aes-256-gcm', bytes, nonce));
  cipher.setAAD(head);
  const sealed = Buffer.concat([head, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  plain.fill(0);
  return new Uint8Array(sealed);
}

function lengthAndText(text: string): Uint8Array {
  const octets = new TextEncoder().encode(text);
  return Buffer.concat([unsigned(octets.length, 2), octets]);
}

function unsigned(value: number, octets: number): Uint8Array {
  const out = Buffer.alloc(octets);
  out.writeUIntBE(value, 0, octets);
  return out;
}

/** What stands in front of the sealed part. */
interface Head {
  readonly masterSaeId: string;
  readonly slaveSaeId: string;
  readonly count: number;
  readonly keyOctets: number;
  readonly nonce: Uint8Array;
  /** Where the sealed part begins. */
  readonly end: number;
}

/** Opens a file. Total: any octets give a file or a text that says what is wrong and quotes nothing. */
export function decodeKeyFile(file: Uint8Array, transportKey: Secret): Result<KeyFile, string> {
  const head = decodeHead(file);
  if (head === undefined) return fail('this is no key file');
  const record = ID_OCTETS + head.keyOctets;
  if (file.length !== head.end + head.count * record + TAG_OCTETS)
    return fail('the file is cut short or too long');
  const plain = open(file, head, transportKey);
  if (plain === undefined) return fail('the transport key is another one, or the file was changed');
  const keys: DeliveredKey[] = [];
  for (let at = 0; at < plain.length; at += record) {
    const secret = Secret.copyOf(plain.subarray(at + ID_OCTETS, at + record));
    keys.push({ keyId: uuidOf(plain.subarray(at, at + ID_OCTETS)), secret });
  }
  plain.fill(0);
  if (new Set(keys.map((key) => key.keyId)).size === keys.length)
    return ok({ masterSaeId: head.masterSaeId, slaveSaeId: head.slaveSaeId, keys });
  for (const key of keys) key.secret.wipe();
  return fail('a key ID stands twice');
}

function open(file: Uint8Array, { nonce, end }: Head, transportKey: Secret): Uint8Array | undefined {
  const decipher = transportKey.use((bytes) => createDecipheriv('aes-256-gcm', bytes, nonce));
  decipher.setAAD(file.subarray(0, end));
  decipher.setAuthTag(file.subarray(file.length - TAG_OCTETS));
  const plain = decipher.update(file.subarray(end, file.length - TAG_OCTETS));
  try {
    decipher.final();
    return plain;
  } catch {
    plain.fill(0);
    return undefined;
  }
}

function decodeHead(file: Uint8Array): Head | undefined {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  let at = MAGIC.length;
  if (file.length < at || MAGIC.some((octet, index) => file[index] !== octet)) return undefined;
  const texts: string[] = [];
  while (texts.length < 2) {
    if (at + 2 > file.length) return undefined;
    const length = view.getUint16(at);
    if (at + 2 + length > file.length) return undefined;
    texts.push(new TextDecoder().decode(file.subarray(at + 2, at + 2 + length)));
    at += 2 + length;
  }
  const end = at + 6 + NONCE_OCTETS;
  if (end > file.length) return undefined;
  const [count, keyOctets] = [view.getUint32(at), view.getUint16(at + 4)];
  if (count > MAX_KEYS || keyOctets > MAX_KEY_OCTETS) return undefined;
  const [masterSaeId = '', slaveSaeId = ''] = texts;
  return { masterSaeId, slaveSaeId, count, keyOctets, nonce: file.subarray(at + 6, end), end };
}

function uuidOf(octets: Uint8Array): string {
  const hex = Array.from(octets, (octet) => octet.toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** Whether the store's own books know a key already. */
export type SpentKeys = (keyId: string) => boolean | Promise<boolean>;

/**
 * The keys of a file as a source. Those that the store's books know are left out, so that a file that is read again after
 * a restart gives only what was never taken.
 */
export class KeyFileSource implements KeySource {
  readonly #file: KeyFile;
  readonly #isSpent: SpentKeys;
  readonly #left: Map<string, DeliveredKey>;

  constructor(file: KeyFile, isSpent: SpentKeys) {
    this.#file = file;
    this.#isSpent = isSpent;
    this.#left = new Map(file.keys.map((key) => [key.keyId, key]));
  }

  /** Keys that are left, those known to be spent not counted. */
  async remaining(): Promise<number> {
    let number = 0;
    for (const keyId of [...this.#left.keys()]) if (!(await this.#isSpent(keyId))) number++;
    return number;
  }

  /** The next keys in the order of the file, as many as there are; none is `unavailable`. */
  async encKeys(slaveSaeId: string, number: number): Promise<Result<readonly DeliveredKey[], ClientError>> {
    if (slaveSaeId !== this.#file.slaveSaeId)
      return fail(refusal('bad-request', `no keys with ${slaveSaeId}`));
    const keys: DeliveredKey[] = [];
    while (keys.length < number) {
      const [key] = this.#left.values();
      if (key === undefined) break;
      // Taken before the question is answered, so that two calls at once cannot both have it.
      this.#left.delete(key.keyId);
      if (await this.#isSpent(key.keyId)) key.secret.wipe();
      else keys.push(key);
    }
    return keys.length > 0 ? ok(keys) : fail(refusal('unavailable', 'the file is used up'));
  }

  /** Keys by their IDs, for an end that is the slave of the file: all or none. */
  async decKeys(
    masterSaeId: string,
    keyIds: readonly string[],
  ): Promise<Result<readonly DeliveredKey[], ClientError>> {
    const ids = keyIds.map((keyId) => keyId.toLowerCase());
    const spent = await Promise.all(ids.map((keyId) => this.#isSpent(keyId)));
    const found = ids.map((keyId) => this.#left.get(keyId)).filter((key) => key !== undefined);
    const all = found.length === ids.length && ids.every(isKeyId) && !spent.includes(true);
    if (masterSaeId !== this.#file.masterSaeId || !all)
      return fail(refusal('unknown-key', 'the file has no such key'));
    for (const key of found) this.#left.delete(key.keyId);
    return ok(found);
  }

  /** Zeroes what is left. */
  wipe(): void {
    for (const key of this.#left.values()) key.secret.wipe();
    this.#left.clear();
  }
}

function refusal(kind: ClientError['kind'], detail: string): ClientError {
  return { kind, detail: `the key file: ${detail}`, mayHaveBurnt: false, burntKeyIds: [] };
}
