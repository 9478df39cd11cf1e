/** One binary part of a multipart/related body: its Content-ID and Content-Type, and the octets. */
export interface BinaryPart {
  readonly id: string;
  readonly type: string;
  readonly octets: Uint8Array;
}

/** A service operation's payload: the JSON part and the binary parts that it refers to by Content-ID. */
export interface Payload {
  readonly json: unknown;
  readonly parts: readonly BinaryPart[];
}

/** Media types of the binary parts [TS29502 6.1.2.4.2]. */
export const MEDIA = { nas: 'application/vnd.3gpp.5gnas', ngap: 'application/vnd.3gpp.ngap' } as const;

const lineEnd = '\r\n';
/** Fixed, since no part of ours can hold it: it is longer than what JSON of ours or NAS would carry by chance. */
const ownBoundary = 'part-of-the-stub-core-9f2c6d51';

/** A body of one JSON part and its binary parts, the JSON first as the standard wants it [TS29500 5.2.2.2]. */
export function encodeMultipart({ json, parts }: Payload): {
  readonly type: string;
  readonly body: Uint8Array;
} {
  const head = (fields: readonly string[]) =>
    Buffer.from([`--${ownBoundary}`, ...fields, '', ''].join(lineEnd));
  const chunks = [
    head(['Content-Type: application/json']),
    Buffer.from(JSON.stringify(json)),
    ...parts.flatMap(({ id, type, octets }) => [
      Buffer.from(lineEnd),
      head([`Content-Type: ${type}`, `Content-ID: ${id}`]),
      octets,
    ]),
    Buffer.from(`${lineEnd}--${ownBoundary}--${lineEnd}`),
  ];
  return {
    type: `multipart/related; boundary="${ownBoundary}"`,
    body: Uint8Array.from(Buffer.concat(chunks)),
  };
}

/**
 * The payload of a body by its Content-Type: JSON alone, or multipart/related.
 *
 * @returns undefined for another media type, a body without end, and JSON that is none
 */
export function decodePayload(contentType: string, body: Uint8Array): Payload | undefined {
  if (/^application\/(?:[\w.+-]+\+)?json\b/i.test(contentType)) {
    const json = parseJson(Buffer.from(body).toString());
    return json === undefined ? undefined : { json, parts: [] };
  }
  const boundary = /^multipart\/related\b.*;\s*boundary="?([^";]+)"?/i.exec(contentType)?.[1];
  if (boundary === undefined) return undefined;
  return assemble(split(Buffer.from(body), boundary));
}

/** The sections between the delimiters; undefined when the closing one is not there. */
function split(body: Buffer, boundary: string): Buffer[] | undefined {
  const delimiter = Buffer.from(`--${boundary}`);
  const sections: Buffer[] = [];
  let start = body.indexOf(delimiter);
  while (start !== -1) {
    const from = start + delimiter.length;
    if (body.subarray(from, from + 2).toString('latin1') === '--') return sections;
    const next = body.indexOf(delimiter, from);
    if (next === -1) return undefined;
    // Both line ends around a section belong to its delimiters.
    sections.push(body.subarray(from + lineEnd.length, next - lineEnd.length));
    start = next;
  }
  return undefined;
}

function assemble(sections: readonly Buffer[] | undefined): Payload | undefined {
  const parts: BinaryPart[] = [];
  let json: unknown;
  for (const section of sections ?? []) {
    const end = section.indexOf(`${lineEnd}${lineEnd}`);
    if (end === -1) return undefined;
    const fields = section.subarray(0, end).toString('latin1');
    const octets = Uint8Array.from(section.subarray(end + 4));
    const type = field(fields, 'Content-Type') ?? '';
    if (/^application\/json\b/i.test(type)) json ??= parseJson(Buffer.from(octets).toString());
    else parts.push({ id: field(fields, 'Content-ID') ?? '', type, octets });
  }
  return json === undefined ? undefined : { json, parts };
}

function field(fields: string, name: string): string | undefined {
  return new RegExp(`^${name}:[ \\t]*(.*)$`, 'im').exec(fields)?.[1]?.trim();
}

/** Undefined for text that is not JSON: `null` is JSON, `undefined` never is. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
