import { describe, expect, it } from 'vitest';
import { NOTIFY } from '#ikev2';
import {
  admission,
  anySelector,
  espProposal,
  hostSelector,
  ikeProposal,
  Pair,
  type PairOptions,
  utf8,
} from '../support/pair.ts';

const request = {
  trafficSelectorsLocal: [hostSelector('10.0.0.1')],
  trafficSelectorsRemote: [hostSelector('10.0.0.2')],
  notifies: [{ protocol: 0, spi: new Uint8Array(0), notifyType: 55501, data: Uint8Array.of(4, 1, 1, 1, 2) }],
  tag: 'session 1',
};
const admitting: PairOptions = { uePorts: { admitChildSa: (asked) => asked } };
const withPfs: PairOptions = {
  ...admitting,
  config: { childProposals: [{ ...espProposal, ke: ['x25519'] }] },
  profile: { childProposals: [{ ...espProposal, ke: ['x25519'] }] },
};

function attached(options: PairOptions = admitting): Pair {
  return new Pair(options).attach();
}

function create(pair: Pair, more: Partial<typeof request> = {}): void {
  pair.take('node', pair.node.createChildSa(pair.now, pair.nodeSa, { ...request, ...more }));
  pair.run();
}

function childIds(pair: Pair): number[] {
  return [...pair.node.ikeSas()].flatMap(({ childSas }) => childSas.map(({ id }) => id));
}

/** Both ends agree on every Child SA that they have. */
function expectAgreement(pair: Pair): void {
  const spis = (side: 'ue' | 'node') => [...pair[side].ikeSas()].flatMap(({ childSas }) => childSas);
  const mirrored = spis('ue').map(({ spiIn, spiOut }) => `${spiOut}/${spiIn}`);
  expect(
    spis('node')
      .map(({ spiIn, spiOut }) => `${spiIn}/${spiOut}`)
      .sort(),
  ).toEqual(mirrored.sort());
}

describe('CREATE_CHILD_SA', () => {
  it.each([
    ['without PFS', admitting],
    ['with PFS', withPfs],
  ])(
    '[RFC7296 1.3] [RFC7296 2.2] the responder of the IKE SA starts one from its own message ID 0, %s',
    (_, options) => {
      const pair = attached(options);
      create(pair);
      const [, ue] = pair.events('ue', 'childSaEstablished');
      const [, node] = pair.events('node', 'childSaEstablished');
      expect(ue?.child.keysIn).toEqual(node?.child.keysOut);
      expect(ue?.child.keysOut).toEqual(node?.child.keysIn);
      expect(node?.tag).toBe('session 1');
      expect(ue?.notifies).toMatchObject([{ notifyType: 55501, data: request.notifies[0]!.data }]);
      expect(ue?.child.trafficSelectorsLocal).toEqual(request.trafficSelectorsRemote);
      expectAgreement(pair);
    },
  );

  it('[RFC7296 2.3] the initiator may start one, too, and several wait for each other', () => {
    const pair = attached({ nodePorts: { admitChildSa: () => admission } });
    const asked = { trafficSelectorsLocal: [anySelector], trafficSelectorsRemote: [anySelector] };
    for (const tag of ['a', 'b']) pair.take('ue', pair.ue.createChildSa(0, pair.ueSa, { ...asked, tag }));
    expect(pair.wire).toHaveLength(1);
    pair.run();
    expect(pair.events('ue', 'childSaEstablished').map(({ tag }) => tag)).toEqual([undefined, 'a', 'b']);
    expectAgreement(pair);
  });

  it.each([
    ['NO_ADDITIONAL_SAS where nobody admits', {}, NOTIFY.NO_ADDITIONAL_SAS],
    ['the owner’s notify', { uePorts: { admitChildSa: () => ({ refuse: 38 }) } }, 38],
    [
      'NO_PROPOSAL_CHOSEN',
      { ...admitting, config: { childProposals: [espProposal, { ...espProposal, encr: ['aes128-gcm16'] }] } },
      undefined,
    ],
  ] as [string, PairOptions, number | undefined][])(
    '[RFC7296 1.3] is refused by %s and the IKE SA lives',
    (_, options, notifyType) => {
      const pair = attached(options);
      create(pair);
      if (notifyType !== undefined) {
        expect(pair.events('node', 'childSaFailed')).toMatchObject([{ notifyType, tag: 'session 1' }]);
      }
      expect([...pair.node.ikeSas()][0]?.state).toBe('established');
      expectAgreement(pair);
    },
  );
});

describe('CREATE_CHILD_SA that is refused', () => {
  it('[RFC7296 1.3] tries the peer’s group once more after INVALID_KE_PAYLOAD', () => {
    const pair = attached({
      ...admitting,
      config: { childProposals: [{ ...espProposal, ke: ['ecp256', 'x25519'] }] },
      profile: { childProposals: [{ ...espProposal, ke: ['x25519'] }] },
    });
    create(pair);
    expect(pair.events('node', 'childSaEstablished')[1]?.child.suite.ke).toBe('x25519');
    expectAgreement(pair);
  });

  it.each(['ue', 'node'] as const)(
    '[RFC7296 1.3.3] [RFC7296 2.8] %s rekeys: the new SA is up before the old one goes',
    (side) => {
      const pair = attached();
      const old = pair.events(side, 'childSaEstablished')[0]!.child.id;
      const sa = side === 'ue' ? pair.ueSa : pair.nodeSa;
      pair.take(side, pair[side].rekeyChildSa(0, sa, old));
      pair.run();
      const types = (side === 'ue' ? pair.ueEvents : pair.nodeEvents).map(({ type }) => type);
      expect(types.slice(-2)).toEqual(['childSaEstablished', 'childSaDeleted']);
      for (const each of ['ue', 'node'] as const) {
        const rekeyed = pair.events(each, 'childSaEstablished').at(-1)?.rekeyed;
        expect(pair.events(each, 'childSaDeleted').map(({ childSaId }) => childSaId)).toEqual([rekeyed]);
      }
      expect(childIds(pair)).toHaveLength(1);
      expectAgreement(pair);
    },
  );

  it('[RFC7296 2.25] drops a Child SA whose rekey the peer answers by CHILD_SA_NOT_FOUND', () => {
    const pair = attached();
    const old = childIds(pair)[0]!;
    const ueChild = pair.events('ue', 'childSaEstablished')[0]!.child.id;
    // The UE deletes while the rekey is on its way; its Delete is lost for now.
    pair.take('ue', pair.ue.deleteChildSa(0, pair.ueSa, ueChild));
    const deletion = pair.wire.splice(0);
    pair.take('node', pair.node.rekeyChildSa(0, pair.nodeSa, old));
    pair.run();
    expect(pair.events('node', 'childSaFailed')).toMatchObject([{ notifyType: NOTIFY.TEMPORARY_FAILURE }]);
    pair.wire.push(...deletion);
    pair.run();
    expectAgreement(pair);
  });

  it('[RFC7296 2.25.2] a peer that deletes the IKE SA answers TEMPORARY_FAILURE', () => {
    const pair = attached();
    pair.take('ue', pair.ue.deleteIkeSa(0, pair.ueSa));
    const deletion = pair.wire.splice(0);
    create(pair);
    expect(pair.events('node', 'childSaFailed')).toMatchObject([{ notifyType: NOTIFY.TEMPORARY_FAILURE }]);
    pair.wire.push(...deletion);
    pair.run();
    expect([...pair.node.ikeSas(), ...pair.ue.ikeSas()]).toEqual([]);
  });
});

describe('traffic selectors', () => {
  const wide = { trafficSelectorsInitiator: [anySelector], trafficSelectorsResponder: [anySelector] };

  it('[RFC7296 2.9] an answer that widens a new Child SA is not taken, and the peer is told', () => {
    const pair = attached({ uePorts: { admitChildSa: () => wide } });
    create(pair);
    expect(pair.events('node', 'childSaFailed')).toMatchObject([{ tag: 'session 1' }]);
    expect(pair.events('ue', 'childSaDeleted')).toHaveLength(1);
    expectAgreement(pair);
  });

  it('[RFC7296 2.9] nor is one that widens the first', () => {
    const profile = { trafficSelectorsLocal: [hostSelector('10.0.0.9')] };
    const pair = attached({ profile });
    expect(pair.events('ue', 'childSaFailed')).toHaveLength(1);
    expect(pair.events('node', 'childSaDeleted')).toHaveLength(1);
    expectAgreement(pair);
  });
});

describe('rekeying the IKE SA', () => {
  const handle = (pair: Pair, side: 'ue' | 'node') => (side === 'ue' ? pair.ueSa : pair.nodeSa);

  it.each(['ue', 'node'] as const)(
    '[RFC7296 1.3.2] [RFC7296 2.8] %s: new SPIs and keys, same handle, same Child SAs',
    (side) => {
      const pair = attached();
      const before = [...pair.node.ikeSas()][0]!;
      pair.take(side, pair[side].rekeyIkeSa(0, handle(pair, side)));
      pair.run();
      for (const each of ['ue', 'node'] as const) expect(pair.events(each, 'ikeSaRekeyed')).toHaveLength(1);
      const [after] = [...pair.node.ikeSas()];
      expect(after?.ikeSaId).toBe(before.ikeSaId);
      expect(after?.spiResponder).not.toEqual(before.spiResponder);
      expect(after?.childSas).toEqual(before.childSas);
      create(pair);
      pair.take(
        'ue',
        pair.ue.rekeyChildSa(0, pair.ueSa, pair.events('ue', 'childSaEstablished')[0]!.child.id),
      );
      pair.run();
      expectAgreement(pair);
      const children = (each: 'ue' | 'node') => pair.events(each, 'childSaEstablished').at(-1)!.child;
      expect(children('ue').keysIn).toEqual(children('node').keysOut);
      pair.advance(40_000);
      pair.take(side, pair[side].rekeyIkeSa(pair.now, handle(pair, side)));
      pair.run();
      pair.take('node', pair.node.deleteIkeSa(pair.now, pair.nodeSa));
      pair.run();
      expect([...pair.node.ikeSas(), ...pair.ue.ikeSas()]).toEqual([]);
    },
  );

  it('[RFC7296 1.3] with another group where the peer wants it', () => {
    const proposals = [{ ...ikeProposal, ke: ['x25519', 'ecp256'] }] as const;
    const pair = attached({
      config: { proposals: [{ ...ikeProposal, ke: ['ecp256'] }] },
      profile: { proposals },
    });
    pair.take('ue', pair.ue.rekeyIkeSa(0, pair.ueSa));
    pair.run();
    expect(pair.events('node', 'ikeSaRekeyed')).toHaveLength(1);
  });
});

describe('a rekey of the IKE SA that meets something else', () => {
  it('[RFC7296 2.25.2] beside a new Child SA: TEMPORARY_FAILURE, and the SA lives', () => {
    const pair = attached();
    pair.take('ue', pair.ue.rekeyIkeSa(0, pair.ueSa));
    pair.take('node', pair.node.createChildSa(0, pair.nodeSa, request));
    pair.run();
    expect(pair.events('node', 'childSaFailed')).toMatchObject([{ notifyType: NOTIFY.TEMPORARY_FAILURE }]);
    pair.take('ue', pair.ue.rekeyIkeSa(0, pair.ueSa));
    pair.run();
    expect(pair.events('node', 'ikeSaRekeyed')).toHaveLength(1);
    create(pair);
    expectAgreement(pair);
  });

  it('[RFC7296 2.1] the answer is repeated when it was lost', () => {
    const pair = attached();
    pair.take('ue', pair.ue.rekeyIkeSa(0, pair.ueSa));
    pair.step();
    pair.wire.length = 0;
    pair.advance(10_000);
    expect(pair.events('ue', 'ikeSaRekeyed')).toHaveLength(1);
    create(pair);
    expectAgreement(pair);
  });
});

describe('INFORMATIONAL', () => {
  it.each(['ue', 'node'] as const)(
    '[RFC7296 1.4.1] %s deletes a Child SA: both name their own inbound SPI',
    (side) => {
      const pair = attached();
      const child = pair.events(side, 'childSaEstablished')[0]!.child.id;
      pair.take(side, pair[side].deleteChildSa(0, side === 'ue' ? pair.ueSa : pair.nodeSa, child));
      pair.run();
      expect(pair.events('ue', 'childSaDeleted')).toHaveLength(1);
      expect(pair.events('node', 'childSaDeleted')).toHaveLength(1);
      expect(childIds(pair)).toEqual([]);
    },
  );

  it('[RFC7296 1.4.1] both delete the same Child SA at once', () => {
    const pair = attached();
    for (const side of ['ue', 'node'] as const) {
      const child = pair.events(side, 'childSaEstablished')[0]!.child.id;
      pair.take(side, pair[side].deleteChildSa(0, side === 'ue' ? pair.ueSa : pair.nodeSa, child));
    }
    pair.run();
    expect(pair.events('ue', 'childSaDeleted')).toHaveLength(1);
    expect(pair.events('node', 'childSaDeleted')).toHaveLength(1);
    expectAgreement(pair);
  });

  it.each(['ue', 'node'] as const)(
    '[RFC7296 1.4] %s deletes the IKE SA and everything goes with it',
    (side) => {
      const pair = attached();
      pair.take(side, pair[side].deleteIkeSa(0, side === 'ue' ? pair.ueSa : pair.nodeSa));
      pair.run();
      const other = side === 'ue' ? 'node' : 'ue';
      expect(pair.events(side, 'ikeSaClosed')).toMatchObject([{ cause: 'local', established: true }]);
      expect(pair.events(other, 'ikeSaClosed')).toMatchObject([{ cause: 'peer', established: true }]);
      expect(pair.events(other, 'childSaDeleted')).toHaveLength(1);
      expect([...pair.node.ikeSas(), ...pair.ue.ikeSas()]).toEqual([]);
    },
  );

  it('[RFC7296 1.4] a repeated Delete is answered again after the SA is gone, with the same octets', () => {
    const pair = attached();
    pair.take('ue', pair.ue.deleteIkeSa(0, pair.ueSa));
    const [deletion] = pair.wire;
    pair.step();
    const [answer] = pair.wire.splice(0);
    pair.deliver(deletion!);
    expect(pair.wire).toEqual([answer]);
  });
});

describe('liveness and what owners tell each other', () => {
  it('[RFC7296 2.4] an SA that hears nothing asks, and ends when nobody answers', () => {
    const pair = attached({ ...admitting, config: { timers: { liveness: 10_000 } } });
    pair.advance(11_000);
    expect(pair.events('node', 'livenessConfirmed')).toHaveLength(1);
    pair.network = () => [];
    pair.advance(300_000);
    expect(pair.events('node', 'ikeSaClosed')).toMatchObject([{ cause: 'timeout' }]);
    expect(pair.events('node', 'childSaDeleted')).toHaveLength(1);
  });

  it('the owner may ask whether the peer lives', () => {
    const pair = attached();
    pair.take('ue', pair.ue.checkLiveness(0, pair.ueSa));
    pair.run();
    expect(pair.events('ue', 'livenessConfirmed')).toHaveLength(1);
  });

  it('[RFC7296 1.4] notifies reach the owner of the peer, whose answer comes back with the tag', () => {
    const notify = (notifyType: number) => ({
      protocol: 0,
      spi: new Uint8Array(0),
      notifyType,
      data: Uint8Array.of(1, 2),
    });
    const heard: unknown[] = [];
    const informed = (_: number, notifies: readonly { readonly notifyType: number }[]) => {
      heard.push(notifies);
      return notifies.some(({ notifyType }) => notifyType === 55_501) ? [notify(7)] : [];
    };
    const pair = attached({ uePorts: { ...admitting.uePorts, informed } });
    pair.take('node', pair.node.inform(0, pair.nodeSa, [notify(55_501)], 'refused'));
    pair.take('node', pair.node.inform(0, pair.nodeSa, [notify(55_502)], 'taken'));
    pair.run();
    expect(heard).toMatchObject([[notify(55_501)], [notify(55_502)]]);
    expect(pair.events('node', 'informed')).toMatchObject([
      { tag: 'refused', notifies: [notify(7)] },
      { tag: 'taken', notifies: [] },
    ]);
  });
});

describe('what nobody listens for', () => {
  it('notifies for a side that does not listen are answered by an empty message', () => {
    const pair = attached();
    const status = { protocol: 0, spi: new Uint8Array(0), notifyType: 55_501, data: new Uint8Array(0) };
    pair.take('node', pair.node.inform(0, pair.nodeSa, [status], 'tag'));
    pair.run();
    expect(pair.events('node', 'informed')).toMatchObject([{ tag: 'tag', notifies: [] }]);
  });

  it('commands for unknown or closed SAs do nothing', () => {
    const pair = attached();
    const { ue, ueSa } = pair;
    pair.take('ue', ue.deleteIkeSa(0, ueSa));
    pair.run();
    const octets = utf8('x');
    const commands = [
      ue.sendEap(0, ueSa, octets),
      ue.setMsk(0, 99, octets),
      ue.failEap(0, 99, 24),
      ue.providePpk(0, ueSa, undefined),
      ue.provideSharedSecret(0, 99, octets),
      ue.createChildSa(0, ueSa, request),
      ue.rekeyChildSa(0, ueSa, 1),
      ue.deleteChildSa(0, ueSa, 1),
      ue.deleteIkeSa(0, ueSa),
      ue.checkLiveness(0, ueSa),
    ];
    expect(commands.flat()).toEqual([]);
  });
});
