import { describe, expect, it } from 'vitest';
import { NOTIFY, type Ppk, type PpkIdentity, parseEspProposal, parseIkeProposal } from '#ikev2';
import { EXCHANGE } from '../../ikev2/wire/registry.ts';
import type { Payload } from '../../ikev2/wire/types.ts';
import { ask, insideOf, requestTypes } from '../support/ike-raw.ts';
import { anySelector, type InTransit, Pair, type PairOptions, type Side, utf8 } from '../support/pair.ts';

const { CREATE_CHILD_SA, IKE_FOLLOWUP_KE } = EXCHANGE;
const sides = ['ue', 'node'] as const;

/** Keys by names that count up; what is asked for is noted, and found once. */
class Store {
  drawn = 0;
  readonly asked: string[] = [];
  /** Names from this number on exist at one side only. */
  known = Number.POSITIVE_INFINITY;
  stock = Number.POSITIVE_INFINITY;
  fill = (number: number) => number;

  readonly answer = (_side: Side, identity: PpkIdentity | undefined): Ppk | undefined => {
    if (identity === undefined) {
      if (this.drawn >= this.stock) return undefined;
      const number = ++this.drawn;
      return { secret: this.secret(number), identity: { type: 2, data: utf8(nameOf(number)) } };
    }
    const name = new TextDecoder().decode(identity.data);
    this.asked.push(name);
    const number = Number.parseInt(name.slice(-12), 10);
    return number < this.known ? { secret: this.secret(number) } : undefined;
  };

  private secret(number: number): Uint8Array {
    return new Uint8Array(32).fill(this.fill(number));
  }
}

const nameOf = (number: number) => `5f2b9d0e-8a43-4a7b-9d7e-${String(number).padStart(12, '0')}`;

function proposals(ike: string, esp: string): NonNullable<PairOptions['profile']> {
  const [one, other] = [parseIkeProposal(ike), parseEspProposal(esp)];
  if (!one.ok || !other.ok) throw new Error('no proposal');
  return { proposals: [one.value], childProposals: [other.value] };
}

const IKE = 'aes256gcm16-prfsha256-x25519-ke1_qkd';
const selectors = { trafficSelectorsLocal: [anySelector], trafficSelectorsRemote: [anySelector] };

function attached(store: Store, esp: string, ike = IKE): { pair: Pair; packets: InTransit[] } {
  const packets: InTransit[] = [];
  const admitChildSa = <T>(asked: T) => asked;
  const pair = new Pair({
    config: proposals(ike, esp),
    profile: proposals(ike, esp),
    uePorts: { admitChildSa },
    nodePorts: { admitChildSa },
    ppks: store.answer,
  }).attach();
  pair.network = (packet) => {
    packets.push(packet);
    return [packet];
  };
  return { pair, packets };
}

/** One side makes, rekeys and rekeys the IKE SA. */
const acts: Record<string, (pair: Pair, side: Side) => void> = {
  createChild: (pair, side) =>
    pair.take(side, pair[side].createChildSa(pair.now, insideOf(pair, side).id, selectors)),
  rekeyChild: (pair, side) => {
    const child = pair.events(side, 'childSaEstablished').at(-1)?.child.id ?? 0;
    pair.take(side, pair[side].rekeyChildSa(pair.now, insideOf(pair, side).id, child));
  },
  rekeyIke: (pair, side) => pair.take(side, pair[side].rekeyIkeSa(pair.now, insideOf(pair, side).id)),
};

/** Key IDs of the Child SAs in their order, the same at both sides, with equal ESP keys. */
function keyIds(pair: Pair): string[] {
  const [ue, node] = sides.map((side) => pair.events(side, 'childSaEstablished').map(({ child }) => child));
  expect(ue?.map(({ keysIn }) => keysIn)).toEqual(node?.map(({ keysOut }) => keysOut));
  expect(ue?.map(({ ppkIdentity }) => ppkIdentity)).toEqual(node?.map(({ ppkIdentity }) => ppkIdentity));
  return (ue ?? []).map(({ ppkIdentity }) => new TextDecoder().decode(ppkIdentity?.data));
}

describe('a fresh QKD key for each SA', () => {
  it.each([
    ['in the KE payload', 'aes256gcm16-qkd', 0],
    ['in IKE_FOLLOWUP_KE after X25519', 'aes256gcm16-x25519-ke1_qkd', 1],
    ['in the last of several rounds', 'aes256gcm16-x25519-ke1_mlkem768-ke2_qkd', 2],
  ] as const)('[RFC9370 2.2.4] %s: new Child SA, rekey, and the IKE SA', (_, esp, childRounds) => {
    for (const side of sides) {
      const store = new Store();
      const { pair, packets } = attached(store, esp);
      for (const act of ['createChild', 'rekeyChild', 'rekeyIke', 'rekeyChild']) {
        acts[act]?.(pair, side);
        pair.run();
      }
      expect(keyIds(pair)).toEqual([1, 2, 3, 5].map(nameOf));
      for (const each of sides) {
        const [rekeyed] = pair.events(each, 'ikeSaRekeyed');
        expect(new TextDecoder().decode(rekeyed?.ppkIdentity?.data)).toBe(nameOf(4));
      }
      expect(store.asked).toEqual([1, 2, 3, 4, 5].map(nameOf));
      const follow = requestTypes(packets, side).filter((type) => type === IKE_FOLLOWUP_KE);
      expect(follow).toHaveLength(3 * childRounds + 1);
    }
  });

  it.each(['aes256gcm16-qkd', 'aes256gcm16-x25519-ke1_qkd'])(
    '[RFC9370 2.2.4] %s: the keys depend on it, and on it alone of what changed',
    (esp) => {
      const keysWith = (third: number) => {
        const store = new Store();
        store.fill = (number) => (number === 3 ? third : 7);
        const { pair } = attached(store, esp);
        acts.createChild?.(pair, 'ue');
        pair.run();
        acts.rekeyChild?.(pair, 'ue');
        pair.run();
        keyIds(pair);
        return pair.events('ue', 'childSaEstablished').map(({ child }) => child.keysIn);
      };
      const [one, other] = [keysWith(1), keysWith(2)];
      expect(one.slice(0, 2)).toEqual(other.slice(0, 2));
      expect(one[2]).not.toEqual(other[2]);
    },
  );

  it('the ID goes over as 16 octets, the answer is empty, and the key stays at home', () => {
    const store = new Store();
    const { pair } = attached(store, 'aes256gcm16-qkd');
    const exchanged: Payload[] = [];
    const node = insideOf(pair, 'node');
    const { respond } = node;
    node.respond = (exchange, payloads) => {
      exchanged.push(...payloads);
      return respond.call(node, exchange, payloads);
    };
    acts.createChild?.(pair, 'ue');
    pair.run();
    const ke = exchanged.find(({ type }) => type === 'KE');
    expect(ke).toMatchObject({ method: 1025, data: new Uint8Array(0) });
  });
});

describe('without a common QKD key', () => {
  it.each(['createChild', 'rekeyChild', 'rekeyIke'] as const)('%s: nothing is begun without one', (act) => {
    for (const esp of ['aes256gcm16-qkd', 'aes256gcm16-x25519-ke1_qkd']) {
      const store = new Store();
      store.stock = 1;
      const { pair, packets } = attached(store, esp);
      acts[act]?.(pair, 'ue');
      pair.run();
      expect(packets).toEqual([]);
      if (act === 'rekeyIke') expect(pair.events('ue', 'messageRejected')[0]?.reason).toContain('QKD key');
      else expect(pair.events('ue', 'childSaFailed')[0]?.reason).toContain('QKD key');
      expect(keyIds(pair)).toEqual([nameOf(1)]);
    }
  });

  it('a proposal that may do without it goes out without it', () => {
    const store = new Store();
    store.stock = 1;
    const optional = 'aes256gcm16-x25519-ke1_qkd-ke1_none';
    const { pair, packets } = attached(store, optional, 'aes256gcm16-prfsha256-x25519-ke1_qkd-ke1_none');
    for (const act of ['createChild', 'rekeyIke']) {
      acts[act]?.(pair, 'ue');
      pair.run();
    }
    expect(requestTypes(packets, 'ue')).not.toContain(IKE_FOLLOWUP_KE);
    expect(keyIds(pair)).toEqual([nameOf(1), nameOf(1)]);
    expect(pair.events('ue', 'ikeSaRekeyed')).toHaveLength(1);
  });
});

describe('a QKD key that counts for nothing', () => {
  it.each(['aes256gcm16-qkd', 'aes256gcm16-x25519-ke1_qkd'])(
    '[RFC9370 2.2.4] %s: a key that the other side lacks is refused, and the old SAs go on',
    (esp) => {
      const store = new Store();
      store.known = 2;
      const { pair } = attached(store, esp);
      acts.rekeyChild?.(pair, 'ue');
      pair.run();
      expect(pair.events('ue', 'childSaFailed')).toMatchObject([{ notifyType: NOTIFY.NO_PROPOSAL_CHOSEN }]);
      acts.rekeyIke?.(pair, 'node');
      pair.run();
      expect(pair.events('node', 'ikeSaRekeyed')).toEqual([]);
      for (const side of sides) expect(pair.events(side, 'ikeSaClosed')).toEqual([]);
      store.known = Number.POSITIVE_INFINITY;
      acts.rekeyChild?.(pair, 'ue');
      pair.run();
      expect(keyIds(pair)).toEqual([nameOf(1), nameOf(4)]);
      expect(store.asked).toEqual([1, 2, 3, 4].map(nameOf));
    },
  );

  it('a KE payload that has no key ID breaks the rules, and costs no look-up', () => {
    const store = new Store();
    const { pair } = attached(store, 'aes256gcm16-qkd');
    const transforms = [
      { type: 1, id: 20, keyLength: 256 },
      { type: 5, id: 0 },
      { type: 4, id: 1025 },
    ];
    const before = store.asked.length;
    ask(pair, 'ue', CREATE_CHILD_SA, [
      { type: 'SA', proposals: [{ number: 1, protocol: 3, spi: Uint8Array.of(1, 2, 3, 4), transforms }] },
      { type: 'Nonce', data: new Uint8Array(32).fill(1) },
      { type: 'KE', method: 1025, data: new Uint8Array(15) },
      { type: 'TSi', selectors: [anySelector] },
      { type: 'TSr', selectors: [anySelector] },
    ]);
    expect(pair.events('node', 'ikeSaClosed')).toMatchObject([{ notifyType: NOTIFY.INVALID_SYNTAX }]);
    expect(store.asked).toHaveLength(before);
  });
});

describe('owners that take their time over a QKD key', () => {
  /** Questions wait in `open` until they are answered by hand. */
  function slow(esp: string) {
    const store = new Store();
    const { pair } = attached(store, esp);
    const open: (() => void)[] = [];
    const { answer } = pair;
    pair.answer = (side, event) => {
      if (event.type === 'ppkRequested') open.push(() => answer.call(pair, side, event));
      else answer.call(pair, side, event);
    };
    return { pair, store, open };
  }

  it.each(['aes256gcm16-qkd', 'aes256gcm16-x25519-ke1_qkd'])(
    '%s: the request waits, repetitions are passed over',
    (esp) => {
      const { pair, open } = slow(esp);
      acts.rekeyChild?.(pair, 'ue');
      open.shift()?.(); //   the UE has its key
      pair.run();
      expect(open).toHaveLength(1);
      pair.advance(30_000); //   longer than a series lives without a word
      expect(open).toHaveLength(1);
      open.shift()?.();
      pair.run();
      expect(keyIds(pair)).toEqual([1, 2].map(nameOf));
    },
  );

  it.each(['aes256gcm16-qkd', 'aes256gcm16-x25519-ke1_qkd'])(
    '%s: an answer after the end of the SA changes nothing',
    (esp) => {
      const { pair, open } = slow(esp);
      acts.rekeyChild?.(pair, 'ue');
      open.shift()?.();
      pair.run();
      pair.take('node', pair.node.deleteIkeSa(pair.now, pair.nodeSa));
      pair.run();
      open.shift()?.();
      pair.run();
      expect(pair.events('node', 'childSaEstablished')).toHaveLength(1);
      expect(pair.events('ue', 'childSaFailed')).toHaveLength(1);
    },
  );
});
