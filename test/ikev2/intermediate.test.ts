import { describe, expect, it } from 'vitest';
import { type IkeProposalConfig, type Ppk, type PpkIdentity, parseIkeProposal } from '#ikev2';
import { Keymat } from '../../ikev2/crypto/keymat.ts';
import { prf, prfPlus } from '../../ikev2/crypto/prf.ts';
import { Exchanges } from '../../ikev2/sa/exchanges.ts';
import { IntAuth } from '../../ikev2/sa/tasks/int-auth.ts';
import { MOST_CANDIDATES, readCandidates } from '../../ikev2/sa/tasks/ppk-candidates.ts';
import { intermediateOctets } from '../../ikev2/wire/message.ts';
import { EXCHANGE, NOTIFY } from '../../ikev2/wire/registry.ts';
import { type InTransit, Pair, type PairOptions, type Side, utf8 } from '../support/pair.ts';

const IKE_INTERMEDIATE = 43;

function proposal(text: string): IkeProposalConfig {
  const parsed = parseIkeProposal(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

const BASE = 'aes256gcm16-prfsha256-x25519';
const hybrid = (words: string): PairOptions => ({
  config: { proposals: [proposal(`${BASE}-${words}`)] },
  profile: { proposals: [proposal(`${BASE}-${words}`)] },
});

const named = (text: string): PpkIdentity => ({ type: 2, data: utf8(text) });
const key = (fill: number) => new Uint8Array(32).fill(fill);

/** Requests of one exchange type that left the UE, without repetitions. */
function requests(packets: readonly InTransit[], exchange: number): number {
  const ids = packets
    .filter(({ sender }) => sender === 'ue')
    .map(({ data, from }) => (from.port === 4500 ? data.subarray(4) : data))
    .filter((data) => data[18] === exchange && ((data[19] ?? 0) & 0x20) === 0)
    .map((data) => new DataView(data.buffer, data.byteOffset).getUint32(20));
  return new Set(ids).size;
}

function attach(options: PairOptions): { pair: Pair; packets: InTransit[] } {
  const packets: InTransit[] = [];
  const network = options.network ?? ((packet: InTransit) => [packet]);
  const pair = new Pair({
    ...options,
    network: (packet) => {
      packets.push(packet);
      return network(packet);
    },
  }).attach();
  return { pair, packets };
}

function expectEqualKeys(pair: Pair): void {
  const [ue] = pair.events('ue', 'childSaEstablished');
  const [node] = pair.events('node', 'childSaEstablished');
  expect(ue?.child.keysIn).toBeDefined();
  expect(ue?.child.keysIn).toEqual(node?.child.keysOut);
  expect(ue?.child.keysOut).toEqual(node?.child.keysIn);
}

describe('additional key exchanges before IKE_AUTH', () => {
  it.each([
    ['ke1_mlkem512', 1],
    ['ke1_mlkem768', 1],
    ['ke1_mlkem1024', 1],
    ['ke1_ecp384', 1],
    ['ke1_mlkem768-ke2_ecp256', 2],
    ['ke3_mlkem512-ke1_mlkem768-ke7_ecp384', 3],
  ])('[RFC9370 2.2.2] %s: one IKE_INTERMEDIATE each, and equal keys', (words, count) => {
    const { pair, packets } = attach(hybrid(words));
    expectEqualKeys(pair);
    expect(requests(packets, IKE_INTERMEDIATE)).toBe(count);
    const [up] = pair.events('node', 'ikeSaEstablished');
    for (const word of words.split('-')) expect(up?.suite).toContain(word);
    expect(up?.suite).toBe(pair.events('ue', 'ikeSaEstablished')[0]?.suite);
  });

  it('[RFC9242 3.1] are not agreed on with a peer that does not announce IKE_INTERMEDIATE', () => {
    const { pair, packets } = attach({
      config: { proposals: [proposal(`${BASE}-ke1_mlkem768-ke1_none`)] },
    });
    expectEqualKeys(pair);
    expect(requests(packets, IKE_INTERMEDIATE)).toBe(0);
    const must = attach({ config: { proposals: [proposal(`${BASE}-ke1_mlkem768`)] } });
    expect(must.pair.events('ue', 'ikeSaEstablished')).toEqual([]);
  });

  it('[RFC9242 3.2] work with EAP, over lost and repeated messages and in fragments', () => {
    let passed = 0;
    const { pair } = attach({
      config: { ...hybrid('ke1_mlkem1024').config, initiatorAuth: 'eap', datagramSize: 576 },
      profile: { ...hybrid('ke1_mlkem1024').profile, localAuth: 'eap' },
      ueConfig: { datagramSize: 576 },
      network: (packet) => {
        const turn = passed++ % 5;
        return turn === 2 ? [] : turn === 4 ? [packet, packet] : [packet];
      },
    });
    pair.advance(60_000);
    expectEqualKeys(pair);
  });

  it('[RFC9370 2.2.2] IKE_AUTH before the last of them is out of place', () => {
    const exchanges = new Exchanges();
    exchanges.responder = {} as Exchanges['responder'];
    exchanges.between = { complete: false } as Exchanges['between'];
    const opened = { firstPayload: 0, inner: new Uint8Array(0), datagram: new Uint8Array(0) };
    const sa = { state: 'initDone' } as Parameters<Exchanges['onRequest']>[0];
    expect(() => exchanges.onRequest(sa, EXCHANGE.IKE_AUTH, [], opened)).toThrow('out of place');
    const later = { state: 'established' } as Parameters<Exchanges['onRequest']>[0];
    expect(() => exchanges.onRequest(later, IKE_INTERMEDIATE, [], opened)).toThrow('out of place');
  });
});

describe('IntAuth', () => {
  const inputs = {
    nonceInitiator: key(1),
    nonceResponder: key(2),
    spiInitiator: key(3).subarray(0, 8),
    spiResponder: key(4).subarray(0, 8),
  };
  const suite = { encr: 'aes256-gcm16', integ: 'none', prf: 'hmac-sha2-256', ke: 'x25519' } as const;
  const concat = (...parts: readonly Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));
  const header = (response: boolean, messageId: number) => ({
    spiInitiator: inputs.spiInitiator,
    spiResponder: inputs.spiResponder,
    exchange: IKE_INTERMEDIATE,
    initiator: !response,
    response,
    messageId,
  });

  it('[RFC9242 3.3.2] chains a MAC over each message under the keys of its time, and ends with the ID of IKE_AUTH', () => {
    const keymat = Keymat.derive(suite, inputs, key(5));
    const seed = prf('hmac-sha2-256', concat(key(1), key(2)), key(5));
    const octets = prfPlus(
      'hmac-sha2-256',
      seed,
      concat(key(1), key(2), key(3).subarray(0, 8), key(4).subarray(0, 8)),
      3 * 32 + 2 * 36,
    );
    const [pi, pr] = [octets.subarray(104, 136), octets.subarray(136, 168)];
    const intAuth = new IntAuth();
    expect(intAuth.octets()).toBeUndefined();
    const link = (sk: Uint8Array, before: Uint8Array, response: boolean, id: number, inner: Uint8Array) =>
      prf('hmac-sha2-256', sk, before, intermediateOctets(header(response, id), 34, inner));
    let [i, r] = [new Uint8Array(0), new Uint8Array(0)];
    for (const id of [1, 2]) {
      intAuth.add(keymat, 'initiator', header(false, id), 34, key(id));
      intAuth.add(keymat, 'responder', header(true, id), 34, key(10 + id));
      i = Uint8Array.from(link(pi, i, false, id, key(id)));
      r = Uint8Array.from(link(pr, r, true, id, key(10 + id)));
    }
    expect(intAuth.octets()).toEqual(concat(i, r, Uint8Array.of(0, 0, 0, 3)));
  });

  it('[RFC9242 3.3.1] is part of what AUTH proves', () => {
    const keymat = Keymat.derive(suite, inputs, key(5));
    const identity = { type: 2, data: utf8('ue') };
    const plain = { signer: 'initiator', message: key(6), identity } as const;
    const auth = keymat.sharedKeyAuth({ ...plain, intermediate: key(7) }, key(8));
    expect(keymat.verifySharedKeyAuth(auth, { ...plain, intermediate: key(7) }, key(8))).toBe(true);
    expect(keymat.verifySharedKeyAuth(auth, { ...plain, intermediate: key(9) }, key(8))).toBe(false);
    expect(keymat.verifySharedKeyAuth(auth, plain, key(8))).toBe(false);
  });
});

/** What the node's owner has. */
const pool = new Map([
  ['key-a', key(21)],
  ['key-b', key(22)],
]);
/** Both sides with a PPK in IKE_INTERMEDIATE alone. */
const both = (mode: 'optional' | 'required', more: PairOptions = {}): PairOptions => ({
  ...more,
  config: { ppk: mode, ppkExchange: 'intermediate', ...more.config },
  profile: { ppk: mode, ppkExchange: 'intermediate', ...more.profile },
});
/** The UE's owner names `ppks`; the node's looks up what it is asked for. */
const offers =
  (...ppks: Ppk[]) =>
  (side: Side, identity: PpkIdentity | undefined): Ppk | readonly Ppk[] | undefined => {
    if (side === 'ue') return ppks;
    const secret = pool.get(new TextDecoder().decode(identity?.data));
    return secret === undefined ? undefined : { secret };
  };
const ppkA = { secret: key(21), identity: named('key-a') };
const ppkB = { secret: key(22), identity: named('key-b') };

describe('a PPK in IKE_INTERMEDIATE', () => {
  it.each([
    ['alone', {}, 1],
    ['with EAP', { config: { initiatorAuth: 'eap' }, profile: { localAuth: 'eap' } }, 1],
    ['with one additional key exchange', hybrid('ke1_mlkem768'), 1],
    ['with two', hybrid('ke1_mlkem768-ke2_ecp256'), 2],
  ] as [string, PairOptions, number][])(
    '[RFC9867 3.1] %s: keys that depend on it, in the last exchange',
    (_, more, count) => {
      const { pair, packets } = attach({ ...both('required', more), ppks: offers(ppkA) });
      expectEqualKeys(pair);
      expect(requests(packets, IKE_INTERMEDIATE)).toBe(count);
      expect(pair.events('node', 'ikeSaEstablished')[0]?.ppkIdentity).toEqual(ppkA.identity);
      expect(pair.events('ue', 'ikeSaEstablished')[0]?.ppkIdentity).toEqual(ppkA.identity);
    },
  );

  it('[RFC9867 3.1.2] changes every key of the SA, those that seal IKE_AUTH included', () => {
    const sealing = (ppks: NonNullable<PairOptions['ppks']>) => {
      const { pair } = attach({ ...both('optional', { config: { exposeKeys: true } }), ppks });
      return pair.events('node', 'ikeKeysDerived').map(({ skEi }) => Buffer.from(skEi).toString('hex'));
    };
    const [before, after] = sealing(offers(ppkA));
    expect(after).toBeDefined();
    expect(after).not.toBe(before);
    expect(sealing(offers(ppkB)).at(-1)).not.toBe(after);
    expect(sealing(offers(ppkB))[0]).toBe(before);
  });

  it('[RFC9867 3.1.1] the responder takes the first candidate that it has', () => {
    const unknown = { secret: key(1), identity: named('key-x') };
    const { pair } = attach({ ...both('required'), ppks: offers(unknown, ppkB, ppkA) });
    expectEqualKeys(pair);
    expect(pair.events('ue', 'ikeSaEstablished')[0]?.ppkIdentity).toEqual(ppkB.identity);
    const asked = pair.events('node', 'ppkRequested').map(({ identity }) => identity);
    expect(asked).toEqual([unknown.identity, ppkB.identity]);
  });
});

describe("a PPK in IKE_INTERMEDIATE that is not the peer's", () => {
  it('[RFC9867 3.1.1] a key that differs under the same name is reported and passed over', () => {
    const wrong = { secret: key(1), identity: named('key-a') };
    const { pair } = attach({ ...both('required'), ppks: offers(wrong, ppkB) });
    expectEqualKeys(pair);
    expect(pair.events('node', 'ppkMismatch')).toMatchObject([{ identity: wrong.identity }]);
    expect(pair.events('ue', 'ikeSaEstablished')[0]?.ppkIdentity).toEqual(ppkB.identity);
    const none = attach({ ...both('required'), ppks: offers(wrong) });
    expect(none.pair.events('ue', 'ikeSaClosed')).toMatchObject([
      { cause: 'authentication', notifyType: NOTIFY.AUTHENTICATION_FAILED },
    ]);
    expect(none.pair.events('node', 'childSaEstablished')).toEqual([]);
  });

  it('[RFC9867 3.1.1] without a common key both go on where both may, and equal keys result', () => {
    const unknown = { secret: key(1), identity: named('key-x') };
    for (const ppks of [offers(unknown), offers()]) {
      const { pair } = attach({ ...both('optional', hybrid('ke1_mlkem768')), ppks });
      expectEqualKeys(pair);
      expect(pair.events('node', 'ikeSaEstablished')[0]?.ppkIdentity).toBeUndefined();
    }
    const ueInsists = attach({
      ...both('optional', { profile: { ppk: 'required' } }),
      ppks: offers(unknown),
    });
    expect(ueInsists.pair.events('ue', 'ikeSaEstablished')).toEqual([]);
    const nobody = attach({ ...both('required'), ppks: offers() });
    expect(nobody.pair.events('ue', 'ikeSaClosed')[0]?.reason).toContain('PPK');
  });

  it('[RFC9867 3.1] the responder announces one way of using it, the better that both can', () => {
    const used = (ue: 'auth' | 'intermediate' | 'any', node: 'auth' | 'intermediate' | 'any') => {
      const { pair, packets } = attach({
        config: { ppk: 'optional', ppkExchange: node },
        profile: { ppk: 'optional', ppkExchange: ue },
        ppks: offers(ppkA),
      });
      expectEqualKeys(pair);
      const mixed = pair.events('node', 'ikeSaEstablished')[0]?.ppkIdentity !== undefined;
      return `${requests(packets, IKE_INTERMEDIATE)} ${mixed}`;
    };
    expect(used('any', 'any')).toBe('1 true');
    expect(used('any', 'auth')).toBe('0 true');
    expect(used('auth', 'any')).toBe('0 true');
    expect(used('intermediate', 'auth')).toBe('0 false');
    expect(used('auth', 'intermediate')).toBe('0 false');
  });
});

describe('names of PPKs from a stranger', () => {
  it('[RFC9867 3.1.1] a stranger’s made-up names cost a bounded number of look-ups and no key', () => {
    const spent: string[] = [];
    const madeUp = Array.from({ length: 9 }, (_, i) => ({ secret: key(i), identity: named(`made-up-${i}`) }));
    const { pair } = attach({
      ...both('required'),
      ppks: (side, identity) => {
        const name = new TextDecoder().decode(identity?.data);
        if (side === 'ue') return madeUp;
        if (pool.has(name)) spent.push(name);
        return undefined;
      },
    });
    expect(pair.events('node', 'ppkRequested')).toHaveLength(MOST_CANDIDATES);
    expect(spent).toEqual([]);
    expect(pair.events('ue', 'ikeSaEstablished')).toEqual([]);
    expect(pair.events('node', 'ikeSaClosed')).toHaveLength(1);
  });

  it('[RFC9867 5.2] notifies too short to name a key are passed over', () => {
    const data = (length: number) => ({
      type: 'Notify' as const,
      protocol: 0,
      spi: new Uint8Array(0),
      notifyType: NOTIFY.PPK_IDENTITY_KEY,
      data: new Uint8Array(length),
    });
    for (let length = 0; length <= 9; length++) expect(readCandidates([data(length)])).toEqual([]);
    expect(readCandidates([data(10)])).toHaveLength(1);
    expect(readCandidates(Array.from({ length: 100 }, () => data(40)))).toHaveLength(MOST_CANDIDATES);
  });
});
