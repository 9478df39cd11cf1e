// needs: tshark
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { encodeComplete } from '../../ngap/aper/encode.ts';
import type { ContainerType } from '../../ngap/aper/types.ts';
import { decodeNgap, encodeNgap, type NgapPdu } from '../../ngap/index.ts';
import { messages } from '../../ngap/schema/messages.ts';
import { transfers } from '../../ngap/schema/transfers.ts';
import { commonIes, comparePdu } from '../support/ngap-compare.ts';
import { declaredMessages, example, randomFrom, varied } from '../support/ngap-examples.ts';
import { type PdmlNode, parsePdml, walk } from '../support/pdml.ts';
import { ngapPcap } from '../support/sctp-pcap.ts';

const everyMessage = Object.keys(messages) as NgapPdu['message'][];
/** Varied examples of each message, beside the plain one. */
const seeds = [1, 2, 3, 4, 5, 6, 7, 8];

/** A message whose IEs are kept as they come: two that any message may have in tshark's eyes. */
function opaqueExample(message: NgapPdu['message'], seed: number): NgapPdu {
  const below = randomFrom(seed);
  const unknownIes = [...commonIes].map(([id, type]) => ({
    id,
    criticality: 'reject' as const,
    value: encodeComplete(type, below(2 ** 31)),
  }));
  return { message, ies: { unknownIes } } as NgapPdu;
}

function examplesOf(message: NgapPdu['message']): NgapPdu[] {
  if ((messages[message] as ContainerType).opaque)
    return seeds.slice(0, 1).map((seed) => opaqueExample(message, seed));
  return [example(message), ...seeds.map((seed) => example(message, varied(seed)))];
}

/** All examples through one run of tshark. */
function dissect(pdus: readonly Uint8Array[]): PdmlNode[] {
  const folder = mkdtempSync(join(tmpdir(), 'ngap-'));
  try {
    const file = join(folder, 'n2.pcap');
    writeFileSync(file, ngapPcap(pdus));
    const text = execFileSync('tshark', ['-r', file, '-T', 'pdml'], {
      encoding: 'utf8',
      maxBuffer: 1 << 30,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return parsePdml(text);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const examples = everyMessage.flatMap((message) => examplesOf(message).map((pdu) => ({ message, pdu })));
let packets: PdmlNode[] = [];

beforeAll(() => {
  packets = dissect(examples.map(({ pdu }) => encodeNgap(pdu)));
}, 120_000);

const packetsOf = (message: string) => packets.filter((_, at) => examples[at]?.message === message);
const ngapOf = (packet: PdmlNode | undefined) => packet?.children.find(({ name }) => name === 'ngap');

describe.each(everyMessage)('%s', (message) => {
  it('[TS38413 9.4.4] has the same fields and values in tshark, one by one', () => {
    const own = examples.map((entry, at) => ({ ...entry, packet: packets[at] }));
    for (const { pdu, packet } of own.filter((entry) => entry.message === message)) {
      const decoded = decodeNgap(encodeNgap(pdu));
      if (!decoded.ok) throw decoded.error;
      const ngap = ngapOf(packet);
      if (ngap === undefined) throw new Error(`tshark sees no NGAP in ${message}`);
      const { compared, differences } = comparePdu(decoded.value, ngap);
      expect(differences).toEqual([]);
      expect(compared).toBeGreaterThan(4);
    }
  });

  it('has nothing malformed in tshark', () => {
    for (const packet of packetsOf(message))
      for (const node of walk(packet))
        expect(`${node.name} ${node.showname}`).not.toMatch(/_ws\.malformed|BER Error|undecoded|Malformed/);
  });
});

describe('the comparison', () => {
  it('covers every message and every transfer that the schema declares', () => {
    expect(packets).toHaveLength(examples.length);
    expect(new Set(examples.map(({ message }) => message)).size).toBe(everyMessage.length);
    const names = new Set<string>();
    for (const packet of packets) for (const node of walk(packet)) names.add(node.name);
    for (const transfer of Object.keys(transfers)) expect(names).toContain(`ngap.${transfer}_element`);
  });

  it('finds a value, a list, a name and an IE that differ', () => {
    const at = examples.findIndex(({ message }) => message === 'NGSetupRequest');
    const ngap = ngapOf(packets[at]) as PdmlNode;
    const changed = (change: object) => {
      const pdu = example('NGSetupRequest');
      return comparePdu({ ...pdu, ies: { ...pdu.ies, ...change } } as NgapPdu, ngap).differences;
    };
    expect(changed({})).toEqual([]);
    expect(changed({ ranNodeName: 'other' })).toHaveLength(1);
    expect(changed({ defaultPagingDrx: 'v256' })).toHaveLength(2);
    expect(changed({ supportedTaList: [] })).toHaveLength(1);
    expect(comparePdu(example('NGSetupResponse'), ngap).differences.length).toBeGreaterThan(3);
  });

  it('was of thousands of values', () => {
    const total = examples.reduce((sum, { pdu }, at) => {
      const ngap = ngapOf(packets[at]);
      return ngap === undefined ? sum : sum + comparePdu(pdu, ngap).compared;
    }, 0);
    expect(declaredMessages.length).toBeGreaterThan(40);
    expect(total).toBeGreaterThan(10_000);
  });
});
