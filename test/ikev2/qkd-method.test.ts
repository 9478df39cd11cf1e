import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type IkeProposalConfig, type Ppk, type PpkIdentity, parseIkeProposal } from '#ikev2';
import { keyIdOctets, keyIdText, qkdExchange } from '../../ikev2/crypto/qkd-method.ts';
import { NOTIFY } from '../../ikev2/wire/registry.ts';
import { Pair, type PairOptions, type Side, utf8 } from '../support/pair.ts';

const uuid = '5f2b9d0e-8a43-4a7b-9d7e-0123456789ab';
const key = (fill: number) => new Uint8Array(32).fill(fill);

function proposal(text: string): IkeProposalConfig {
  const parsed = parseIkeProposal(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

const withKey = (words: string): PairOptions => ({
  config: { proposals: [proposal(`aes256gcm16-prfsha256-x25519-${words}`)] },
  profile: { proposals: [proposal(`aes256gcm16-prfsha256-x25519-${words}`)] },
});

const owners =
  (name: string, ue: Uint8Array | undefined, node: Uint8Array | undefined) =>
  (side: Side, identity: PpkIdentity | undefined): Ppk | undefined => {
    const secret = side === 'ue' ? ue : node;
    return secret === undefined ? undefined : { secret, identity: identity ?? { type: 2, data: utf8(name) } };
  };

describe('a QKD key as a key exchange', () => {
  it.each(['ke1_qkd', 'ke1_mlkem768-ke2_qkd', 'ke1_qkd-ke2_mlkem512'])(
    '[RFC9370 2.2.2] %s: the ID goes over, the keys of both sides are equal and depend on the key',
    (words) => {
      const run = (secret: Uint8Array) =>
        new Pair({ ...withKey(words), ppks: owners(uuid, secret, secret) }).attach();
      const pair = run(key(1));
      const [ue] = pair.events('ue', 'childSaEstablished');
      const [node] = pair.events('node', 'childSaEstablished');
      expect(ue?.child.keysIn).toEqual(node?.child.keysOut);
      expect(new TextDecoder().decode(ue?.child.ppkIdentity?.data)).toBe(uuid);
      expect(node?.child.ppkIdentity).toEqual(ue?.child.ppkIdentity);
      expect(pair.events('node', 'ikeSaEstablished')[0]?.suite).toContain('_qkd');
      const [other] = run(key(2)).events('ue', 'childSaEstablished');
      expect(other?.child.keysIn).not.toEqual(ue?.child.keysIn);
    },
  );

  it('[RFC9370 2.2.2] ends the set-up where the responder lacks the key, has another, or there is none', () => {
    const lacking = new Pair({ ...withKey('ke1_qkd'), ppks: owners(uuid, key(1), undefined) }).attach();
    expect(lacking.events('ue', 'ikeSaClosed')).toMatchObject([
      { cause: 'authentication', notifyType: NOTIFY.AUTHENTICATION_FAILED },
    ]);
    expect(lacking.events('node', 'ikeSaClosed')).toHaveLength(1);
    const nothing = new Pair({ ...withKey('ke1_qkd'), ppks: owners(uuid, undefined, key(1)) }).attach();
    expect(nothing.events('ue', 'ikeSaClosed')[0]?.reason).toContain('QKD key');
    const nameless = new Pair({ ...withKey('ke1_qkd'), ppks: owners('no uuid', key(1), key(1)) }).attach();
    expect(nameless.events('ue', 'ikeSaClosed')[0]?.reason).toContain('QKD key');
    const differing = new Pair({ ...withKey('ke1_qkd'), ppks: owners(uuid, key(1), key(2)) });
    differing.attach();
    differing.advance(300_000);
    expect(differing.events('ue', 'ikeSaEstablished')).toEqual([]);
    expect(differing.events('node', 'ikeSaEstablished')).toEqual([]);
    expect(differing.node.deadline()).toBeUndefined();
  });

  it('a key ID is 16 octets and its text 36 characters, both ways, and nothing else is one', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (octets) => {
        const text = keyIdText(octets);
        expect(text).toHaveLength(36);
        expect(keyIdOctets(text ?? octets)).toEqual(octets);
      }),
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 15 }), (octets) => keyIdText(octets) === undefined));
    for (const text of ['', uuid.slice(1), `${uuid}0`, uuid.replace('-', '0')]) {
      expect(keyIdOctets(utf8(text))).toBeUndefined();
    }
    expect(qkdExchange(utf8('x'), key(1))).toBeUndefined();
  });

  it('takes no answer but an empty one', () => {
    const exchange = qkdExchange(utf8(uuid), key(1));
    expect(exchange?.computeSecret(new Uint8Array(1)).ok).toBe(false);
    const secret = exchange?.computeSecret(new Uint8Array(0));
    expect(secret?.ok && secret.value).toEqual(key(1));
  });
});
