import type { NgapPdu } from './pdu.ts';

/** IEs that hold keys: shown by length only, so that a log cannot give one away. */
const secret = new Set(['securityKey']);

/**
 * One message as indented text, an IE to a line: octets in hex, bit strings as hex/length, choices as `name: value`.
 * For people to read; its layout is no interface.
 */
export function printNgap(pdu: NgapPdu): string {
  return [pdu.message, ...lines(pdu.ies, '  ')].join('\n');
}

function lines(value: object, indent: string): string[] {
  return Object.entries(value).flatMap(([name, part]) => {
    if (secret.has(name)) return [`${indent}${name}: [secret]`];
    const short = atom(part);
    if (short !== undefined) return [`${indent}${name}: ${short}`];
    return [`${indent}${name}`, ...lines(inner(part), `${indent}  `)];
  });
}

/** A choice shows as its alternative, without the wrapper. */
function inner(part: unknown): object {
  const { choice, value } = part as { choice?: string; value?: unknown };
  return choice === undefined ? (part as object) : { [choice]: value };
}

/** The text of a value that fits on a line; undefined for one with parts. */
function atom(part: unknown): string | undefined {
  if (part instanceof Uint8Array) return hex(part);
  if (typeof part !== 'object' || part === null) return String(part);
  const { bits, length } = part as { bits?: unknown; length?: number };
  return bits instanceof Uint8Array ? `${hex(bits)}/${length}` : undefined;
}

function hex(octets: Uint8Array): string {
  let text = '';
  for (const octet of octets) text += octet.toString(16).padStart(2, '0');
  return text;
}
