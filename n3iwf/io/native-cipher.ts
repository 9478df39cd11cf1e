import koffi from 'koffi';
import { createCipher, type EspSuite, IntegrityError, type Result } from '#ikev2';
import type { EspCipher, EspCipherFactory } from '../userplane/esp.ts';

/**
 * AES-GCM and ChaCha20-Poly1305 of the OpenSSL that Node itself carries, called directly. `node:crypto` makes a cipher
 * object and three buffers for each packet, which takes four times as long as the packet's encryption; here an SA keeps
 * one context and only its nonce changes. Octets are enciphered from and into the packets' own memory.
 */

interface OpenSsl {
  contextNew(): unknown;
  contextFree(context: unknown): void;
  control(context: unknown, command: number, length: number, octets: Uint8Array): number;
  algorithm(name: string): unknown;
  readonly seal: Direction;
  readonly open: Direction;
}

/** Encryption or decryption: the same three calls under two names. */
interface Direction {
  init(
    context: unknown,
    algorithm: unknown,
    engine: null,
    key: Uint8Array | null,
    iv: Uint8Array | null,
  ): number;
  update(
    context: unknown,
    out: Uint8Array | null,
    length: Uint8Array,
    octets: Uint8Array,
    count: number,
  ): number;
  final(context: unknown, out: Uint8Array, length: Uint8Array): number;
}

/** EVP_CTRL_AEAD_GET_TAG and EVP_CTRL_AEAD_SET_TAG. */
const getTag = 0x10;
const setTag = 0x11;

/** OpenSSL's names of the ciphers that are called directly; all have a salt of 4 octets, an IV of 8, an ICV of 16. */
const names: Partial<Record<EspSuite['encr'], string>> = {
  'aes128-gcm16': 'aes-128-gcm',
  'aes256-gcm16': 'aes-256-gcm',
  'chacha20-poly1305': 'chacha20-poly1305',
};

const saltLength = 4;
const ivLength = 8;
const icvLength = 16;

/** One direction of an SA. Not re-entrant: it keeps one context and one nonce. */
class NativeAead implements EspCipher {
  readonly aead = true;
  readonly blockSize = 1;
  readonly ivLength = ivLength;
  readonly icvLength = icvLength;
  readonly #ssl: OpenSsl;
  readonly #nonce = new Uint8Array(saltLength + ivLength);
  readonly #tag = new Uint8Array(icvLength);
  /** Where OpenSSL writes how many octets it wrote. */
  readonly #written = new Uint8Array(8);
  #sealing: unknown;
  #opening: unknown;

  constructor(ssl: OpenSsl, name: string, keyAndSalt: Uint8Array) {
    this.#ssl = ssl;
    this.#nonce.set(keyAndSalt.subarray(keyAndSalt.length - saltLength));
    const key = keyAndSalt.subarray(0, keyAndSalt.length - saltLength);
    const algorithm = ssl.algorithm(name);
    this.#sealing = contextOf(ssl, ssl.seal, algorithm, key);
    this.#opening = contextOf(ssl, ssl.open, algorithm, key);
  }

  seal(iv: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array {
    const out = new Uint8Array(plaintext.length + icvLength);
    this.sealInto(out, 0, iv, aad, plaintext);
    return out;
  }

  sealInto(out: Uint8Array, at: number, iv: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): number {
    const { init, update, final } = this.#ssl.seal;
    const context = this.#sealing;
    const length = plaintext.length;
    // OpenSSL writes where it is told to: the room must be certain before it is.
    if (out.length < at + length + icvLength || iv.length !== ivLength || context === undefined)
      throw new RangeError('no room for the packet, or its SA is gone');
    this.#nonce.set(iv, saltLength);
    const text = out.subarray(at, at + length);
    const done =
      init(context, null, null, null, this.#nonce) === 1 &&
      update(context, null, this.#written, aad, aad.length) === 1 &&
      update(context, text, this.#written, plaintext, length) === 1 &&
      final(context, this.#tag, this.#written) === 1 &&
      this.#ssl.control(context, getTag, icvLength, this.#tag) === 1;
    if (!done) throw new Error('OpenSSL could not encipher a packet');
    out.set(this.#tag, at + length);
    return length + icvLength;
  }

  /** The plaintext takes the place of the ciphertext in `body`, whether or not its ICV turns out to fit. */
  open(iv: Uint8Array, aad: Uint8Array, body: Uint8Array): Result<Uint8Array> {
    const { init, update, final } = this.#ssl.open;
    const context = this.#opening;
    const length = body.length - icvLength;
    if (length < 0 || iv.length !== ivLength || context === undefined) return refused;
    this.#nonce.set(iv, saltLength);
    this.#tag.set(body.subarray(length));
    const text = body.subarray(0, length);
    const fits =
      init(context, null, null, null, this.#nonce) === 1 &&
      update(context, null, this.#written, aad, aad.length) === 1 &&
      update(context, text, this.#written, text, length) === 1 &&
      this.#ssl.control(context, setTag, icvLength, this.#tag) === 1 &&
      final(context, this.#tag, this.#written) === 1;
    return fits ? { ok: true, value: text } : refused;
  }

  /** Frees both contexts, which OpenSSL overwrites first. */
  dispose(): void {
    if (this.#sealing === undefined) return;
    this.#ssl.contextFree(this.#sealing);
    this.#ssl.contextFree(this.#opening);
    this.#sealing = undefined;
    this.#opening = undefined;
  }
}

const refused: Result<Uint8Array> = { ok: false, error: new IntegrityError('ICV') };

/** A context with the key in it: packets only set their IV. */
function contextOf(ssl: OpenSsl, direction: Direction, algorithm: unknown, key: Uint8Array): unknown {
  const context = ssl.contextNew();
  if (direction.init(context, algorithm, null, key, null) !== 1) throw new RangeError('encryption key');
  return context;
}

let loaded: OpenSsl | undefined | 'absent';

/** Loaded once for the process. */
function openSsl(): OpenSsl | undefined {
  loaded ??= load() ?? 'absent';
  return loaded === 'absent' ? undefined : loaded;
}

/** The symbols of the running program; undefined where this Node does not export them. */
function load(): OpenSsl | undefined {
  try {
    const program = koffi.load(null);
    const direction = (kind: 'Encrypt' | 'Decrypt'): Direction => ({
      init: program.func(`int EVP_${kind}Init_ex(void *, void *, void *, void *, void *)`),
      update: program.func(`int EVP_${kind}Update(void *, void *, void *, void *, int)`),
      final: program.func(`int EVP_${kind}Final_ex(void *, void *, void *)`),
    });
    return {
      contextNew: program.func('void *EVP_CIPHER_CTX_new()'),
      contextFree: program.func('void EVP_CIPHER_CTX_free(void *)'),
      control: program.func('int EVP_CIPHER_CTX_ctrl(void *, int, int, void *)'),
      algorithm: program.func('void *EVP_get_cipherbyname(const char *)'),
      seal: direction('Encrypt'),
      open: direction('Decrypt'),
    };
  } catch {
    return undefined;
  }
}

/**
 * A maker of ciphers that takes the direct way where there is one, and else the IKE engine's; undefined where this
 * machine has no direct way at all.
 */
export function nativeCipherFactory(): EspCipherFactory | undefined {
  const ssl = openSsl();
  if (ssl === undefined) return undefined;
  return (suite, encr, integ) => {
    const name = names[suite.encr];
    // The engine's own maker checks the lengths of keys, so it is asked in any case.
    const checked: EspCipher = createCipher(suite, encr, integ);
    return name === undefined ? checked : new NativeAead(ssl, name, encr);
  };
}
