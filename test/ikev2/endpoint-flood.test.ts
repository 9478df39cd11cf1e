import { describe, expect, it } from 'vitest';
import { decodeMessage, encodeMessage, NOTIFY, type Output } from '#ikev2';
import { ikeProposal, Pair, seededRandom } from '../support/pair.ts';

const cookies = { halfOpen: { cookiesAbove: 0 } };
const transmits = (outputs: Output[]) => outputs.filter(({ kind }) => kind === 'transmit');

/** The request of `pair`, by another SPI and nonce each time. */
function flood(pair: Pair, count: number, send: (octets: Uint8Array, i: number) => void): void {
  pair.connect();
  const [request] = pair.wire.splice(0);
  const decoded = decodeMessage(request!.data);
  if (!decoded.ok) throw decoded.error;
  const random = seededRandom(4);
  for (let i = 0; i < count; i++) {
    const payloads = decoded.value.payloads.map((each) =>
      each.type === 'Nonce' ? { ...each, data: random(32) } : each,
    );
    send(encodeMessage({ ...decoded.value.header, spiInitiator: random(8) }, payloads), i);
  }
}

describe('a flood of first requests', () => {
  it('[RFC7296 2.6] with cookies demanded an honest initiator attaches after one more round', () => {
    const pair = new Pair({ config: cookies }).attach();
    expect(pair.events('node', 'childSaEstablished')).toHaveLength(1);
    expect(pair.events('ue', 'childSaEstablished')).toHaveLength(1);
  });

  it('[RFC7296 2.6.1] cookie and another group in turn: no endless exchange of refusals', () => {
    const sent: number[] = [];
    const pair = new Pair({
      config: { ...cookies, proposals: [{ ...ikeProposal, ke: ['ecp256'] }] },
      profile: { proposals: [{ ...ikeProposal, ke: ['x25519', 'ecp256'] }] },
      network: (packet) => {
        if (packet.sender === 'ue' && packet.data[18] === 34) sent.push(packet.data.length);
        return [packet];
      },
    }).attach();
    expect(pair.events('ue', 'childSaEstablished')).toHaveLength(1);
    expect(sent).toHaveLength(3);
  });

  it('[RFC7296 2.6] without a cookie makes no SA, no key and no timer, and its answers are smaller than itself', () => {
    const pair = new Pair({ config: cookies });
    let most = 0;
    flood(pair, 500, (octets, i) => {
      const source = { address: `203.0.113.${i & 0xff}`, port: 1024 + i };
      for (const output of pair.node.receive(i * 2, octets, pair.nodeAddress, source)) {
        expect(output.kind).toBe('transmit');
        if (output.kind === 'transmit') most = Math.max(most, output.data.length / octets.length);
      }
    });
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThan(1);
    expect([...pair.node.ikeSas()]).toEqual([]);
    expect(pair.node.deadline()).toBeUndefined();
  });
});

describe('limits of half-open SAs', () => {
  it('[RFC7296 2.6] beyond the limits gets no answer, and they hold again when the half-open SAs are gone', () => {
    const halfOpen = { cookiesAbove: 1_000, cookiesAbovePerSource: 1_000, most: 50, mostPerSource: 20 };
    const pair = new Pair({ config: { halfOpen } });
    let answered = 0;
    flood(pair, 100, (octets) => {
      answered += transmits(pair.node.receive(0, octets, pair.nodeAddress, pair.ueAddress)).length;
    });
    expect(answered).toBe(20);
    flood(pair, 100, (octets, i) => {
      const source = { address: `203.0.113.${i}`, port: 500 };
      answered += transmits(pair.node.receive(0, octets, pair.nodeAddress, source)).length;
    });
    expect(answered).toBe(50);
    expect([...pair.node.ikeSas()]).toHaveLength(50);
    pair.take('node', pair.node.tick(40_000));
    pair.now = 80_000;
    pair.take('node', pair.node.tick(80_000));
    pair.attach();
    expect(pair.events('ue', 'childSaEstablished')).toHaveLength(1);
  });

  it('established SAs are not half-open', () => {
    const halfOpen = { cookiesAbove: 1_000, cookiesAbovePerSource: 1_000, most: 1, mostPerSource: 1 };
    const pair = new Pair({ config: { halfOpen } });
    for (let i = 0; i < 5; i++) pair.attach();
    expect([...pair.node.ikeSas()]).toHaveLength(5);
  });

  it('refusals of what cannot be served go out at a bounded rate', () => {
    const pair = new Pair({ config: { proposals: [{ ...ikeProposal, encr: ['aes128-gcm16'] }] } });
    let answers = 0;
    flood(pair, 3_000, (octets) => {
      const outputs = transmits(pair.node.receive(0, octets, pair.nodeAddress, pair.ueAddress));
      answers += outputs.length;
      for (const output of outputs) {
        const decoded = output.kind === 'transmit' ? decodeMessage(output.data) : undefined;
        const [refusal] = decoded?.ok ? decoded.value.payloads : [];
        expect(refusal).toMatchObject({ notifyType: NOTIFY.NO_PROPOSAL_CHOSEN });
      }
    });
    expect(answers).toBe(1_000);
  });
});
