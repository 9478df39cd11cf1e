import { createPublicKey, KeyObject } from 'node:crypto';
import { type EndpointConfig, type EndpointPorts, encapsulateByNode, IkeEndpoint, type Output } from '#ikev2';

/**
 * One line of a record: everything that an IKE engine was given, in order. With it the engine does again, octet for
 * octet, what it did. It holds keys in clear, but no private key of a certificate.
 */
export type RecordEntry =
  | { readonly kind: 'config'; readonly config: EndpointConfig; readonly ports: readonly string[] }
  | { readonly kind: 'input'; readonly method: string; readonly args: readonly unknown[] }
  | { readonly kind: 'random'; readonly octets: Uint8Array }
  | { readonly kind: 'answer'; readonly port: string; readonly value: unknown }
  | { readonly kind: 'sent'; readonly data: readonly Uint8Array[] };

type Write = (entry: RecordEntry) => void;

/** Calls that put something into the engine; what else it has is looked at without changing it. */
const inputs = [
  'receive',
  'tick',
  'connect',
  'sendEap',
  'setMsk',
  'failEap',
  'providePpk',
  'provideSharedSecret',
  'createChildSa',
  'rekeyChildSa',
  'deleteChildSa',
  'rekeyIkeSa',
  'noteUsage',
  'reauthenticate',
  'deleteIkeSa',
  'changeAddress',
  'redirect',
  'inform',
  'checkLiveness',
  'reconfigure',
] as const satisfies readonly (keyof IkeEndpoint)[];
/** Method of the engine that takes something in. */
export type EngineInput = (typeof inputs)[number];
/** What an input returns: its outputs, alone or beside the handle of a new SA, or nothing. */
export type Outcome = readonly Output[] | { readonly outputs: readonly Output[] } | undefined;

/** The outputs out of whatever an input returned. */
export function outputsOf(outcome: Outcome): readonly Output[] {
  return outcome === undefined ? [] : 'outputs' in outcome ? outcome.outputs : outcome;
}

const inputNames: ReadonlySet<string> = new Set(inputs);

/** An engine that writes down what it is given before it works on it. */
export function recordingEngine(config: EndpointConfig, ports: EndpointPorts, write: Write): IkeEndpoint {
  const all: EndpointPorts = { encapsulate: encapsulateByNode, ...ports };
  write({ kind: 'config', config, ports: Object.keys(all) });
  const engine = new IkeEndpoint(config, recordingPorts(all, write));
  return new Proxy(engine, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      if (!inputNames.has(String(name))) return member.bind(target) as unknown;
      return (...args: unknown[]): unknown => {
        write({ kind: 'input', method: String(name), args });
        const result = member.apply(target, args) as Outcome;
        const outputs = outputsOf(result);
        const data = outputs.flatMap((output) => (output.kind === 'transmit' ? [output.data] : []));
        if (data.length > 0) write({ kind: 'sent', data });
        return result;
      };
    },
  });
}

/** The same ports, with every draw and every answer written down when it is given. */
function recordingPorts(ports: EndpointPorts, write: Write): EndpointPorts {
  const random = (length: number) => {
    const octets = ports.random(length);
    write({ kind: 'random', octets });
    return octets;
  };
  const others = Object.entries(ports as unknown as Record<string, (...args: unknown[]) => unknown>)
    .filter(([port, ask]) => port !== 'random' && ask !== undefined)
    .map(([port, ask]) => [
      port,
      (...args: unknown[]) => {
        const value = ask(...args);
        write({ kind: 'answer', port, value });
        return value;
      },
    ]);
  return { ...ports, ...Object.fromEntries(others), random };
}

/** Stands for `undefined`, which JSON has not. */
const nothing = { $nothing: true };

/** An entry as a line of JSON; octets become hexadecimal with a mark, the certificate's private key is left out. */
export function encodeEntry(entry: RecordEntry): string {
  return JSON.stringify(entry, (key, value: unknown) => {
    if (key === 'privateKey') return undefined;
    if (value === undefined) return nothing;
    if (value instanceof KeyObject) return { $publicKey: value.export({ type: 'spki', format: 'pem' }) };
    // an octet string inside has had its own toJSON called by the time it comes here as a Buffer
    if (value instanceof Uint8Array) return { $hex: Buffer.from(value).toString('hex') };
    const buffer = value as { type?: unknown; data?: unknown } | null;
    return buffer?.type === 'Buffer' && Array.isArray(buffer.data)
      ? { $hex: Buffer.from(buffer.data as number[]).toString('hex') }
      : value;
  });
}

/** Reads a line that `encodeEntry` wrote. @throws SyntaxError for anything else */
export function decodeEntry(line: string): RecordEntry {
  const entry = JSON.parse(line, (_, value: unknown) => {
    const { $hex, $nothing, $publicKey } = (value ?? {}) as Readonly<Record<string, unknown>>;
    if ($nothing === true) return undefined;
    if (typeof $publicKey === 'string') return createPublicKey($publicKey);
    return typeof $hex === 'string' ? Uint8Array.from(Buffer.from($hex, 'hex')) : value;
  }) as Partial<RecordEntry> | null;
  if (typeof entry?.kind !== 'string') throw new SyntaxError('a line of the record has no kind');
  return entry as RecordEntry;
}

/** Whether a recorded method is one that a replay may call. */
export function isEngineInput(method: string): method is EngineInput {
  return inputNames.has(method);
}
