import { describe, expect, it } from 'vitest';
import {
  createCipher,
  decodeMessage,
  EXCHANGE,
  openMessage,
  type Payload,
  parseEspProposal,
  sealMessage,
} from '#ikev2';
import { likeSuite } from '../../ikev2/crypto/proposals.ts';
import { hostSelector, Pair, type PairOptions } from '../support/pair.ts';

const request = {
  trafficSelectorsLocal: [hostSelector('10.0.0.1')],
  trafficSelectorsRemote: [hostSelector('10.0.0.2')],
  tag: 'session 1',
};

function esp(words: string) {
  const parsed = parseEspProposal(words);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

const [gcm, cbc, sha1] = ['aes256gcm16', 'aes256-sha256', 'aes256-sha1'].map(esp) as [
  ReturnType<typeof esp>,
  ReturnType<typeof esp>,
  ReturnType<typeof esp>,
];
const node = (childOffer: 'all' | 'as-first'): PairOptions => ({
  config: { childProposals: [gcm, cbc, sha1], childOffer, exposeKeys: true },
  uePorts: { admitChildSa: (asked) => asked },
});

/** A UE as free5GC's: its answer to CREATE_CHILD_SA has the offer as it came, under an SPI of its own. */
function echoed(pair: Pair): readonly Payload[] {
  const [keys] = pair.events('node', 'ikeKeysDerived');
  const [asked] = pair.wire.splice(0);
  if (keys === undefined || asked === undefined) throw new Error('nothing was asked');
  const suite = { encr: 'aes256-gcm16', integ: 'none' } as const;
  const message = decodeMessage(asked.data);
  if (!message.ok) throw message.error;
  const payloads = openMessage(asked.data, message.value, createCipher(suite, keys.skEr, keys.skAr));
  if (!payloads.ok) throw payloads.error;
  const answer = payloads.value.flatMap((payload): Payload[] => {
    if (payload.type === 'SA')
      return [
        {
          ...payload,
          proposals: payload.proposals.map((each) => ({ ...each, spi: Uint8Array.of(0, 0, 1, 2) })),
        },
      ];
    if (payload.type === 'Nonce') return [{ ...payload, data: new Uint8Array(32).fill(3) }];
    return payload.type === 'Notify' ? [] : [payload];
  });
  const header = {
    ...message.value.header,
    exchange: EXCHANGE.CREATE_CHILD_SA,
    initiator: true,
    response: true,
  };
  const sealed = sealMessage(
    header,
    answer,
    createCipher(suite, keys.skEi, keys.skAi),
    Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0),
  );
  pair.take('node', pair.node.receive(0, sealed, pair.nodeAddress, pair.ueAddress));
  return payloads.value;
}

function asked(childOffer: 'all' | 'as-first', profile: PairOptions['profile'] = {}): Pair {
  const pair = new Pair({ ...node(childOffer), profile }).attach();
  pair.take('node', pair.node.createChildSa(0, pair.nodeSa, request));
  return pair;
}

describe('what is offered for a Child SA', () => {
  it('[RFC7296 3.3] all proposals: a peer that sends the offer back whole has chosen nothing, and gets no Child SA', () => {
    const pair = asked('all', { childProposals: [sha1] });
    const offer = echoed(pair).find(({ type }) => type === 'SA');
    expect(offer).toMatchObject({ proposals: [{ number: 1 }, { number: 2 }, { number: 3 }] });
    expect(pair.events('node', 'childSaFailed')).toMatchObject([{ tag: 'session 1' }]);
  });

  it('as the first one: what such a peer sends back is a choice, and the Child SA is up', () => {
    const pair = asked('as-first', { childProposals: [sha1] });
    echoed(pair);
    const [, child] = pair.events('node', 'childSaEstablished');
    expect(child?.child).toMatchObject({
      suite: { encr: 'aes256-cbc', integ: 'hmac-sha1-96' },
      spiOut: 0x102,
    });
  });

  it('as the first one: a peer with preferences of its own gets the suite of its first Child SA again', () => {
    for (const [childOffer, encr] of [
      ['all', 'aes256-cbc'],
      ['as-first', 'aes256-gcm16'],
    ] as const) {
      const pair = asked(childOffer, { childProposals: [cbc, gcm] });
      pair.run();
      const suites = pair.events('ue', 'childSaEstablished').map(({ child }) => child.suite.encr);
      expect(suites).toEqual(['aes256-gcm16', encr]);
    }
  });

  it('as the first one: without a Child SA to go by, and for one that we have no proposal for, everything is offered', () => {
    const pair = new Pair(node('as-first')).attach();
    const [first] = pair.events('node', 'childSaEstablished');
    pair.take('node', pair.node.deleteChildSa(0, pair.nodeSa, first?.child.id ?? 0));
    pair.run();
    pair.take('node', pair.node.createChildSa(0, pair.nodeSa, request));
    expect(echoed(pair).find(({ type }) => type === 'SA')).toMatchObject({ proposals: { length: 3 } });
  });

  it('one proposal with one choice of each algorithm, and none where no proposal has them', () => {
    const wide = { ...cbc, encr: ['aes128-cbc', 'aes256-cbc'], esn: [false, true] } as typeof cbc;
    const suite = { encr: 'aes256-cbc', integ: 'hmac-sha2-256-128', esn: false } as const;
    expect(likeSuite([gcm, wide, cbc], suite)).toEqual([{ ...wide, encr: ['aes256-cbc'], esn: [false] }]);
    expect(likeSuite([gcm], suite)).toEqual([]);
    expect(likeSuite([gcm], { encr: 'aes256-gcm16', integ: 'none', esn: false })).toEqual([gcm]);
  });
});
