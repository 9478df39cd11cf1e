/** Security Association payload: proposals, transforms and the Key Length attribute. [RFC7296 3.3] */

import type { OctetReader, OctetWriter } from '../cursor.ts';
import { PAYLOAD } from '../registry.ts';
import type { Proposal, SaPayload, Transform } from '../types.ts';
import { LIMITS, type PayloadCodec } from './codec.ts';

const LAST = 0;
const MORE_PROPOSALS = 2;
const MORE_TRANSFORMS = 3;
const KEY_LENGTH = 14;
const SHORT_FORM = 0x8000;

/**
 * Proposals of transforms of attributes, each a substructure that begins with whether another one follows, a reserved octet and
 * its length:
 *
 *     SA ── Proposal 1 (number, protocol, SPI size, count, SPI) ── Transform (type, reserved, id) ── Key Length
 *        │                                                      └─ Transform …
 *        └─ Proposal 2 …
 *
 * Whether another one follows must agree with the counts; where it does not, the sender has lost its way.
 */
export const saCodec: PayloadCodec<SaPayload> = {
  number: PAYLOAD.SA,
  name: 'SA',
  decode: (body) => ({ type: 'SA', proposals: decodeProposals(body) }),
  encode(writer, { proposals }) {
    proposals.forEach((proposal, i) => {
      encodeProposal(writer, proposal, i === proposals.length - 1);
    });
  },
};

/** All of them, at least one. */
function decodeProposals(body: OctetReader): Proposal[] {
  const proposals: Proposal[] = [];
  let more = true;
  while (more) {
    if (proposals.length === LIMITS.proposals) body.fail('SA', 'too many proposals');
    more = readMore(body, MORE_PROPOSALS, 'Proposal');
    proposals.push(decodeProposal(readBody(body, 'Proposal')));
  }
  if (body.remaining > 0) body.fail('SA', 'octets after the last proposal');
  return proposals;
}

/** One, of exactly as many transforms as it says. */
function decodeProposal(body: OctetReader): Proposal {
  const number = body.u8('Proposal Num');
  const protocol = body.u8('Protocol ID');
  const spiSize = body.u8('SPI Size');
  const count = body.u8('Num Transforms');
  const spi = body.take(spiSize, 'SPI');
  const transforms: Transform[] = [];
  for (let i = 1; i <= count; i++) {
    if (i > LIMITS.transforms) body.fail('Proposal', 'too many transforms');
    const more = readMore(body, MORE_TRANSFORMS, 'Transform');
    if (more !== i < count) body.fail('Transform', 'the last one is not where Num Transforms puts it');
    transforms.push(decodeTransform(readBody(body, 'Transform')));
  }
  if (body.remaining > 0) body.fail('Proposal', 'octets after the last transform');
  return { number, protocol, spi, transforms };
}

/** One; of its attributes the key length alone means something to us. */
function decodeTransform(body: OctetReader): Transform {
  const type = body.u8('Transform Type');
  body.skip(1, 'RESERVED');
  const transform: Transform = { type, id: body.u16('Transform ID') };
  return decodeAttributes(body, transform);
}

/** A transform with an attribute that we do not know is kept, but marked so that nobody chooses it. [RFC7296 3.3.6] */
function decodeAttributes(body: OctetReader, plain: Transform): Transform {
  let transform = plain;
  for (let count = 0; body.remaining > 0; count++) {
    if (count === LIMITS.attributes) body.fail('Transform', 'too many attributes');
    const format = body.u16('Attribute Type');
    const value = body.u16('Attribute Value');
    const short = (format & SHORT_FORM) !== 0;
    if (!short) body.skip(value, 'Attribute Value');
    const known = format === (SHORT_FORM | KEY_LENGTH);
    transform = known ? { ...transform, keyLength: value } : { ...transform, unknownAttributes: true };
  }
  return transform;
}

/** Whether another substructure follows this one: 0, or the number of its kind. [RFC7296 3.3.1] */
function readMore(body: OctetReader, moreValue: number, field: string): boolean {
  const last = body.u8(`${field} Last Substruc`);
  if (last !== LAST && last !== moreValue) body.fail(`${field} Last Substruc`, `is ${last}`);
  body.skip(1, 'RESERVED');
  return last !== LAST;
}

/** A reader of what follows the four octets that every substructure starts with. */
function readBody(body: OctetReader, field: string): OctetReader {
  const length = body.u16(`${field} Length`);
  return body.sub(length - 4, field);
}

/** Lengths are filled in behind. */
function encodeProposal(writer: OctetWriter, proposal: Proposal, last: boolean): void {
  const start = writer.length;
  writer
    .u8(last ? LAST : MORE_PROPOSALS)
    .u8(0)
    .u16(0);
  writer.u8(proposal.number).u8(proposal.protocol).u8(proposal.spi.length).u8(proposal.transforms.length);
  writer.bytes(proposal.spi);
  proposal.transforms.forEach((transform, i) => {
    encodeTransform(writer, transform, i === proposal.transforms.length - 1);
  });
  writer.patchU16(start + 2, writer.length - start);
}

/** Key Length has the short form: its value stands in place of a length. [RFC7296 3.3.5] */
function encodeTransform(writer: OctetWriter, { type, id, keyLength }: Transform, last: boolean): void {
  writer.u8(last ? LAST : MORE_TRANSFORMS).u8(0);
  writer.u16(keyLength === undefined ? 8 : 12);
  writer.u8(type).u8(0).u16(id);
  if (keyLength !== undefined) writer.u16(SHORT_FORM | KEY_LENGTH).u16(keyLength);
}
