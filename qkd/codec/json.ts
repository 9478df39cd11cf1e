/**
 * A strict JSON reader (RFC 8259) over octets. JSON.parse would turn the key of a key container into a string, which
 * cannot be wiped: here the text of the members named as secret stays in the body and only its place is returned.
 * Total: any octets give a value or a {@link JsonError}; nesting and length are limited by the caller's limits.
 */
import { fail, ok, type Result } from '../result.ts';

/** Where the text of a secret member stands in the body, without its quotes. */
export interface SecretText {
  readonly kind: 'secretText';
  readonly start: number;
  readonly end: number;
}

/** A map, so that a member named `__proto__` is a member like others. */
export type JsonObject = ReadonlyMap<string, JsonValue>;
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject | SecretText;

/** The body is no JSON; `offset` in octets. Its message never quotes the body, which may hold keys. */
export class JsonError extends Error {
  readonly offset: number;

  constructor(offset: number, reason: string) {
    super(`JSON at octet ${offset}: ${reason}`);
    this.name = 'JsonError';
    this.offset = offset;
  }
}

/** The bodies of ETSI GS QKD 014 nest four deep; extensions may add some. */
const MAX_DEPTH = 16;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const COMMA = 0x2c;
const COLON = 0x3a;
const WORDS = [
  ['true', true],
  ['false', false],
  ['null', null],
] as const;
/** RFC 8259 6: no leading zero, no plus, digits on both sides of the point. */
const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Parses a whole body. String members whose name is in `secretMembers` become {@link SecretText}. */
export function parseJson(
  bytes: Uint8Array,
  secretMembers: ReadonlySet<string> = new Set(),
): Result<JsonValue, JsonError> {
  try {
    return ok(new JsonReader(bytes, secretMembers).document());
  } catch (error) {
    if (error instanceof JsonError) return fail(error);
    throw error;
  }
}

/** Tells an object from every other value. */
export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return value instanceof Map;
}

/** Tells the place of a secret from an ordinary object. */
export function isSecretText(value: JsonValue | undefined): value is SecretText {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'secretText';
}

class JsonReader {
  readonly #bytes: Uint8Array;
  readonly #secretMembers: ReadonlySet<string>;
  #at = 0;

  constructor(bytes: Uint8Array, secretMembers: ReadonlySet<string>) {
    this.#bytes = bytes;
    this.#secretMembers = secretMembers;
  }

  /** One value and nothing behind it. */
  document(): JsonValue {
    const value = this.#value(0);
    if (this.#next() !== undefined) throw new JsonError(this.#at, 'something follows the value');
    return value;
  }

  /** The next octet that is no white space; stays in front of it. */
  #next(): number | undefined {
    let octet = this.#bytes[this.#at];
    while (octet === 0x20 || octet === 0x0a || octet === 0x0d || octet === 0x09)
      octet = this.#bytes[++this.#at];
    return octet;
  }

  #value(depth: number): JsonValue {
    if (depth > MAX_DEPTH) throw new JsonError(this.#at, 'nested too deep');
    const octet = this.#next();
    if (octet === OPEN_OBJECT) return this.#object(depth);
    if (octet === OPEN_ARRAY) return this.#array(depth);
    if (octet === QUOTE) return this.#text();
    const word = this.#word();
    return word === undefined ? this.#number() : word;
  }

  #object(depth: number): JsonObject {
    const members = new Map<string, JsonValue>();
    this.#list(CLOSE_OBJECT, () => {
      if (this.#next() !== QUOTE) throw new JsonError(this.#at, 'a member name is missing');
      const name = this.#text();
      this.#take(COLON);
      if (members.has(name)) throw new JsonError(this.#at, 'a member stands twice');
      const secret = this.#secretMembers.has(name) && this.#next() === QUOTE;
      members.set(name, secret ? this.#secretText() : this.#value(depth + 1));
    });
    return members;
  }

  #array(depth: number): JsonValue[] {
    const values: JsonValue[] = [];
    this.#list(CLOSE_ARRAY, () => values.push(this.#value(depth + 1)));
    return values;
  }

  /** Items between the bracket under the cursor and `close`, with a comma between each two. */
  #list(close: number, item: () => void): void {
    this.#at++;
    if (this.#next() === close) {
      this.#at++;
      return;
    }
    for (;;) {
      item();
      if (this.#next() === close) break;
      this.#take(COMMA);
    }
    this.#at++;
  }

  /** Moves over a sign that must come now. */
  #take(octet: number): void {
    if (this.#next() !== octet) throw new JsonError(this.#at, `"${String.fromCharCode(octet)}" is missing`);
    this.#at++;
  }

  /** Moves behind the closing quote of a string and gives the place of its text. */
  #stringRange(): { start: number; end: number; escaped: boolean } {
    const start = ++this.#at;
    let escaped = false;
    for (;;) {
      const octet = this.#bytes[this.#at++];
      if (octet === undefined) throw new JsonError(this.#bytes.length, 'a string does not end');
      if (octet === QUOTE) return { start, end: this.#at - 1, escaped };
      if (octet < 0x20) throw new JsonError(this.#at - 1, 'a control character in a string');
      if (octet !== BACKSLASH) continue;
      escaped = true;
      this.#at++;
    }
  }

  /** Escapes are left to JSON.parse, which reads the same grammar; only texts without a secret get there. */
  #text(): string {
    const { start, end, escaped } = this.#stringRange();
    try {
      const text = utf8.decode(this.#bytes.subarray(start, end));
      return escaped ? String(JSON.parse(`"${text}"`)) : text;
    } catch {
      throw new JsonError(start, 'a string is no UTF-8 or has a wrong escape');
    }
  }

  /** Base64 may come with `\/`, which JSON allows: the escape is taken out in place, so the text still is one range. */
  #secretText(): SecretText {
    const { start, end, escaped } = this.#stringRange();
    if (!escaped) return { kind: 'secretText', start, end };
    let to = start;
    for (let from = start; from < end; from++) {
      if (this.#bytes[from] === BACKSLASH && this.#bytes[++from] !== 0x2f)
        throw new JsonError(from, 'an escape that Base64 does not need');
      this.#bytes[to++] = this.#bytes[from] ?? 0;
    }
    return { kind: 'secretText', start, end: to };
  }

  #word(): boolean | null | undefined {
    for (const [text, value] of WORDS) {
      if (!this.#startsWith(text)) continue;
      this.#at += text.length;
      return value;
    }
    return undefined;
  }

  #startsWith(text: string): boolean {
    for (let index = 0; index < text.length; index++)
      if (this.#bytes[this.#at + index] !== text.charCodeAt(index)) return false;
    return true;
  }

  /** Letters and signs that may stand in a number are gathered, then held against the grammar. */
  #number(): number {
    const start = this.#at;
    let text = '';
    for (let octet = this.#bytes[start]; octet !== undefined; octet = this.#bytes[++this.#at]) {
      const digit = (octet >= 0x30 && octet <= 0x39) || '+-.eE'.includes(String.fromCharCode(octet));
      if (!digit || text.length > 32) break;
      text += String.fromCharCode(octet);
    }
    if (!NUMBER.test(text)) throw new JsonError(start, 'neither a value nor a number');
    return Number(text);
  }
}
