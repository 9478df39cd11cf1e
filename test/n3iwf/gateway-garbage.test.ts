import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeNgap, encodeNgap, type NgapPdu } from '#ngap';
import { attached } from '../support/attached.ts';
import { SeededRandom, type WorldOptions } from '../support/world.ts';

const gatewayAt = (port: number) => ({ address: '192.0.2.1', port });
const stranger = { address: '203.0.113.9', port: 4500 };

describe('garbage from UEs and UPFs', () => {
  it('on IKE, ESP and GTP-U throws nothing and disturbs no attached UE', async () => {
    const world = await attached();
    const ue = { address: world.ue.address, port: 4500 };
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (octets, fromUe) => {
        const from = fromUe ? ue : stranger;
        const marked = Uint8Array.of(0, 0, 0, 0, ...octets);
        world.gateway.receiveIke(octets, gatewayAt(500), from);
        world.gateway.receiveIke(marked, gatewayAt(4500), from);
        world.gateway.receiveEsp(octets, gatewayAt(4500), from);
        world.gateway.receiveGtpu(octets, { ...stranger, port: 2152 });
      }),
      { numRuns: 500 },
    );
    await world.settle();
    expect(await world.ping()).toBe(true);
    expect(world.left()).toEqual({ ues: 1, teids: 1, addresses: 1 });
  });

  it('made from real datagrams with an octet changed or an end cut off leaves the UE pinging', async () => {
    const seen: Uint8Array[] = [];
    const random = new SeededRandom(9);
    const channel: WorldOptions['channel'] = (datagram) => {
      if (datagram.to.address === '192.0.2.1') seen.push(Uint8Array.from(datagram.data));
      return [datagram];
    };
    const world = await attached({ channel });
    const from = { address: world.ue.address, port: 4500 };
    for (const original of [...seen]) {
      for (let round = 0; round < 10; round++) {
        const at = Math.floor(random.fraction() * original.length);
        const changed = Uint8Array.from(original);
        changed[at] = (changed[at] ?? 0) ^ (1 + Math.floor(random.fraction() * 255));
        const isIke = original.subarray(0, 4).every((octet) => octet === 0);
        for (const data of [changed, original.subarray(0, at)]) {
          if (isIke) world.gateway.receiveIke(data, gatewayAt(4500), from);
          else world.gateway.receiveEsp(data, gatewayAt(4500), from);
        }
      }
    }
    await world.settle();
    expect(await world.ping()).toBe(true);
  });
});

describe('garbage from AMFs', () => {
  it('on N2 never reaches a UE: what no procedure takes is dropped', async () => {
    const world = await attached();
    const odd: NgapPdu[] = [
      { message: 'OverloadStop', ies: {} },
      { message: 'NGResetAcknowledge', ies: {} },
      { message: 'ErrorIndication', ies: {} },
    ];
    for (const pdu of odd) await world.amfSends(pdu);
    expect(encodeNgap(odd[0] as NgapPdu).length).toBeGreaterThan(0);
    expect(await world.ping()).toBe(true);
  });

  it('on N2 made from real messages with octets changed throws nothing', async () => {
    const original = await attached();
    original.ue.ue.nas.deregister();
    await original.settle();
    const messages = original.toN3iwf.map((pdu) => encodeNgap(pdu));
    const random = new SeededRandom(5);
    let obeyed = 0;
    for (let round = 0; round < 20; round++) {
      const world = await attached({ seed: round });
      for (const message of messages) {
        for (let change = 0; change < 20; change++) {
          const data = Uint8Array.from(message);
          data[Math.floor(random.fraction() * data.length)] = Math.floor(random.fraction() * 256);
          const pdu = decodeNgap(data);
          if (!pdu.ok) continue;
          obeyed++;
          expect(() => world.gateway.receiveN2(pdu.value)).not.toThrow();
        }
      }
      await world.settle();
      expect(world.core.undecodable).toBe(0);
    }
    expect(obeyed).toBeGreaterThan(100);
  });
});
