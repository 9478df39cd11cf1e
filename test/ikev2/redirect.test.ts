import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeMessage, encodeMessage, type GatewayIdentity, NOTIFY } from '#ikev2';
import { decodeGateway, encodeGateway } from '../../ikev2/sa/tasks/redirect.ts';
import { Pair, type PairOptions } from '../support/pair.ts';

const elsewhere: GatewayIdentity = { type: 'ipv4', name: '203.0.113.50' };
const following: PairOptions = { profile: { redirect: true } };

describe('gateway identities', () => {
  it.each([
    [{ type: 'ipv4', name: '203.0.113.50' }, [1, 4, 203, 0, 113, 50]],
    [
      { type: 'ipv6', name: '2001:db8:0:0:0:0:0:1' },
      [2, 16, 0x20, 1, 0xd, 0xb8, ...new Array(11).fill(0), 1],
    ],
    [{ type: 'fqdn', name: 'gw2.example' }, [3, 11, ...new TextEncoder().encode('gw2.example')]],
  ] as [GatewayIdentity, number[]][])('[RFC5685 7.2] %j', (gateway, octets) => {
    const nonce = Uint8Array.of(9, 8, 7);
    expect([...encodeGateway(gateway)]).toEqual(octets);
    expect([...encodeGateway(gateway, nonce)]).toEqual([...octets, ...nonce]);
    expect(decodeGateway(encodeGateway(gateway, nonce))).toEqual({ gateway, nonce });
  });

  it('[RFC5685 7.2] of other types and lengths are none, and any octets decode without a throw', () => {
    for (const octets of [
      [],
      [1],
      [1, 4, 1, 2, 3],
      [1, 5, 1, 2, 3, 4, 5],
      [2, 4, 1, 2, 3, 4],
      [3, 0],
      [9, 1, 1],
    ])
      expect(decodeGateway(Uint8Array.from(octets))).toBeUndefined();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (octets) => {
        const decoded = decodeGateway(octets);
        if (decoded === undefined || decoded.gateway.type === 'fqdn') return;
        expect(encodeGateway(decoded.gateway, decoded.nonce)).toEqual(octets);
      }),
    );
  });
});

describe('redirection at once', () => {
  it('[RFC5685 3] [RFC5685 4] ends the attempt with the name of the gateway; the responder keeps nothing', () => {
    const asked: unknown[] = [];
    const redirect = (...about: unknown[]) => {
      asked.push(about);
      return elsewhere;
    };
    const pair = new Pair({ ...following, nodePorts: { redirect } }).attach();
    expect(pair.events('ue', 'redirected')).toMatchObject([{ gateway: elsewhere }]);
    expect(pair.events('ue', 'ikeSaClosed')).toMatchObject([{ cause: 'peer', established: false }]);
    expect([...pair.node.ikeSas()]).toEqual([]);
    const here: GatewayIdentity = { type: 'ipv4', name: '198.51.100.1' };
    pair.connect({ redirectedFrom: here });
    pair.run();
    expect(asked).toEqual([
      [pair.ueAddress, undefined],
      [pair.ueAddress, here],
    ]);
  });

  it('[RFC5685 3] is for initiators that follow, and only where the owner wants it', () => {
    const unable = new Pair({ nodePorts: { redirect: () => elsewhere } }).attach();
    expect(unable.events('ue', 'ikeSaEstablished')).toHaveLength(1);
    const unwanted = new Pair({ ...following, nodePorts: { redirect: () => undefined } }).attach();
    expect(unwanted.events('ue', 'ikeSaEstablished')).toHaveLength(1);
  });

  it('[RFC5685 3] whoever has not seen our nonce cannot send us away', () => {
    const pair = new Pair(following);
    pair.connect();
    const request = decodeMessage(pair.wire[0]!.data);
    if (!request.ok) throw request.error;
    const header = { ...request.value.header, initiator: false, response: true };
    for (const nonce of [new Uint8Array(0), new Uint8Array(32)]) {
      const data = encodeGateway(elsewhere, nonce);
      const forged = {
        type: 'Notify',
        protocol: 0,
        spi: new Uint8Array(0),
        notifyType: NOTIFY.REDIRECT,
        data,
      } as const;
      pair.take('ue', pair.ue.receive(0, encodeMessage(header, [forged]), pair.ueAddress, pair.nodeAddress));
    }
    expect(pair.events('ue', 'redirected')).toEqual([]);
    pair.run();
    expect(pair.events('ue', 'ikeSaEstablished')).toHaveLength(1);
  });
});

describe('redirection of who is authenticated', () => {
  it('[RFC5685 6] in IKE_AUTH: no Child SA, and the initiator deletes the IKE SA', () => {
    const pair = new Pair({
      ...following,
      nodePorts: { authorize: () => ({ redirect: elsewhere }) },
    }).attach();
    expect(pair.events('ue', 'redirected')).toMatchObject([{ gateway: elsewhere }]);
    expect(pair.events('ue', 'childSaEstablished')).toEqual([]);
    expect([...pair.ue.ikeSas(), ...pair.node.ikeSas()]).toEqual([]);
    expect(pair.events('node', 'ikeSaClosed')).toMatchObject([{ cause: 'peer' }]);
  });

  it('[RFC5685 6] one that does not follow is refused', () => {
    const pair = new Pair({ nodePorts: { authorize: () => ({ redirect: elsewhere }) } }).attach();
    expect(pair.events('ue', 'ikeSaClosed')).toMatchObject([{ cause: 'authentication' }]);
  });

  it('[RFC5685 5] later: the owner hears it, and has a while to move before the SA is deleted', () => {
    const pair = new Pair(following).attach();
    pair.take('node', pair.node.redirect(pair.now, pair.nodeSa, elsewhere));
    pair.run();
    expect(pair.events('ue', 'redirected')).toMatchObject([{ gateway: elsewhere }]);
    expect([...pair.ue.ikeSas()]).toHaveLength(1);
    pair.advance(29_000);
    expect([...pair.ue.ikeSas()]).toHaveLength(1);
    pair.advance(2_000);
    expect([...pair.ue.ikeSas(), ...pair.node.ikeSas()]).toEqual([]);
  });

  it('[RFC5685 5] is void for an initiator that does not follow', () => {
    const pair = new Pair().attach();
    expect(pair.node.redirect(pair.now, pair.nodeSa, elsewhere)).toEqual([]);
  });
});
