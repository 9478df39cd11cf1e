/** Just enough DER (X.690) to write certificates: each function gives one value with its tag and length. */

/** Tag of one octet, definite length, contents one behind the other. */
function tagged(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const content = Buffer.concat(contents);
  return Buffer.concat([Uint8Array.from([tag, ...lengthOctets(content.length)]), content]);
}

/** Short form below 128, else the count of octets and the octets (X.690 8.1.3). */
function lengthOctets(length: number): number[] {
  if (length < 0x80) return [length];
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest >>>= 8) octets.unshift(rest & 0xff);
  return [0x80 | octets.length, ...octets];
}

/** SEQUENCE or SEQUENCE OF. */
export function sequence(...members: readonly Uint8Array[]): Uint8Array {
  return tagged(0x30, ...members);
}

/** SET with one member: more would have to be sorted for DER. */
export function set(...members: readonly Uint8Array[]): Uint8Array {
  return tagged(0x31, ...members);
}

/** A positive INTEGER from its octets, most significant first. */
export function integer(octets: Uint8Array): Uint8Array {
  const first = octets[0] ?? 0;
  return tagged(0x02, first >= 0x80 ? Buffer.concat([new Uint8Array(1), octets]) : octets);
}

/** DER has one spelling of true: all bits set (X.690 11.1). */
export function boolean(value: boolean): Uint8Array {
  return tagged(0x01, Uint8Array.from([value ? 0xff : 0]));
}

/** An OBJECT IDENTIFIER from its dotted text (X.690 8.19). */
export function objectIdentifier(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return tagged(0x06, Uint8Array.from([first * 40 + second, ...rest].flatMap(base128)));
}

/** Seven bits an octet, the high bit set on all but the last. */
function base128(value: number): number[] {
  const octets = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128))
    octets.unshift(0x80 | (rest % 128));
  return octets;
}

/** OCTET STRING; also the wrapping of an extension's value. */
export function octetString(content: Uint8Array): Uint8Array {
  return tagged(0x04, content);
}

/** `unusedBits`: of the last octet, 0 to 7. */
export function bitString(content: Uint8Array, unusedBits = 0): Uint8Array {
  return tagged(0x03, Uint8Array.from([unusedBits]), content);
}

/** UTF8String, which RFC 5280 4.1.2.4 asks for in names. */
export function utf8String(text: string): Uint8Array {
  return tagged(0x0c, Buffer.from(text, 'utf8'));
}

/** A Time of RFC 5280 4.1.2.5: UTCTime up to 2049, GeneralizedTime after it. */
export function time(moment: Date): Uint8Array {
  const text = moment.toISOString().replace(/[-:T]|\.\d+/g, '');
  const short = moment.getUTCFullYear() < 2050;
  return tagged(short ? 0x17 : 0x18, Buffer.from(short ? text.slice(2) : text, 'ascii'));
}

/** A context-specific value [number], primitive with `content` or constructed around members. */
export function context(number: number, form: 'primitive' | 'constructed', content: Uint8Array): Uint8Array {
  return tagged((form === 'primitive' ? 0x80 : 0xa0) | number, content);
}
