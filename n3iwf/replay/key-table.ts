import {
  type ReadingCipher,
  readingCipher,
  readingEncryptions,
  readingIntegrities,
} from './reading-cipher.ts';

/** The two ciphers of one IKE SA, by the sender's role. */
export interface IkeReadingKeys {
  readonly initiator: ReadingCipher;
  readonly responder: ReadingCipher;
}

/**
 * Keys by the SPIs of their IKE SA, and lines of the table that could not be used. An SA has several where its keys
 * changed during the set-up, as IKE_INTERMEDIATE does [RFC9242 3.3.1].
 */
export interface KeyTable {
  readonly keys: ReadonlyMap<string, readonly IkeReadingKeys[]>;
  readonly faults: readonly string[];
}

/** Sixteen hexadecimal digits each; the key of `KeyTable.keys`. */
export function spiPairKey(spiInitiator: string, spiResponder: string): string {
  return `${spiInitiator.toLowerCase()} ${spiResponder.toLowerCase()}`;
}

/**
 * Reads Wireshark's `ikev2_decryption_table`: a line for each IKE SA with SPIi, SPIr, SK_ei, SK_er, the name of the
 * cipher, SK_ai, SK_ar and the name of the integrity algorithm, names in quotes.
 */
export function readKeyTable(text: string): KeyTable {
  const keys = new Map<string, IkeReadingKeys[]>();
  const faults: string[] = [];
  text.split('\n').forEach((line, at) => {
    if (line.trim() === '' || line.startsWith('#')) return;
    const read = readLine(line);
    if (typeof read === 'string') faults.push(`line ${at + 1}: ${read}`);
    else keys.set(read.spis, [...(keys.get(read.spis) ?? []), read.keys]);
  });
  return { keys, faults };
}

/** Cells between commas; quotes hold commas together. */
function cellsOf(line: string): string[] {
  return (line.match(/"[^"]*"|[^,]+|(?<=,)(?=,)/g) ?? []).map((cell) => cell.replaceAll('"', '').trim());
}

function readLine(line: string): { spis: string; keys: IkeReadingKeys } | string {
  const [spiI = '', spiR = '', skEi = '', skEr = '', encrName = '', skAi = '', skAr = '', integName = ''] =
    cellsOf(line);
  const encr = readingEncryptions[encrName];
  const integ = readingIntegrities[integName];
  if (!/^[0-9a-f]{16}$/i.test(spiI) || !/^[0-9a-f]{16}$/i.test(spiR)) return 'SPIs must be 16 digits each';
  if (encr === undefined) return `no cipher is called "${encrName}"`;
  if (integ === undefined) return `no integrity algorithm is called "${integName}"`;
  try {
    const initiator = readingCipher(encr, fromHex(skEi), integ, fromHex(skAi));
    const responder = readingCipher(encr, fromHex(skEr), integ, fromHex(skAr));
    return { spis: spiPairKey(spiI, spiR), keys: { initiator, responder } };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function fromHex(text: string): Uint8Array {
  const digits = text.replace(/^0x/i, '');
  if (!/^([0-9a-f]{2})*$/i.test(digits)) throw new RangeError(`"${text}" is not hexadecimal`);
  return Uint8Array.from(Buffer.from(digits, 'hex'));
}
