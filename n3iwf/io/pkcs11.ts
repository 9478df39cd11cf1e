/**
 * A key-encryption key that never leaves its token: PKCS#11 v2.40 by the module's own C library. The keys of epochs are
 * encrypted there by AES-GCM (CKM_AES_GCM) with what they belong to as additional data.
 *
 * A wrapped key is: format 1, IV of 12 octets, ciphertext with its tag of 16.
 */
import koffi from 'koffi';
import { type KeyEncryption, KeyStorageError } from '#qkd';
import { libc } from './libc.ts';

/** Where the key is. */
export interface TokenKey {
  /** Path of the module's library. */
  readonly module: string;
  /** Label of the token. */
  readonly token: string;
  /** Label of the AES key (CKA_LABEL). */
  readonly key: string;
  /** The user's PIN as octets; the caller wipes it. */
  readonly pin: Uint8Array;
  /** For IVs. */
  readonly random: (length: number) => Uint8Array;
}

/** Return values that have a meaning here, by the names of PKCS#11 v2.40, 3.6. */
const RESULTS = {
  OK: 0x0,
  SLOT_ID_INVALID: 0x3,
  GENERAL_ERROR: 0x5,
  FUNCTION_FAILED: 0x6,
  DEVICE_ERROR: 0x30,
  DEVICE_REMOVED: 0x32,
  ENCRYPTED_DATA_INVALID: 0x40,
  ENCRYPTED_DATA_LEN_RANGE: 0x41,
  KEY_TYPE_INCONSISTENT: 0x63,
  KEY_FUNCTION_NOT_PERMITTED: 0x68,
  MECHANISM_INVALID: 0x70,
  PIN_INCORRECT: 0xa0,
  PIN_LOCKED: 0xa4,
  SESSION_HANDLE_INVALID: 0xb3,
  TOKEN_NOT_PRESENT: 0xe0,
  USER_ALREADY_LOGGED_IN: 0x100,
  CRYPTOKI_ALREADY_INITIALIZED: 0x191,
} as const;

const CKU_USER = 1;
const CKF_SERIAL_SESSION = 4;
const CKO_SECRET_KEY = 4;
const CKA_CLASS = 0x0;
const CKA_LABEL = 0x3;
const CKM_AES_GCM = 0x1087;

const LABEL_OCTETS = 32;
/** `struct CK_TOKEN_INFO` on a 64-bit machine; its first 32 octets are the label, padded with blanks. */
const TOKEN_INFO_OCTETS = 208;
const MOST_SLOTS = 256;
const FORMAT = 1;
const IV_OCTETS = 12;
const TAG_OCTETS = 16;

/** What is called of a module, with the kinds of its parameters: all numbers and addresses have 64 bits here. */
const prototypes = {
  C_Initialize: ['void *'],
  C_GetSlotList: ['uint8_t', 'void *', 'void *'],
  C_GetTokenInfo: ['uint64_t', 'void *'],
  C_OpenSession: ['uint64_t', 'uint64_t', 'void *', 'void *', 'void *'],
  C_CloseSession: ['uint64_t'],
  C_Login: ['uint64_t', 'uint64_t', 'void *', 'uint64_t'],
  C_FindObjectsInit: ['uint64_t', 'void *', 'uint64_t'],
  C_FindObjects: ['uint64_t', 'void *', 'uint64_t', 'void *'],
  C_FindObjectsFinal: ['uint64_t'],
  C_EncryptInit: ['uint64_t', 'void *', 'uint64_t'],
  C_Encrypt: ['uint64_t', 'void *', 'uint64_t', 'void *', 'void *'],
  C_DecryptInit: ['uint64_t', 'void *', 'uint64_t'],
  C_Decrypt: ['uint64_t', 'void *', 'uint64_t', 'void *', 'void *'],
} as const;

/** A function of the module; its result is a CKR value. */
type Call = (...words: unknown[]) => number | bigint;
/** All of them, by their names. */
type Calls = Readonly<Record<keyof typeof prototypes, Call>>;

/** Octets at an address that stays: small arrays otherwise lie where the collector moves them. */
function pinned(octets: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new ArrayBuffer(octets.length));
  copy.set(octets);
  return copy;
}

/** A C structure of numbers and addresses alone. */
function structure(...words: (number | bigint)[]): BigUint64Array {
  return BigUint64Array.from(words, BigInt);
}

/** Opens a session with the token and finds the key. @throws KeyStorageError that says which of it is not there */
export function openToken(place: TokenKey): KeyEncryption {
  return new TokenEncryption(place);
}

/** A key that never leaves its token: AES-GCM with it wraps other keys. */
class TokenEncryption implements KeyEncryption {
  private readonly calls: Calls;
  private readonly place: string;
  private readonly random: TokenKey['random'];
  private readonly session: bigint;
  private readonly key: bigint;
  /** What the last mechanism points at: some modules look at it again when the operation ends. */
  private readonly held = new Set<unknown>();

  constructor({ module, token, key, pin, random }: TokenKey) {
    this.place = `token ${token} of ${module}`;
    this.random = random;
    this.calls = this.load(module);
    this.call('C_Initialize', [null], RESULTS.CRYPTOKI_ALREADY_INITIALIZED);
    const session = structure(0);
    this.call('C_OpenSession', [this.slotOf(token), CKF_SERIAL_SESSION, null, null, session]);
    this.session = session[0] ?? 0n;
    try {
      this.call('C_Login', [this.session, CKU_USER, pin, pin.length], RESULTS.USER_ALREADY_LOGGED_IN);
      this.key = this.find(key);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** FORMAT, IV, ciphertext and tag, for {@link unwrap}. */
  wrap(key: Uint8Array, data: Uint8Array): Uint8Array {
    const iv = pinned(this.random(IV_OCTETS));
    const sealed = new Uint8Array(key.length + TAG_OCTETS);
    const length = structure(sealed.length);
    this.begin('C_EncryptInit', iv, data);
    this.call('C_Encrypt', [this.session, key, key.length, sealed, length]);
    return Uint8Array.from([FORMAT, ...iv, ...sealed.subarray(0, Number(length[0]))]);
  }

  /** Undefined for what this key did not wrap, or not for that data. */
  unwrap(wrapped: Uint8Array, data: Uint8Array): Uint8Array | undefined {
    const start = 1 + IV_OCTETS;
    if (wrapped[0] !== FORMAT || wrapped.length < start + TAG_OCTETS) return undefined;
    const sealed = wrapped.subarray(start);
    const plain = new Uint8Array(sealed.length);
    const length = structure(plain.length);
    this.begin('C_DecryptInit', pinned(wrapped.subarray(1, start)), data);
    const words = [this.session, sealed, sealed.length, plain, length];
    const result = this.call('C_Decrypt', words, ...notOurs);
    const key = result === RESULTS.OK ? Uint8Array.from(plain.subarray(0, Number(length[0]))) : undefined;
    plain.fill(0);
    if (result === RESULTS.GENERAL_ERROR) this.prove();
    return key;
  }

  /** A module that says no more than that something failed: it must still work, or what it said is of itself. */
  private prove(): void {
    const key = this.random(IV_OCTETS);
    if (this.unwrap(this.wrap(key, key), key) === undefined)
      throw new KeyStorageError(
        this.place,
        'it opens nothing, not even what it has just sealed',
        'unreachable',
      );
  }

  /** The module stays initialized: others in this process may use it. */
  close(): void {
    this.calls.C_CloseSession(this.session);
  }

  private load(module: string): Calls {
    try {
      const library = koffi.load(module);
      const all = Object.entries(prototypes).map(([name, words]) => {
        return [name, library.func(name, 'uint64_t', [...words])];
      });
      return Object.fromEntries(all) as Calls;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new KeyStorageError(this.place, `the module cannot be loaded: ${reason}`);
    }
  }

  private slotOf(token: string): bigint {
    const slots = new BigUint64Array(MOST_SLOTS);
    const count = structure(MOST_SLOTS);
    this.call('C_GetSlotList', [1, slots, count]);
    const info = new Uint8Array(TOKEN_INFO_OCTETS);
    const found = slots.subarray(0, Number(count[0])).find((slot) => {
      if (Number(this.calls.C_GetTokenInfo(slot, info)) !== RESULTS.OK) return false;
      return new TextDecoder().decode(info.subarray(0, LABEL_OCTETS)).trimEnd() === token;
    });
    if (found === undefined)
      throw new KeyStorageError(this.place, 'there is no token of that label', 'unreachable');
    return found;
  }

  private find(label: string): bigint {
    const { addressOf } = libc();
    const name = pinned(new TextEncoder().encode(label));
    const secretKey = pinned(new Uint8Array(structure(CKO_SECRET_KEY).buffer));
    const wanted = [
      CKA_CLASS,
      addressOf(secretKey),
      secretKey.length,
      CKA_LABEL,
      addressOf(name),
      name.length,
    ];
    this.call('C_FindObjectsInit', [this.session, structure(...wanted), 2]);
    const keys = structure(0, 0);
    const count = structure(0);
    this.call('C_FindObjects', [this.session, keys, keys.length, count]);
    this.calls.C_FindObjectsFinal(this.session);
    const [key = 0n] = keys;
    if (count[0] === 1n) return key;
    const many = count[0] === 0n ? 'no' : 'more than one';
    throw new KeyStorageError(this.place, `it has ${many} secret key with the label ${label}`);
  }

  /** CK_MECHANISM with CK_GCM_PARAMS for the operation that comes next. */
  private begin(call: 'C_EncryptInit' | 'C_DecryptInit', iv: Uint8Array, data: Uint8Array): void {
    const { addressOf } = libc();
    const bound = pinned(data);
    const tagBits = TAG_OCTETS * 8;
    const gcm = structure(addressOf(iv), iv.length, iv.length * 8, addressOf(bound), bound.length, tagBits);
    const address = addressOf(new Uint8Array(gcm.buffer));
    const mechanism = structure(CKM_AES_GCM, address, gcm.byteLength);
    this.call(call, [this.session, mechanism, this.key]);
    this.held.clear();
    for (const each of [iv, bound, gcm]) this.held.add(each);
  }

  /** The result, if it is one of those that are expected. @throws KeyStorageError with its name otherwise */
  private call(name: keyof Calls, words: readonly unknown[], ...alsoGood: readonly number[]): number {
    const result = Number(this.calls[name](...words));
    if (result === RESULTS.OK || alsoGood.includes(result)) return result;
    const [told] = Object.entries(RESULTS).find(([, value]) => value === result) ?? [
      `0x${result.toString(16)}`,
    ];
    throw new KeyStorageError(this.place, `${name}: CKR_${told}`, 'unreachable');
  }
}

/** How a module says that what it shall open was sealed with another key, or for something else. */
const notOurs = [RESULTS.ENCRYPTED_DATA_INVALID, RESULTS.ENCRYPTED_DATA_LEN_RANGE, RESULTS.GENERAL_ERROR];
