/** Our decoded NGAP values against tshark's tree of the same octets, field by field, by the ASN.1 names of both. */
import { criticalities, decodeComplete } from '../../ngap/aper/decode.ts';
import type { AsnType, BitString, ContainerType, SequenceType, UnknownIe } from '../../ngap/aper/types.ts';
import type { NgapPdu } from '../../ngap/index.ts';
import * as ies from '../../ngap/schema/ies.ts';
import { messages } from '../../ngap/schema/messages.ts';
import { kinds, placeOf } from '../../ngap/schema/procedures.ts';
import { transfers } from '../../ngap/schema/transfers.ts';
import type { PdmlNode } from './pdml.ts';

/** What a comparison found: values that were held against each other, and where they differ. */
export interface Comparison {
  compared: number;
  readonly differences: string[];
}

/**
 * Where tshark 4.0.17 has another name than TS 38.413 V17, by ours as {@link plainName} gives it. Numbers agree in all of
 * these places; later versions of tshark may have our name.
 */
export const otherNames: ReadonlyMap<string, string> = new Map([
  // fields whose names tshark uses for two types: its generator puts the parent's in front
  ['n3iwfid', 'globaln3iwfidn3iwfid'],
  ['gnbid', 'globalgnbidgnbid'],
  // the specification's own spelling, which tshark corrects
  ['unsuccessfulloutcome', 'unsuccessfuloutcome'],
  // causes of the last Release 17 versions, which its table ends before
  ['unknownmbssessionid', 'unknown'],
  ['indicatedmbssessionareainformationnotservedbythegnb', 'unknown'],
  ['inconsistentsliceinfoforthesession', 'unknown'],
  ['misalignedassociationformulticastunicast', 'unknown'],
]);

/** A name without what differs between the ASN.1 text, tshark and TypeScript: case, hyphens, `_element`, `id-`. */
export function plainName(name: string): string {
  return name
    .replace(/^ngap\.|^id-|_element$/g, '')
    .replace(/[^a-zA-Z0-9]/g, '')
    .toLowerCase();
}

/** The IEs that messages of other nodes are filled with here; their types come from the common table. */
export const commonIes: ReadonlyMap<number, AsnType> = new Map<number, AsnType>([
  [10, ies.amfUeNgapId as AsnType],
  [85, ies.ranUeNgapId as AsnType],
]);

/** Compares a whole PDU: kind, procedure, criticality, message, and every IE. */
export function comparePdu(pdu: NgapPdu, ngap: PdmlNode): Comparison {
  const comparison: Comparison = { compared: 0, differences: [] };
  const walker = new Walker(comparison);
  const place = placeOf.get(pdu.message);
  const envelope = ngap.children.find(({ name }) => name === 'ngap.NGAP_PDU');
  const outcome = envelope?.children.find(isField);
  walker.same(`${kinds.indexOf(place?.kind ?? 'initiating')}`, envelope?.show, 'kind');
  const [code, criticality, value] = outcome?.children.filter(isField) ?? [];
  walker.same(`${place?.procedure.code}`, code?.show, 'procedureCode');
  walker.same(
    criticalities.indexOf(place?.procedure.criticality ?? 'reject').toString(),
    criticality?.show,
    'criticality',
  );
  const message = value?.children.find(isField);
  walker.sameName(pdu.message, message?.name, 'message');
  walker.container(
    messages[pdu.message] as ContainerType,
    pdu.ies,
    message?.children.find(isField),
    pdu.message,
  );
  return comparison;
}

const isField = ({ name }: PdmlNode) => name.startsWith('ngap.');

class Walker {
  private readonly comparison: Comparison;

  constructor(comparison: Comparison) {
    this.comparison = comparison;
  }

  same(ours: string, theirs: string | undefined, path: string): void {
    this.comparison.compared++;
    if (ours !== theirs) this.comparison.differences.push(`${path}: ${ours} here, ${theirs} there`);
  }

  sameName(ours: string, theirs: string | undefined, path: string): void {
    const [name, their] = [plainName(ours), plainName(theirs ?? '')];
    this.same(otherNames.get(name) === their ? their : name, their, `${path} (name)`);
  }

  /** IEs in their order, each by id, criticality, name and content. */
  container(type: ContainerType, value: object, node: PdmlNode | undefined, path: string): void {
    const { unknownIes = [], ...known } = value as { unknownIes?: readonly UnknownIe[] };
    const items = node?.children ?? [];
    const rows = type.rows.filter((row) => row.name in known);
    this.same(
      `${rows.length + unknownIes.length}`,
      `${items.filter(({ name }) => name === '').length}`,
      path,
    );
    const list = items.filter(({ name }) => name === '');
    for (const [at, row] of rows.entries()) {
      const where = `${path}.${row.name}`;
      this.sameName(row.name, list[at]?.show.replace(/^Item \d+: /, ''), where);
      const content = this.frame(row.id, row.criticality, list[at], where);
      this.value(row.type, (known as Record<string, unknown>)[row.name], content, row.name, where);
    }
    for (const [at, { id, criticality, value: octets }] of unknownIes.entries()) {
      const content = this.frame(id, criticality, list[rows.length + at], `${path}.${id}`);
      const inner = commonIes.get(id);
      if (inner !== undefined) this.value(inner, decodeComplete(inner, octets), content, '', `${path}.${id}`);
    }
  }

  private frame(
    id: number,
    criticality: string,
    item: PdmlNode | undefined,
    path: string,
  ): PdmlNode | undefined {
    const [theirId, theirCriticality, value] = item?.children.find(isField)?.children.filter(isField) ?? [];
    this.same(`${id}`, theirId?.show, `${path} (id)`);
    this.same(criticality, nameOf(theirCriticality), `${path} (criticality)`);
    return value?.children.find(isField);
  }

  private value(type: AsnType, value: unknown, node: PdmlNode | undefined, name: string, path: string): void {
    switch (type.kind) {
      case 'integer':
        this.same(`${value}`, node?.show, path);
        return;
      case 'enumerated':
        this.same(`${type.indexOf.get(value as string)}`, node?.show, path);
        this.sameName(value as string, nameOf(node), path);
        return;
      case 'bitString':
        this.bitString(value as BitString, node, path);
        return;
      case 'octetString':
        this.octetString(value as Uint8Array, node, name, path);
        return;
      case 'string':
        this.same(value as string, node?.show, path);
        return;
      case 'sequence':
        this.sequence(type, value as Record<string, unknown>, node, path);
        return;
      case 'sequenceOf':
        this.list(type.element, value as readonly unknown[], node, path);
        return;
      case 'choice': {
        const { choice, value: chosen } = value as { choice: string; value: unknown };
        const alternative = node?.children.find(isField);
        this.same(`${type.indexOf.get(choice)}`, node?.show, `${path} (alternative)`);
        this.sameName(choice, alternative?.name, path);
        const inner = type.root[type.indexOf.get(choice) ?? 0]?.type;
        if (inner !== undefined) this.value(inner, chosen, alternative, choice, `${path}.${choice}`);
        return;
      }
      case 'container':
        this.container(type, value as object, node, path);
        return;
      default:
        this.comparison.differences.push(`${path}: ${type.kind} is not compared`);
    }
  }

  private sequence(
    type: SequenceType,
    value: Record<string, unknown>,
    node: PdmlNode | undefined,
    path: string,
  ): void {
    const fields = type.fields.filter((field) => field.name in value);
    const theirs = node?.children.filter(isField) ?? [];
    this.same(`${fields.length}`, `${theirs.length}`, `${path} (fields)`);
    for (const [at, field] of fields.entries()) {
      const where = `${path}.${field.name}`;
      // the one container of a transfer is named by its kind
      if (field.type.kind !== 'container') this.sameName(field.name, theirs[at]?.name, where);
      this.value(field.type, value[field.name], theirs[at], field.name, where);
    }
  }

  private list(element: AsnType, values: readonly unknown[], node: PdmlNode | undefined, path: string): void {
    const items = node?.children.filter(({ name }) => name === '') ?? [];
    this.same(`${values.length}`, `${items.length}`, `${path} (length)`);
    for (const [at, value] of values.entries())
      this.value(element, value, items[at]?.children.find(isField), '', `${path}.${at}`);
  }

  private bitString({ bits, length }: BitString, node: PdmlNode | undefined, path: string): void {
    this.same(hex(bits), node?.value, path);
    // cell identities are shown as one number, without their length
    const told = /\[bit length (\d+)/.exec(node?.showname ?? '')?.[1];
    if (told !== undefined) this.same(`${length}`, told, `${path} (bits)`);
  }

  /** A transfer is looked into as well. */
  private octetString(octets: Uint8Array, node: PdmlNode | undefined, name: string, path: string): void {
    this.same(hex(octets), node?.value, path);
    const type = (transfers as Record<string, unknown>)[`PDUS${name.slice(4)}`] as AsnType | undefined;
    if (type === undefined || !name.endsWith('Transfer')) return;
    const inner = node?.children.find(isField);
    this.sameName(name, inner?.name, `${path} (content)`);
    this.value(type, decodeComplete(type, octets), inner, name, path);
  }
}

const hex = (octets: Uint8Array) => Buffer.from(octets).toString('hex');

/** The name in `cause: misc (4)`. */
function nameOf(node: PdmlNode | undefined): string | undefined {
  return /^[^:]*: (.*) \(\d+\)$/.exec(node?.showname ?? '')?.[1];
}
