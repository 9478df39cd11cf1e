/** A whole PDU to and from octets: the envelope of the procedure, and the message's IEs inside. */
import { BitReader, BitWriter } from './aper/bits.ts';
import { criticalities, decodeComplete, decodeFrames, decodeIes, named } from './aper/decode.ts';
import { encodeComplete, encodeValue } from './aper/encode.ts';
import { readConstrained, readCountedOctets, writeConstrained, writeCountedOctets } from './aper/numbers.ts';
import type { AsnType, ContainerType, Criticality } from './aper/types.ts';
import { type Diagnosis, diagnose } from './check.ts';
import { AperError, attempt, type Result } from './result.ts';
import { type MessageIes, type MessageName, messages } from './schema/messages.ts';
import { type Kind, kinds, placeOf, procedureOfCode } from './schema/procedures.ts';
import { type Transfer, type TransferName, transfers } from './schema/transfers.ts';

/** One NGAP message, named as in TS 38.413, with its IEs. */
export type NgapPdu = {
  [M in MessageName]: { readonly message: M; readonly ies: MessageIes<M> };
}[MessageName];

/** What was wrong with a received PDU, and how much of it could be told. */
export class NgapError extends Error {
  readonly diagnosis: Diagnosis;

  constructor(message: string, diagnosis: Diagnosis) {
    super(message);
    this.name = 'NgapError';
    this.diagnosis = diagnosis;
  }
}

/** A decoded PDU; `diagnosis` is there when something in it had to be ignored and reported. */
export type DecodedPdu = NgapPdu & { readonly diagnosis?: Diagnosis };

/** Encodes one message. @throws AperError when a value does not fit its type, a fault of the caller's */
export function encodeNgap(pdu: NgapPdu): Uint8Array {
  const place = placeOf.get(pdu.message);
  if (place === undefined) throw new AperError(pdu.message, 'belongs to no procedure');
  const { procedure, kind } = place;
  const writer = new BitWriter(512);
  writer.bits(0, 1);
  writeConstrained(writer, kinds.indexOf(kind), 0, 2);
  writeConstrained(writer, procedure.code, 0, 255);
  writeConstrained(writer, criticalities.indexOf(procedure.criticality), 0, 2);
  try {
    const mark = writer.open();
    writer.bits(0, 1); // a message is an extensible sequence with one component, its IEs
    encodeValue(messages[pdu.message], pdu.ies, writer);
    const long = writer.close(mark);
    if (long !== undefined) writeCountedOctets(writer, long);
  } catch (error) {
    throw named(pdu.message, error);
  }
  return writer.finish();
}

/** What stands around a message: its place in the procedure, and its octets. */
interface Envelope {
  readonly kind: Kind;
  readonly code: number;
  readonly criticality: Criticality;
  readonly value: Uint8Array;
}

function decodeEnvelope(octets: Uint8Array): Envelope {
  const reader = new BitReader(octets);
  if (reader.bit() === 1) throw new AperError('NGAP-PDU', 'is of a kind unknown to this release');
  const kind = kinds[readConstrained(reader, 0, 2)] as Kind;
  const code = readConstrained(reader, 0, 255);
  const criticality = criticalities[readConstrained(reader, 0, 2)] as Criticality;
  return { kind, code, criticality, value: readCountedOctets(reader) };
}

/**
 * Decodes one PDU and judges it by the tables: what cannot be read at all is a transfer syntax error; a missing or
 * misread IE is weighed by its criticality [TS38413 10.2], [TS38413 10.3].
 */
export function decodeNgap(octets: Uint8Array): Result<DecodedPdu, NgapError> {
  const envelope = attempt(() => decodeEnvelope(octets));
  if (!envelope.ok) return refused(envelope.error.message, { reaction: 'transferSyntax' });
  const { kind, code, criticality, value } = envelope.value;
  const procedure = procedureOfCode.get(code);
  const message = procedure?.[kind];
  const about = { procedureCode: code, triggeringMessage: kind, procedureCriticality: criticality } as const;
  if (message === undefined)
    return refused(`procedure ${code} ${kind} is unknown`, { reaction: criticality, ...about });
  const type = messages[message] as ContainerType;
  // IEs that are wrong are faults in `decoded`; only a list that cannot be read is an error.
  const decoded = attempt(() => decodeIes(type, ieReader(value)));
  if (!decoded.ok)
    return refused(`${message}: ${decoded.error.message}`, { reaction: 'transferSyntax', ...about });
  const { ies, faults, clean } = decoded.value;
  const pdu = { message, ies } as NgapPdu;
  if (clean || type.opaque) return { ok: true, value: pdu };
  // A second pass over the frames, for the few messages with something to tell, keeps the first one quick.
  const diagnosis = diagnose(type, decodeFrames(type, ieReader(value)), faults, about);
  if (diagnosis !== undefined && diagnosis.reaction !== 'ignore' && diagnosis.reaction !== 'notify') {
    const detail = faults[0]?.error.message ?? 'an IE is missing, not understood or out of place';
    return refused(`${message}: ${detail}`, { ...diagnosis, ies });
  }
  return { ok: true, value: diagnosis === undefined ? pdu : { ...pdu, diagnosis } };
}

function refused(message: string, diagnosis: Diagnosis): { ok: false; error: NgapError } {
  return { ok: false, error: new NgapError(message, diagnosis) };
}

/** At the IEs of a message's value. */
function ieReader(value: Uint8Array): BitReader {
  const reader = new BitReader(value);
  reader.bit();
  return reader;
}

/** The octets of a transfer container, as they go into a session item. @throws AperError on a value that does not fit */
export function encodeTransfer<N extends TransferName>(name: N, value: Transfer<N>): Uint8Array {
  const type = transfers[name] as AsnType;
  try {
    return encodeComplete(type, holdsIes(type) ? { ies: value } : value);
  } catch (error) {
    throw named(name, error);
  }
}

/** Decodes a transfer container; absent mandatory IEs of those that are IE lists are errors too. */
export function decodeTransfer<N extends TransferName>(name: N, octets: Uint8Array): Result<Transfer<N>> {
  const type = transfers[name] as AsnType;
  return attempt(() => {
    const value = decodeComplete(type, octets) as Record<string, unknown>;
    if (!holdsIes(type)) return value as Transfer<N>;
    requireMandatory(name, type, value.ies as Record<string, unknown>);
    return value.ies as Transfer<N>;
  });
}

/** Whether a transfer is a sequence of nothing but a list of IEs, which then stands for it. */
function holdsIes(type: AsnType): boolean {
  return (
    type.kind === 'sequence' && type.fields[0]?.type.kind === 'container' && type.fields[0].name === 'ies'
  );
}

/** @throws AperError when the table calls an IE mandatory that is not there; a transfer has no criticality to weigh it by */
function requireMandatory(name: string, type: AsnType, ies: Record<string, unknown>): void {
  const rows =
    type.kind === 'sequence' && type.fields[0]?.type.kind === 'container' ? type.fields[0].type.rows : [];
  const missing = rows.find((row) => row.presence === 'mandatory' && ies[row.name] === undefined);
  if (missing !== undefined) throw new AperError(name, `${missing.name} is missing`);
}
