import { createCipheriv, createDecipheriv } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { ChildKeys, Ppk, PpkIdentity } from '#ikev2';
import { Keymat } from '../../ikev2/crypto/keymat.ts';
import { prf, prfPlus } from '../../ikev2/crypto/prf.ts';
import { NOTIFY } from '../../ikev2/wire/registry.ts';
import { anySelector, Pair, type PairOptions, type Side, utf8 } from '../support/pair.ts';

const named = (text: string): PpkIdentity => ({ type: 2, data: utf8(text) });
const key = (fill: number) => new Uint8Array(32).fill(fill);
const nameOf = (identity: PpkIdentity | undefined) => new TextDecoder().decode(identity?.data);

/** A pool that both sides share: whoever starts draws the next key, whoever answers finds it once by its name. */
class Pool {
  drawn = 0;
  readonly spent: string[] = [];
  readonly secrets: (name: string) => Uint8Array | undefined;

  constructor(secrets: (name: string) => Uint8Array | undefined = (name) => key(Number(name.slice(4)) + 40)) {
    this.secrets = secrets;
  }

  readonly answer = (_side: Side, identity: PpkIdentity | undefined): Ppk | undefined => {
    if (identity === undefined) {
      const name = `key-${++this.drawn}`;
      const secret = this.secrets(name);
      return secret === undefined ? undefined : { secret, identity: named(name) };
    }
    this.spent.push(nameOf(identity));
    const secret = this.secrets(nameOf(identity));
    return secret === undefined ? undefined : { secret };
  };
}

const wants = (ppk: 'optional' | 'required'): PairOptions => ({
  config: { ppk, ppkExchange: 'any', exposeKeys: true },
  profile: { ppk, ppkExchange: 'any' },
  nodePorts: {
    admitChildSa: () => ({
      trafficSelectorsInitiator: [anySelector],
      trafficSelectorsResponder: [anySelector],
    }),
  },
  uePorts: {
    admitChildSa: () => ({
      trafficSelectorsInitiator: [anySelector],
      trafficSelectorsResponder: [anySelector],
    }),
  },
});

function attached(options: PairOptions, pool = new Pool()): Pair {
  return new Pair({ ...options, ppks: pool.answer }).attach();
}

const request = { trafficSelectorsLocal: [anySelector], trafficSelectorsRemote: [anySelector] };

function create(pair: Pair, side: Side): void {
  const ikeSa = side === 'ue' ? pair.ueSa : pair.nodeSa;
  pair.take(side, pair[side].createChildSa(pair.now, ikeSa, request));
  pair.run();
}

function rekeyChild(pair: Pair, side: Side): void {
  const child = pair.events(side, 'childSaEstablished').at(-1)?.child;
  pair.take(side, pair[side].rekeyChildSa(pair.now, child?.ikeSaId ?? 0, child?.id ?? 0));
  pair.run();
}

function rekeyIke(pair: Pair, side: Side): void {
  pair.take(side, pair[side].rekeyIkeSa(pair.now, side === 'ue' ? pair.ueSa : pair.nodeSa));
  pair.run();
}

/** Key names of the Child SAs so far, the same on both sides, with equal keys. */
function childNames(pair: Pair): string[] {
  const ue = pair.events('ue', 'childSaEstablished').map(({ child }) => child);
  const node = pair.events('node', 'childSaEstablished').map(({ child }) => child);
  expect(ue.map(({ keysIn }) => keysIn)).toEqual(node.map(({ keysOut }) => keysOut));
  expect(ue.map(({ keysOut }) => keysOut)).toEqual(node.map(({ keysIn }) => keysIn));
  expect(ue.map(({ ppkIdentity }) => nameOf(ppkIdentity))).toEqual(
    node.map(({ ppkIdentity }) => nameOf(ppkIdentity)),
  );
  return ue.map(({ ppkIdentity }) => nameOf(ppkIdentity));
}

describe('a fresh PPK for each SA', () => {
  it.each(['ue', 'node'] as const)('[RFC9867 3.2] new and rekeyed, started by the %s', (side) => {
    const pool = new Pool();
    const pair = attached(wants('required'), pool);
    create(pair, side);
    rekeyChild(pair, side);
    rekeyIke(pair, side);
    rekeyChild(pair, side);
    expect(childNames(pair)).toEqual(['key-1', 'key-2', 'key-3', 'key-5']);
    for (const each of ['ue', 'node'] as const) {
      expect(pair.events(each, 'ikeSaRekeyed').map(({ ppkIdentity }) => nameOf(ppkIdentity))).toEqual([
        'key-4',
      ]);
    }
    expect(pool.spent).toEqual(['key-1', 'key-2', 'key-3', 'key-4', 'key-5']);
    expect(pair.events('node', 'ikeSaClosed')).toEqual([]);
  });

  it('[RFC9867 3.2] the keys of a rekeyed IKE SA depend on it', () => {
    const sealing = (fourth: number) => {
      const pool = new Pool((name) => key(name === 'key-2' ? fourth : 7));
      const pair = attached(wants('required'), pool);
      rekeyIke(pair, 'ue');
      expect(pair.events('ue', 'ikeSaRekeyed')).toHaveLength(1);
      return pair.events('node', 'ikeKeysDerived').map(({ skEi }) => Buffer.from(skEi).toString('hex'));
    };
    const [one, other] = [sealing(1), sealing(2)];
    expect(one.slice(0, -1)).toEqual(other.slice(0, -1));
    expect(one.at(-1)).not.toBe(other.at(-1));
  });
});

describe('what a fresh PPK is for', () => {
  it.each(['sk-d', 'output'] as const)(
    '[RFC9867 3.2] both sides agree by the formula %s',
    (freshPpkFormula) => {
      const base = wants('required');
      const pair = attached({
        ...base,
        config: { ...base.config, freshPpkFormula },
        ueConfig: { freshPpkFormula },
      });
      create(pair, 'ue');
      rekeyIke(pair, 'node');
      rekeyChild(pair, 'ue');
      expect(childNames(pair)).toEqual(['key-1', 'key-2', 'key-4']);
    },
  );

  it('[RFC9867 3.2] a later PPK protects what an earlier one does not: captured ESP stays closed', () => {
    const run = (second: Uint8Array) => {
      const pool = new Pool((name) => (name === 'key-1' ? key(1) : second));
      const pair = attached(wants('required'), pool);
      rekeyChild(pair, 'ue');
      const [first, rekeyed] = pair.events('ue', 'childSaEstablished').map(({ child }) => child);
      return { first: first?.keysOut, rekeyed: rekeyed?.keysOut, spi: rekeyed?.spiOut };
    };
    // The same private values, nonces and SPIs throughout: whoever broke all of them still lacks the second key.
    const session = run(key(2));
    const packet = sealEsp(session.rekeyed, session.spi, 'user data');
    const attacker = run(key(1));
    expect(attacker.first).toEqual(session.first);
    expect(attacker.spi).toBe(session.spi);
    expect(openEsp(run(key(2)).rekeyed, packet)).toBe('user data');
    expect(openEsp(attacker.rekeyed, packet)).toBeUndefined();
    expect(openEsp(session.first, packet)).toBeUndefined();
  });
});

const onlyFirst = (name: string) => (name === 'key-1' ? key(1) : undefined);

describe('without a common fresh PPK', () => {
  it('[RFC9867 3.2] a side that insists sends no request without one, and the old SAs go on', () => {
    const pair = attached(wants('required'), new Pool(onlyFirst));
    rekeyChild(pair, 'ue');
    expect(pair.events('ue', 'childSaFailed')[0]?.reason).toContain('PPK');
    rekeyIke(pair, 'ue');
    expect(pair.events('ue', 'ikeSaRekeyed')).toEqual([]);
    expect(childNames(pair)).toEqual(['key-1']);
    create(pair, 'node');
    expect(pair.events('node', 'childSaFailed')[0]?.reason).toContain('PPK');
  });

  it('[RFC9867 3.2] a responder that insists answers NO_PROPOSAL_CHOSEN, and the old SAs go on', () => {
    const base = wants('optional');
    const pool = new Pool(onlyFirst);
    const pair = attached({ ...base, config: { ...base.config, ppk: 'required' } }, pool);
    rekeyChild(pair, 'ue');
    expect(pair.events('ue', 'childSaFailed')).toMatchObject([{ notifyType: NOTIFY.NO_PROPOSAL_CHOSEN }]);
    rekeyIke(pair, 'ue');
    expect(pair.events('ue', 'ikeSaRekeyed')).toEqual([]);
    expect(pair.events('node', 'ikeSaClosed')).toEqual([]);
    expect(childNames(pair)).toEqual(['key-1']);
  });

  it('[RFC9867 3.2] sides that need not have one go on under the PPK of the IKE SA', () => {
    const pair = attached(wants('optional'), new Pool(onlyFirst));
    rekeyChild(pair, 'ue');
    rekeyIke(pair, 'node');
    create(pair, 'node');
    expect(childNames(pair)).toEqual(['key-1', 'key-1', 'key-1']);
    expect(pair.events('ue', 'ikeSaRekeyed')).toHaveLength(1);
  });
});

describe('with a fresh PPK that fits or comes too late', () => {
  it('[RFC9867 3.2] a key that differs under the same name is found out before it is used', () => {
    const base = wants('optional');
    const pair = new Pair({
      ...base,
      ppks: (side, identity) => {
        const name = identity === undefined ? 'key' : nameOf(identity);
        const first = pair.events('ue', 'childSaEstablished').length === 0;
        return { secret: key(first || side === 'ue' ? 3 : 4), identity: named(name) };
      },
    });
    pair.attach();
    rekeyChild(pair, 'ue');
    expect(pair.events('node', 'ppkMismatch')).toHaveLength(1);
    expect(childNames(pair)).toHaveLength(2);
  });

  it('reports what waited for a PPK when the IKE SA closes, and frees its SPI', () => {
    const pool = new Pool();
    const pair = attached(wants('required'), pool);
    const events = pair.ue.createChildSa(pair.now, pair.ueSa, { ...request, tag: 'session' });
    expect(events).toMatchObject([{ event: { type: 'ppkRequested', role: 'initiator' } }]);
    pair.take('node', pair.node.deleteIkeSa(pair.now, pair.nodeSa));
    pair.run();
    expect(pair.events('ue', 'childSaFailed')).toMatchObject([{ tag: 'session' }]);
    expect(pair.ue.providePpk(pair.now, pair.ueSa, { secret: key(1), identity: named('late') })).toEqual([]);
  });

  it('[RFC7296 2.25] an answer that comes when the SA is gone changes nothing', () => {
    const base = wants('required');
    const pair = new Pair({ ...base, silent: true });
    const pool = new Pool();
    const settle = (side: Side) => {
      for (const event of pair.events(side, 'ppkRequested').splice(0)) {
        const found = pool.answer(side, event.identity);
        pair.take(side, pair[side].providePpk(pair.now, event.ikeSaId, found, event.request));
      }
    };
    pair.connect();
    pair.run();
    settle('ue');
    pair.run();
    settle('node');
    pair.take('node', pair.node.deleteIkeSa(pair.now, pair.nodeSa));
    expect(pair.node.providePpk(pair.now, 1, { secret: key(1) }, 1)).toEqual([]);
  });
});

describe('formulas', () => {
  const suite = { encr: 'aes256-gcm16', integ: 'none', prf: 'hmac-sha2-256', ke: 'x25519' } as const;
  const inputs = {
    nonceInitiator: key(1),
    nonceResponder: key(2),
    spiInitiator: key(3).subarray(0, 8),
    spiResponder: key(4).subarray(0, 8),
  };
  const concat = (...parts: readonly Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));
  const spis = concat(inputs.spiInitiator, inputs.spiResponder);
  const seven = prfPlus(
    'hmac-sha2-256',
    prf('hmac-sha2-256', concat(key(1), key(2)), key(5)),
    concat(key(1), key(2), spis),
    168,
  );
  const skD = seven.subarray(0, 32);
  const keymat = () => Keymat.derive(suite, inputs, key(5));
  const ppk = key(6);

  it('[RFC9867 3.1.1] the confirmation is the head of prf(PPK, Ni | Nr | SPIi | SPIr), in CREATE_CHILD_SA without Nr', () => {
    const whole = prf('hmac-sha2-256', ppk, key(1), key(2), spis);
    expect(keymat().ppkConfirmation(ppk)).toEqual(whole.subarray(0, 8));
    const fresh = prf('hmac-sha2-256', ppk, key(9), spis);
    expect(keymat().freshPpkConfirmation(ppk, key(9))).toEqual(fresh.subarray(0, 8));
  });

  it('[RFC9867 3.1.2] SKEYSEED is prf+(PPK, SK_d)', () => {
    const seed = prfPlus('hmac-sha2-256', ppk, skD, 32);
    const after = prfPlus('hmac-sha2-256', seed, concat(key(1), key(2), spis), 168);
    expect(keymat().deriveWithPpk(ppk).expose().skEi).toEqual(after.subarray(32, 68));
  });

  it('[RFC9867 3.2] KEYMAT is that of RFC 7296 with SK_d mixed, or is mixed itself', () => {
    const seed = concat(key(7), key(8));
    const mixed = prfPlus('hmac-sha2-256', prfPlus('hmac-sha2-256', ppk, skD, 32), seed, 72);
    const first = keymat().withFreshPpk(ppk, 'sk-d').childKeys(suite, key(7), key(8));
    expect(first.fromInitiator.encr).toEqual(mixed.subarray(0, 36));
    const output = prfPlus('hmac-sha2-256', ppk, prfPlus('hmac-sha2-256', skD, seed, 72), 72);
    const second = keymat().withFreshPpk(ppk, 'output').childKeys(suite, key(7), key(8));
    expect(second.fromResponder.encr).toEqual(output.subarray(36));
  });
});

/** ESP of RFC 4106 with a sequence number of 1; `keys` end with the salt. */
function sealEsp(keys: ChildKeys | undefined, spi = 0, text = ''): Buffer {
  const encr = keys?.encr ?? new Uint8Array(36);
  const head = Buffer.alloc(16);
  head.writeUInt32BE(spi);
  head[7] = 1;
  const nonce = Buffer.concat([encr.subarray(32), head.subarray(8)]);
  const cipher = createCipheriv('aes-256-gcm', encr.subarray(0, 32), nonce);
  cipher.setAAD(head.subarray(0, 8));
  return Buffer.concat([head, cipher.update(text), cipher.final(), cipher.getAuthTag()]);
}

function openEsp(keys: ChildKeys | undefined, packet: Buffer): string | undefined {
  const encr = keys?.encr ?? new Uint8Array(36);
  const nonce = Buffer.concat([encr.subarray(32), packet.subarray(8, 16)]);
  const cipher = createDecipheriv('aes-256-gcm', encr.subarray(0, 32), nonce);
  cipher.setAAD(packet.subarray(0, 8));
  cipher.setAuthTag(packet.subarray(-16));
  const text = cipher.update(packet.subarray(16, -16));
  try {
    cipher.final();
    return text.toString();
  } catch {
    return undefined;
  }
}
