/**
 * Proposals as text, in the keywords that strongSwan's users know: `aes256gcm16-prfsha256-x25519` for an IKE SA,
 * `aes256gcm16-prfsha256-x25519-ke1_mlkem768` for one with an additional key exchange (RFC 9370), `aes256gcm16` or `aes128-sha256-modp2048-esn` for a Child SA.
 */

import type { Result } from '../wire/cursor.ts';
import { isAead, PRF_ALGORITHMS } from './suites.ts';
import type {
  AdditionalChoices,
  AdditionalKeName,
  ChildProposalConfig,
  EncrName,
  IkeProposalConfig,
  IntegName,
  KeName,
  PrfName,
} from './types.ts';

/** The first keyword of a name is the one that is written back. */
const ENCR_WORDS: Readonly<Record<string, EncrName>> = {
  aes128gcm16: 'aes128-gcm16',
  aes256gcm16: 'aes256-gcm16',
  aes128gcm: 'aes128-gcm16',
  aes256gcm: 'aes256-gcm16',
  aes128gcm128: 'aes128-gcm16',
  aes256gcm128: 'aes256-gcm16',
  aes128ccm16: 'aes128-ccm16',
  aes256ccm16: 'aes256-ccm16',
  aes128ccm128: 'aes128-ccm16',
  aes256ccm128: 'aes256-ccm16',
  aes128: 'aes128-cbc',
  aes256: 'aes256-cbc',
  chacha20poly1305: 'chacha20-poly1305',
  null: 'null',
};

const INTEG_WORDS: Readonly<Record<string, IntegName>> = {
  sha256: 'hmac-sha2-256-128',
  sha384: 'hmac-sha2-384-192',
  sha512: 'hmac-sha2-512-256',
  sha1: 'hmac-sha1-96',
  sha: 'hmac-sha1-96',
  sha2_256: 'hmac-sha2-256-128',
  sha2_384: 'hmac-sha2-384-192',
  sha2_512: 'hmac-sha2-512-256',
};

const PRF_WORDS: Readonly<Record<string, PrfName>> = {
  prfsha256: 'hmac-sha2-256',
  prfsha384: 'hmac-sha2-384',
  prfsha512: 'hmac-sha2-512',
  prfsha1: 'hmac-sha1',
};

const KE_WORDS: Readonly<Record<string, KeName>> = {
  x25519: 'x25519',
  curve25519: 'x25519',
  ecp256: 'ecp256',
  ecp384: 'ecp384',
  modp2048: 'modp2048',
  modp3072: 'modp3072',
  mlkem512: 'mlkem512',
  mlkem768: 'mlkem768',
  mlkem1024: 'mlkem1024',
};

const ADDITIONAL_WORDS: Readonly<Record<string, AdditionalKeName>> = { ...KE_WORDS, qkd: 'qkd' };

/** `ke1_` to `ke7_` in front of a method or of `none`. */
const ADDITIONAL_WORD = /^ke([1-7])_(.+)$/;

const ESN_WORDS: Readonly<Record<string, boolean>> = { esn: true, noesn: false };

interface Parsed {
  readonly encr: EncrName[];
  readonly integ: IntegName[];
  readonly prf: PrfName[];
  readonly ke: AdditionalKeName[];
  readonly esn: boolean[];
  /** By slot, ADDKE1 first; slots that nothing names stay empty. */
  readonly additional: (AdditionalKeName | 'none')[][];
}

/**
 * An IKE proposal. Without a prf keyword the integrity algorithms' hashes are used, as strongSwan does. The error
 * is one line for the person who wrote the configuration.
 */
export function parseIkeProposal(text: string): Result<IkeProposalConfig, string> {
  const parsed = parseWords(text);
  if (!parsed.ok) return parsed;
  const { encr, integ, ke, esn } = parsed.value;
  const prf = parsed.value.prf.length > 0 ? parsed.value.prf : integ.map(prfOfInteg);
  const own = ke.filter((name) => name !== 'qkd');
  const complaint =
    cipherComplaint(parsed.value) ??
    (encr.includes('null') ? 'null encrypts nothing' : undefined) ??
    (prf.length === 0 ? 'names no prf, e.g. prfsha256' : undefined) ??
    (ke.length > own.length ? 'qkd is for Child SAs, or one of ke1_qkd to ke7_qkd' : undefined) ??
    (ke.length === 0 ? 'names no key exchange, e.g. x25519' : undefined) ??
    (esn.length > 0 ? 'esn is for ESP only' : undefined);
  if (complaint !== undefined) return { ok: false, error: `IKE proposal "${text}": ${complaint}` };
  return { ok: true, value: { encr, integ, prf, ke: own, ...additionalOf(parsed.value) } };
}

/** An ESP proposal; without `esn` or `noesn` extended sequence numbers are off. */
export function parseEspProposal(text: string): Result<ChildProposalConfig, string> {
  const parsed = parseWords(text);
  if (!parsed.ok) return parsed;
  const { encr, integ, prf, ke, esn } = parsed.value;
  const complaint = cipherComplaint(parsed.value) ?? (prf.length > 0 ? 'a prf is for IKE only' : undefined);
  if (complaint !== undefined) return { ok: false, error: `ESP proposal "${text}": ${complaint}` };
  if (ke.length === 0 && parsed.value.additional.length > 0) {
    return { ok: false, error: `ESP proposal "${text}": an additional key exchange needs a first one` };
  }
  const rows = { encr, integ, ke, esn: esn.length > 0 ? esn : [false] };
  return { ok: true, value: { ...rows, ...additionalOf(parsed.value) } };
}

/** Left out where there is none, as proposals of one key exchange had it before. */
function additionalOf({ additional }: Parsed): { additional?: AdditionalChoices } {
  return additional.length === 0 ? {} : { additional };
}

/** The text that {@link parseIkeProposal} reads as `config`. */
export function formatIkeProposal(config: IkeProposalConfig): string {
  const words = [
    ...config.encr.map((name) => wordOf(ENCR_WORDS, name)),
    ...config.integ.map((name) => wordOf(INTEG_WORDS, name)),
    ...config.prf.map((name) => wordOf(PRF_WORDS, name)),
    ...config.ke.map((name) => wordOf(KE_WORDS, name)),
    ...additionalWords(config.additional),
  ];
  return words.join('-');
}

/** The text that {@link parseEspProposal} reads as `config`. */
export function formatEspProposal(config: ChildProposalConfig): string {
  const plain = config.esn.length === 1 && config.esn[0] === false;
  const words = [
    ...config.encr.map((name) => wordOf(ENCR_WORDS, name)),
    ...config.integ.map((name) => wordOf(INTEG_WORDS, name)),
    ...config.ke.map((name) => wordOf(ADDITIONAL_WORDS, name)),
    ...additionalWords(config.additional),
    ...(plain ? [] : config.esn.map((esn) => wordOf(ESN_WORDS, esn))),
  ];
  return words.join('-');
}

function additionalWords(slots: AdditionalChoices = []): string[] {
  return slots.flatMap((choices, slot) =>
    choices.map((name) => `ke${slot + 1}_${name === 'none' ? name : wordOf(ADDITIONAL_WORDS, name)}`),
  );
}

function parseWords(text: string): Result<Parsed, string> {
  const parsed: Parsed = { encr: [], integ: [], prf: [], ke: [], esn: [], additional: [] };
  for (const word of text.trim().toLowerCase().split('-')) {
    if (!placeWord(parsed, word)) return { ok: false, error: `proposal "${text}": "${word}" is not known` };
  }
  return { ok: true, value: parsed };
}

function placeWord(parsed: Parsed, word: string): boolean {
  return (
    place(parsed.encr, ENCR_WORDS, word) ||
    place(parsed.integ, INTEG_WORDS, word) ||
    place(parsed.prf, PRF_WORDS, word) ||
    place(parsed.ke, ADDITIONAL_WORDS, word) ||
    place(parsed.esn, ESN_WORDS, word) ||
    placeAdditional(parsed.additional, word)
  );
}

/** Slots are a dense list: those before the named one are made, empty. */
function placeAdditional(slots: (AdditionalKeName | 'none')[][], word: string): boolean {
  const [, slot, method = ''] = ADDITIONAL_WORD.exec(word) ?? [];
  if (slot === undefined) return false;
  while (slots.length < Number(slot)) slots.push([]);
  return place(slots[Number(slot) - 1] ?? [], { ...ADDITIONAL_WORDS, none: 'none' }, method);
}

function place<T>(list: T[], words: Readonly<Record<string, T>>, word: string): boolean {
  if (!Object.hasOwn(words, word)) return false;
  const value = words[word] as T;
  if (!list.includes(value)) list.push(value);
  return true;
}

/** Ciphers with and without their own integrity cannot share a proposal. [RFC5282 8] */
function cipherComplaint({ encr, integ }: Parsed): string | undefined {
  const combined = encr.filter(isAead).length;
  if (encr.length === 0) return 'names no cipher, e.g. aes256gcm16';
  if (combined > 0 && combined < encr.length) return 'mixes AEAD and other ciphers: write two proposals';
  if (combined > 0 && integ.length > 0) return 'an AEAD cipher takes no integrity algorithm';
  if (combined === 0 && integ.length === 0) return 'names no integrity algorithm, e.g. sha256';
  return undefined;
}

function prfOfInteg(integ: IntegName): PrfName {
  const family = integ.replace(/-\d+$/, '');
  return (Object.keys(PRF_ALGORITHMS) as PrfName[]).find((name) => name === family) ?? 'hmac-sha2-256';
}

function wordOf<T>(words: Readonly<Record<string, T>>, value: T): string {
  const word = Object.keys(words).find((key) => words[key] === value);
  if (word === undefined) throw new RangeError(`no keyword for ${value}`);
  return word;
}
