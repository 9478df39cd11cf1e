/**
 * The keys of one IKE SA and what is made of them (RFC 7296 sections 2.14 to 2.18). They stay inside: callers get
 * ciphers, Child SA keys and AUTH values. `wipe` ends their life.
 */

import { inspect } from 'node:util';
import { encodeIdentity } from '../wire/payloads/id.ts';
import type { Identity, IkeCipher } from '../wire/types.ts';
import { createCipher } from './cipher.ts';
import { concatOctets, equalOctets } from './octets.ts';
import { prf, prfPlus } from './prf.ts';
import { ENCR_ALGORITHMS, INTEG_ALGORITHMS, isAead, PRF_ALGORITHMS } from './suites.ts';
import type { ChildKeys, CipherProvider, EncrName, IkeSuite, IntegName, PrfName } from './types.ts';

/** Who began the exchange from which the keys come, or, of an IKE SA, the SA itself. */
export type Role = 'initiator' | 'responder';

/** What both sides contributed in the clear. SPIs are those of the IKE SA whose keys are derived. */
export interface KeyInputs {
  readonly nonceInitiator: Uint8Array;
  readonly nonceResponder: Uint8Array;
  readonly spiInitiator: Uint8Array;
  readonly spiResponder: Uint8Array;
}

/** The seven keys in the order in which they are cut. [RFC7296 2.14] */
const KEY_NAMES = ['d', 'ai', 'ar', 'ei', 'er', 'pi', 'pr'] as const;
type KeyName = (typeof KEY_NAMES)[number];
type Keys = Readonly<Record<KeyName, Uint8Array>>;

/** The keys that Wireshark's ikev2_decryption_table wants; only for a key log that an operator asked for. */
export interface ExposedKeys {
  readonly skEi: Uint8Array;
  readonly skEr: Uint8Array;
  readonly skAi: Uint8Array;
  readonly skAr: Uint8Array;
  /** For checking AUTH. */
  readonly skPi: Uint8Array;
  readonly skPr: Uint8Array;
}

/** What one side signs or MACs. `message` is its first IKE_SA_INIT message, without the non-ESP marker. */
export interface AuthInputs {
  readonly signer: Role;
  readonly message: Uint8Array;
  readonly identity: Identity;
  /** IntAuth of RFC 9242, if there were IKE_INTERMEDIATE exchanges. */
  readonly intermediate?: Uint8Array;
}

/** Octets of a PPK Confirmation. */
export const PPK_CONFIRMATION_LENGTH = 8;

/** How a fresh PPK enters the keys of CREATE_CHILD_SA; see {@link Keymat.withFreshPpk}. */
export type FreshPpkFormula = 'sk-d' | 'output';

const KEY_PAD = new TextEncoder().encode('Key Pad for IKEv2');

/**
 * Seven keys: SK_d for what is derived later, SK_a and SK_e of each direction for SK payloads, SK_p of each side for AUTH.
 * None of them can be read, printed or serialized; each derivation gives a new object and leaves this one to be wiped.
 */
export class Keymat {
  readonly suite: IkeSuite;
  readonly #inputs: KeyInputs;
  readonly #keys: Keys;
  /** Mixed into what is derived from SK_d. */
  readonly #freshPpk: Uint8Array | undefined;

  private constructor(suite: IkeSuite, inputs: KeyInputs, keys: Keys, freshPpk?: Uint8Array) {
    this.#freshPpk = freshPpk;
    this.suite = suite;
    this.#inputs = inputs;
    this.#keys = keys;
  }

  /** Keys of a first IKE SA: SKEYSEED = prf(Ni | Nr, g^ir). [RFC7296 2.14] The secret is wiped. */
  static derive(suite: IkeSuite, inputs: KeyInputs, sharedSecret: Uint8Array): Keymat {
    const nonces = concatOctets(inputs.nonceInitiator, inputs.nonceResponder);
    return Keymat.fromSeed(suite, inputs, prf(suite.prf, nonces, sharedSecret), sharedSecret);
  }

  /** All seven keys from a SKEYSEED: prf+(SKEYSEED, Ni | Nr | SPIi | SPIr). Seed and secrets are wiped. */
  static fromSeed(
    suite: IkeSuite,
    inputs: KeyInputs,
    skeyseed: Uint8Array,
    ...secrets: readonly Uint8Array[]
  ): Keymat {
    const keys = cutKeys(suite, skeyseed, inputs);
    for (const secret of [skeyseed, ...secrets]) secret.fill(0);
    return new Keymat(suite, inputs, keys);
  }

  /**
   * Keys of the IKE SA that replaces this one: SKEYSEED = prf(SK_d (old), g^ir (new) | Ni | Nr). [RFC7296 2.18] With
   * further key exchanges, prf(SK_d, SK(0) | Ni | Nr | SK(1) | ... SK(n)). [RFC9370 2.2.4] The secrets are wiped.
   */
  deriveRekeyed(
    suite: IkeSuite,
    inputs: KeyInputs,
    sharedSecret: Uint8Array,
    further: readonly Uint8Array[] = [],
  ): Keymat {
    const { nonceInitiator, nonceResponder } = inputs;
    const { prf: name } = this.suite;
    const plain = prf(name, this.#keys.d, sharedSecret, nonceInitiator, nonceResponder, ...further);
    const seed = this.#freshen(plain);
    return Keymat.fromSeed(suite, inputs, seed, sharedSecret, ...further);
  }

  /** The keys after one more key exchange: SKEYSEED(n) = prf(SK_d(n-1), SK(n) | Ni | Nr). [RFC9370 2.2.2] */
  deriveAdditional(sharedSecret: Uint8Array): Keymat {
    return this.deriveRekeyed(this.suite, this.#inputs, sharedSecret);
  }

  /** The same SA's keys from a SKEYSEED computed elsewhere, e.g. by RFC 9867. The seed is wiped. */
  update(skeyseed: Uint8Array): Keymat {
    return Keymat.fromSeed(this.suite, this.#inputs, skeyseed);
  }

  /** prf+(key, SK_d) in SK_d's length: the step that mixes a secret into SK_d. */
  mixIntoSkd(key: Uint8Array): Uint8Array {
    return prfPlus(this.suite.prf, key, this.#keys.d, this.#keys.d.length);
  }

  /**
   * Keys with the PPK mixed in: SK_d, SK_pi and SK_pr become prf+(PPK, SK'), the others stay. [RFC8784 3]
   * This object keeps its own, for NO_PPK_AUTH; wipe whichever is not used in the end.
   */
  applyPpk(ppk: Uint8Array): Keymat {
    const mix = (key: Uint8Array) => prfPlus(this.suite.prf, ppk, key, key.length);
    const { d, pi, pr, ai, ar, ei, er } = this.#keys;
    const copy = (key: Uint8Array) => Uint8Array.from(key);
    const keys = {
      d: mix(d),
      pi: mix(pi),
      pr: mix(pr),
      ai: copy(ai),
      ar: copy(ar),
      ei: copy(ei),
      er: copy(er),
    };
    return new Keymat(this.suite, this.#inputs, keys);
  }

  /** [RFC9867 3.1.1] eight octets that tell whether both sides mean the same key by one name, before it is used. */
  ppkConfirmation(ppk: Uint8Array): Uint8Array {
    const { nonceInitiator, nonceResponder, spiInitiator, spiResponder } = this.#inputs;
    const mac = prf(this.suite.prf, ppk, nonceInitiator, nonceResponder, spiInitiator, spiResponder);
    return mac.subarray(0, PPK_CONFIRMATION_LENGTH);
  }

  /** All seven keys anew: SKEYSEED' = prf+(PPK, SK_d), then as from any SKEYSEED. [RFC9867 3.1.2] */
  deriveWithPpk(ppk: Uint8Array): Keymat {
    return this.update(this.mixIntoSkd(ppk));
  }

  /**
   * The same for CREATE_CHILD_SA, where the responder's nonce is not known yet: prf(PPK, Ni | SPIi | SPIr) with the
   * nonce of that exchange. [RFC9867 3.2] names no more than the notify; this input is our reading.
   */
  freshPpkConfirmation(ppk: Uint8Array, nonceInitiator: Uint8Array): Uint8Array {
    const { spiInitiator, spiResponder } = this.#inputs;
    const mac = prf(this.suite.prf, ppk, nonceInitiator, spiInitiator, spiResponder);
    return mac.subarray(0, PPK_CONFIRMATION_LENGTH);
  }

  /**
   * These keys for one CREATE_CHILD_SA with a fresh PPK; wipe them afterwards. The formulas of RFC 9867 for this case
   * could not be had, so all that depends on them is here:
   * - 'sk-d': SK_d' = prf+(PPK, SK_d), in place of SK_d in KEYMAT and in SKEYSEED of RFC 7296, as RFC 8784 mixes it
   * - 'output': KEYMAT' = prf+(PPK, KEYMAT) and SKEYSEED' = prf+(PPK, SKEYSEED), after those of RFC 7296
   */
  withFreshPpk(ppk: Uint8Array, formula: FreshPpkFormula): Keymat {
    const keys = Object.fromEntries(KEY_NAMES.map((name) => [name, Uint8Array.from(this.#keys[name])]));
    const copy = keys as unknown as Keys;
    if (formula === 'output') return new Keymat(this.suite, this.#inputs, copy, ppk);
    return new Keymat(this.suite, this.#inputs, { ...copy, d: this.mixIntoSkd(ppk) });
  }

  /** One link of IntAuth: prf(SK_p of `sender`, previous | octets). [RFC9242 3.3.2] */
  intermediateMac(sender: Role, previous: Uint8Array, octets: Uint8Array): Uint8Array {
    return prf(this.suite.prf, this.#signingKey(sender), previous, octets);
  }

  /** The cipher of SK payloads that `sender` sends. */
  cipher(sender: Role, provider: CipherProvider = 'node'): IkeCipher {
    const { ei, er, ai, ar } = this.#keys;
    if (sender === 'initiator') return createCipher(this.suite, ei, ai, provider);
    return createCipher(this.suite, er, ar, provider);
  }

  /**
   * KEYMAT of a Child SA, prf+(SK_d, [g^ir (new) |] Ni | Nr), cut in order: encryption then integrity key, from the
   * exchange's initiator to its responder first. [RFC7296 2.17] Nonces and secret are those of the exchange that
   * makes the Child SA. With further key exchanges the seed is SK(0) | Ni | Nr | SK(1) | ... SK(n). [RFC9370 2.2.4]
   * The secrets are wiped.
   */
  childKeys(
    suite: { readonly encr: EncrName; readonly integ: IntegName },
    nonceInitiator: Uint8Array,
    nonceResponder: Uint8Array,
    sharedSecret: Uint8Array = new Uint8Array(0),
    further: readonly Uint8Array[] = [],
  ): { readonly fromInitiator: ChildKeys; readonly fromResponder: ChildKeys } {
    const encr = encrKeyLength(suite.encr);
    const integ = integKeyLength(suite);
    const seed = concatOctets(sharedSecret, nonceInitiator, nonceResponder, ...further);
    const octets = this.#freshen(prfPlus(this.suite.prf, this.#keys.d, seed, 2 * (encr + integ)));
    const cut = cutter(octets);
    const fromInitiator = { encr: cut(encr), integ: cut(integ) };
    const fromResponder = { encr: cut(encr), integ: cut(integ) };
    for (const used of [octets, seed, sharedSecret, ...further]) used.fill(0);
    return { fromInitiator, fromResponder };
  }

  /** RealMessage | the other side's nonce | prf(SK_p, RestOfIDPayload) [| IntAuth]. [RFC7296 2.15] */
  authOctets({ signer, message, identity, intermediate }: AuthInputs): Uint8Array {
    const byInitiator = signer === 'initiator';
    const nonce = byInitiator ? this.#inputs.nonceResponder : this.#inputs.nonceInitiator;
    const macedId = prf(this.suite.prf, this.#signingKey(signer), encodeIdentity(identity));
    return concatOctets(message, nonce, macedId, intermediate ?? new Uint8Array(0));
  }

  /**
   * AUTH by shared key or by an EAP method's MSK; without `secret`, by SK_pi or SK_pr, for EAP methods that make
   * no key. [RFC7296 2.16]
   */
  sharedKeyAuth(inputs: AuthInputs, secret: Uint8Array = this.#signingKey(inputs.signer)): Uint8Array {
    return sharedKeyMac(this.suite.prf, secret, this.authOctets(inputs));
  }

  /** Whether `auth` is what {@link sharedKeyAuth} gives. */
  verifySharedKeyAuth(auth: Uint8Array, inputs: AuthInputs, secret?: Uint8Array): boolean {
    return equalOctets(auth, this.sharedKeyAuth(inputs, secret));
  }

  /** Copies, for a key log. */
  expose(): ExposedKeys {
    const { ei, er, ai, ar, pi, pr } = this.#keys;
    const copy = (key: Uint8Array) => Uint8Array.from(key);
    const ciphers = { skEi: copy(ei), skEr: copy(er), skAi: copy(ai), skAr: copy(ar) };
    return { ...ciphers, skPi: copy(pi), skPr: copy(pr) };
  }

  /** Overwrites the keys; ciphers made before keep working. */
  wipe(): void {
    for (const name of KEY_NAMES) this.#keys[name].fill(0);
  }

  toJSON(): string {
    return '[secret]';
  }

  [inspect.custom](): string {
    return 'Keymat [secret]';
  }

  #freshen(octets: Uint8Array): Uint8Array {
    const ppk = this.#freshPpk;
    if (ppk === undefined) return octets;
    const mixed = prfPlus(this.suite.prf, ppk, octets, octets.length);
    octets.fill(0);
    return mixed;
  }

  #signingKey(signer: Role): Uint8Array {
    return signer === 'initiator' ? this.#keys.pi : this.#keys.pr;
  }
}

/** AUTH = prf(prf(secret, "Key Pad for IKEv2"), octets). [RFC7296 2.15] */
export function sharedKeyMac(name: PrfName, secret: Uint8Array, octets: Uint8Array): Uint8Array {
  const key = prf(name, secret, KEY_PAD);
  const mac = prf(name, key, octets);
  key.fill(0);
  return mac;
}

function cutKeys(suite: IkeSuite, skeyseed: Uint8Array, inputs: KeyInputs): Keys {
  const prfLength = PRF_ALGORITHMS[suite.prf].length;
  const integ = integKeyLength(suite);
  const encr = encrKeyLength(suite.encr);
  const { nonceInitiator, nonceResponder, spiInitiator, spiResponder } = inputs;
  const seed = concatOctets(nonceInitiator, nonceResponder, spiInitiator, spiResponder);
  const octets = prfPlus(suite.prf, skeyseed, seed, 3 * prfLength + 2 * (integ + encr));
  const cut = cutter(octets);
  const keys = {
    d: cut(prfLength),
    ai: cut(integ),
    ar: cut(integ),
    ei: cut(encr),
    er: cut(encr),
    pi: cut(prfLength),
    pr: cut(prfLength),
  };
  octets.fill(0);
  return keys;
}

/** Key and salt. */
function encrKeyLength(encr: EncrName): number {
  return ENCR_ALGORITHMS[encr].keyLength + ENCR_ALGORITHMS[encr].saltLength;
}

function integKeyLength(suite: { readonly encr: EncrName; readonly integ: IntegName }): number {
  return isAead(suite.encr) ? 0 : INTEG_ALGORITHMS[suite.integ].keyLength;
}

/** Copies off the next `length` octets at each call. */
function cutter(octets: Uint8Array): (length: number) => Uint8Array {
  let at = 0;
  return (length) => {
    at += length;
    return octets.slice(at - length, at);
  };
}
