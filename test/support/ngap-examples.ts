/** One full example of each NGAP type, derived from the tables: every optional part present, all octets meaningful. */
import type { AsnType, ContainerType, IeRow } from '../../ngap/aper/types.ts';
import { encodeNgap, encodeTransfer, type NgapPdu, type TransferName } from '../../ngap/index.ts';
import { messages } from '../../ngap/schema/messages.ts';
import { transfers } from '../../ngap/schema/transfers.ts';

const registrationComplete = Uint8Array.of(0x7e, 0x00, 0x43);
const plmn = Uint8Array.of(0x02, 0xf8, 0x39);

function octets(name: string, low: number, whole: boolean): Uint8Array {
  if (/nas(Pdu)?$/i.test(name)) return registrationComplete;
  if (name === 'plmnIdentity') return plmn;
  if (name === 'ngapMessage') return encodeNgap(example('OverloadStop'));
  if (name.endsWith('Transfer')) return transferExample(`PDUS${name.slice(4)}` as TransferName);
  return new Uint8Array(whole ? 4 : low).fill(1);
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
export function exampleOf(type: AsnType, name = ''): unknown {
  switch (type.kind) {
    case 'integer':
      return type.range?.low ?? 1;
    case 'enumerated':
      return type.root[0];
    case 'bitString': {
      const length = name.toLowerCase().includes('address') ? 32 : type.size.low;
      return { bits: new Uint8Array((length + 7) >>> 3), length };
    }
    case 'octetString':
      return octets(name, type.size?.low ?? 0, type.size === undefined);
    case 'string':
      return 'example';
    case 'sequence':
    case 'container':
      return Object.fromEntries(fields(type).map((field) => [field.name, exampleOf(field.type, field.name)]));
    case 'sequenceOf':
      return [exampleOf(type.element, name)];
    case 'choice': {
      const chosen = type.root[name === 'globalRanNodeId' || name === 'userLocationInformation' ? 2 : 0]!;
      return { choice: chosen.name, value: exampleOf(chosen.type, chosen.name) };
    }
    default:
      return undefined;
  }
}

export function example(message: NgapPdu['message']): NgapPdu {
  return { message, ies: exampleOf(messages[message] as AsnType) } as NgapPdu;
}

function transferExample(name: TransferName): Uint8Array {
  const whole = exampleOf(transfers[name] as AsnType) as { ies?: unknown };
  return encodeTransfer(name, (whole.ies ?? whole) as never);
}

/** Names of the messages whose IEs this schema declares. */
export const declaredMessages = (Object.keys(messages) as NgapPdu['message'][]).filter(
  (message) => !(messages[message] as ContainerType).opaque,
);
