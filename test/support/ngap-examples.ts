/** One full example of each NGAP type, derived from the tables: every optional part present, all octets meaningful. */
import type { AsnType, ContainerType, IeRow, Range } from '../../ngap/aper/types.ts';
import { encodeNgap, encodeTransfer, type NgapPdu, type TransferName } from '../../ngap/index.ts';
import { messages } from '../../ngap/schema/messages.ts';
import { transfers } from '../../ngap/schema/transfers.ts';

/** Where an example has a choice: the plain example takes the least of everything, a varied one any. */
export interface Chooser {
  /** A whole number from `low` to `high`. */
  number(low: number, high: number): number;
  /** Octets of a string that has no meaning of its own. */
  octets(length: number): Uint8Array;
  /** Which of an alternative's names to take; the plain example has a favourite for a node's identity and place. */
  alternative(names: readonly string[], where: string): number;
}

const plain: Chooser = {
  number: (low) => low,
  octets: (length) => new Uint8Array(length).fill(1),
  alternative: (_, where) => (where === 'globalRanNodeId' || where === 'userLocationInformation' ? 2 : 0),
};

/** A chooser that takes anything, the same for the same seed. */
export function varied(seed: number): Chooser {
  const below = randomFrom(seed);
  const number = (low: number, high: number) => low + below(high - low + 1);
  return {
    number,
    octets: (length) => Uint8Array.from({ length }, () => below(256)),
    alternative: (names) => below(names.length),
  };
}

/** mulberry32: numbers from 0 to below `count`, the same for the same seed. */
export function randomFrom(seed: number): (count: number) => number {
  let state = seed;
  return (count) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * count);
  };
}

const registrationComplete = Uint8Array.of(0x7e, 0x00, 0x43);
const plmn = Uint8Array.of(0x02, 0xf8, 0x39);

function octets(name: string, size: Range | undefined, choose: Chooser): Uint8Array {
  if (/nas(Pdu)?$/i.test(name)) return registrationComplete;
  if (/plmnIdentity$/i.test(name)) return plmn;
  if (name === 'ngranTraceId') return Uint8Array.of(...plmn, ...choose.octets(5)); // begins with the PLMN
  if (name === 'ngapMessage') return encodeNgap(example('OverloadStop'));
  if (name.endsWith('Transfer')) return transferExample(`PDUS${name.slice(4)}` as TransferName, choose);
  return choose.octets(size === undefined ? 4 : choose.number(size.low, size.high));
}

function bitString(name: string, size: Range, choose: Chooser): { bits: Uint8Array; length: number } {
  const isAddress = name.toLowerCase().includes('address');
  const addressBits = [32, 128, 160][choose.number(0, 2)] as number;
  const length = isAddress ? addressBits : choose.number(size.low, size.high);
  const bits = new Uint8Array((length + 7) >>> 3).map(() => choose.number(0, 255));
  const spare = bits.length * 8 - length;
  if (spare > 0) bits[bits.length - 1] = (bits[bits.length - 1] as number) & (0xff << spare);
  return { bits, length };
}

function fields(type: AsnType): readonly { readonly name: string; readonly type: AsnType }[] {
  const rows = (container: ContainerType): readonly IeRow[] => container.rows;
  const all = type.kind === 'sequence' ? type.fields : type.kind === 'container' ? rows(type) : [];
  return all.filter(
    (field) =>
      field.type.kind !== 'any' &&
      field.name !== 'ieExtensions' &&
      // opaque identities of other access networks, and an indirect list that tshark would read as a container
      !/^(wAgf|tngf|twif)Identity|CommonNetworkInstance|ueRadioCapabilityId$/i.test(field.name),
  );
}

/** A value of `type`, every part of it present. */
export function exampleOf(type: AsnType, name = '', choose: Chooser = plain): unknown {
  switch (type.kind) {
    case 'integer':
      return choose.number(type.range?.low ?? 1, type.range?.high ?? 1);
    case 'enumerated': {
      const names = [...type.root, ...(type.additions ?? [])];
      return names[choose.number(0, names.length - 1)];
    }
    case 'bitString':
      return bitString(name, type.size, choose);
    case 'octetString':
      return octets(name, type.size, choose);
    case 'string':
      return 'example'.repeat(choose.number(1, 20)).slice(0, 147);
    case 'sequence':
    case 'container':
      return Object.fromEntries(
        fields(type).map((field) => [field.name, exampleOf(field.type, field.name, choose)]),
      );
    case 'sequenceOf': {
      const { low, high } = type.size;
      const length = choose.number(low, Math.min(high, low + 2));
      return Array.from({ length }, () => exampleOf(type.element, name, choose));
    }
    case 'choice': {
      const known = type.root.filter((alternative) => alternative.type.kind !== 'single');
      const names = known.map((alternative) => alternative.name);
      const chosen = known[choose.alternative(names, name)]!;
      return { choice: chosen.name, value: exampleOf(chosen.type, chosen.name, choose) };
    }
    default:
      return undefined;
  }
}

/** One message with every optional part that {@link exampleOf} knows of. */
export function example(message: NgapPdu['message'], choose: Chooser = plain): NgapPdu {
  return { message, ies: exampleOf(messages[message] as AsnType, '', choose) } as NgapPdu;
}

function transferExample(name: TransferName, choose: Chooser): Uint8Array {
  const whole = exampleOf(transfers[name] as AsnType, '', choose) as { ies?: unknown };
  return encodeTransfer(name, (whole.ies ?? whole) as never);
}

/** Names of the messages whose IEs this schema declares. */
export const declaredMessages = (Object.keys(messages) as NgapPdu['message'][]).filter(
  (message) => !(messages[message] as ContainerType).opaque,
);
