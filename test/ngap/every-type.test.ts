import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BitReader, BitWriter } from '../../ngap/aper/bits.ts';
import { decodeValue } from '../../ngap/aper/decode.ts';
import { encodeValue } from '../../ngap/aper/encode.ts';
import type { AsnType } from '../../ngap/aper/types.ts';
import {
  decodeNgap,
  decodeTransfer,
  encodeNgap,
  encodeTransfer,
  type NgapPdu,
  type TransferName,
} from '../../ngap/index.ts';
import * as ies from '../../ngap/schema/ies.ts';
import { messages } from '../../ngap/schema/messages.ts';
import { procedures } from '../../ngap/schema/procedures.ts';
import { transfers } from '../../ngap/schema/transfers.ts';
import { arbitraryOf } from '../support/ngap-arbitrary.ts';

const runs = { numRuns: 60 };

describe('every message', () => {
  for (const [message, type] of Object.entries(messages)) {
    it(`[TS38413 9.3.5] ${message}: encode, decode, encode gives the same value and octets`, () => {
      fc.assert(
        fc.property(arbitraryOf(type as AsnType), (value) => {
          const pdu = { message, ies: value } as NgapPdu;
          const octets = encodeNgap(pdu);
          const decoded = decodeNgap(octets);
          if (!decoded.ok) throw decoded.error;
          expect(decoded.value).toEqual(pdu);
          expect(encodeNgap(decoded.value)).toEqual(octets);
        }),
        runs,
      );
    });
  }

  it('[TS38413 9.4.4] belongs to exactly one procedure and kind, and codes are not shared', () => {
    const named = procedures.flatMap(({ initiating, successful, unsuccessful }) =>
      [initiating, successful, unsuccessful].filter((name) => name !== undefined),
    );
    expect(named.toSorted()).toEqual(Object.keys(messages).toSorted());
    expect(new Set(procedures.map(({ code }) => code)).size).toBe(procedures.length);
  });
});

describe('every transfer', () => {
  for (const [name, type] of Object.entries(transfers)) {
    it(`[TS38413 9.3.4] ${name}: encode, decode, encode gives the same value and octets`, () => {
      fc.assert(
        fc.property(arbitraryOf(type as AsnType), (whole) => {
          const value = (whole as { ies?: unknown }).ies ?? whole;
          const octets = encodeTransfer(name as TransferName, value as never);
          const decoded = decodeTransfer(name as TransferName, octets);
          if (!decoded.ok) throw decoded.error;
          expect(decoded.value).toEqual(value);
          expect(encodeTransfer(name as TransferName, decoded.value)).toEqual(octets);
        }),
        runs,
      );
    });
  }
});

describe('every information element', () => {
  for (const [name, type] of Object.entries(ies)) {
    it(`${name} comes back from any bit offset`, () => {
      fc.assert(
        fc.property(arbitraryOf(type as AsnType), fc.integer({ min: 0, max: 7 }), (value, offset) => {
          const writer = new BitWriter(1);
          writer.bits(0, offset);
          encodeValue(type as AsnType, value, writer);
          const reader = new BitReader(writer.finish());
          reader.bits(offset);
          expect(decodeValue(type as AsnType, reader)).toEqual(value);
        }),
        runs,
      );
    });
  }
});
