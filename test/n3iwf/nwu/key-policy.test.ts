import { describe, expect, it } from 'vitest';
import {
  formatEspProposal,
  formatIkeProposal,
  type IkeProposalConfig,
  parseEspProposal,
  parseIkeProposal,
} from '#ikev2';
import {
  applyChildKeyPolicy,
  applyKeyPolicy,
  type KeyPolicy,
  keyPolicies,
  ppkUses,
} from '../../../n3iwf/nwu/key-policy.ts';
import { attached } from '../../support/attached.ts';
import { World, type WorldOptions } from '../../support/world.ts';

const CLASSICAL = 'aes256gcm16-prfsha256-x25519';
const EITHER = `${CLASSICAL}-ke1_mlkem768-ke1_none`;
const HYBRID = `${CLASSICAL}-ke1_mlkem768`;
const ALONE = 'aes256gcm16-prfsha256-mlkem1024';

function parsed(...texts: string[]): IkeProposalConfig[] {
  return texts.map((text) => {
    const proposal = parseIkeProposal(text);
    if (!proposal.ok) throw new Error(proposal.error);
    return proposal.value;
  });
}

const applied = (policy: KeyPolicy, ...texts: string[]) => {
  const { ppk, proposals } = applyKeyPolicy(policy, 'rfc9867', parsed(...texts));
  return { ppk, proposals: proposals.map(formatIkeProposal) };
};

describe('what follows from a policy', () => {
  it('qkd-required leaves the proposals as they are and refuses who has no quantum key', () => {
    expect(applied('qkd-required', CLASSICAL, EITHER)).toEqual({
      ppk: 'required',
      proposals: [CLASSICAL, EITHER],
    });
  });

  it('qkd-preferred falls back to ML-KEM before anything else', () => {
    expect(applied('qkd-preferred', CLASSICAL, EITHER, ALONE)).toEqual({
      ppk: 'optional',
      proposals: [HYBRID, ALONE, CLASSICAL, EITHER, ALONE],
    });
  });

  it('hybrid-always and pqc-only accept nothing without ML-KEM', () => {
    expect(applied('hybrid-always', CLASSICAL, EITHER)).toEqual({ ppk: 'required', proposals: [HYBRID] });
    expect(applied('pqc-only', HYBRID, ALONE)).toEqual({ ppk: 'off', proposals: [HYBRID, ALONE] });
    expect(applied('pqc-only', CLASSICAL).proposals).toEqual([]);
  });

  it('classical takes ML-KEM out', () => {
    expect(applied('classical', HYBRID, ALONE)).toEqual({ ppk: 'off', proposals: [CLASSICAL] });
  });

  it('with qkd-ke the key ID is one more key exchange, which a fallback may leave out', () => {
    const words = (policy: KeyPolicy) =>
      applyKeyPolicy(policy, 'qkd-ke', parsed(HYBRID)).proposals.map(formatIkeProposal);
    expect(words('qkd-required')).toEqual([`${HYBRID}-ke2_qkd`]);
    expect(words('qkd-preferred')[0]).toBe(`${HYBRID}-ke2_qkd-ke2_none`);
    expect(words('pqc-only')).toEqual([HYBRID]);
    expect(applyKeyPolicy('qkd-required', 'qkd-ke', parsed(HYBRID)).ppk).toBe('off');
  });

  it('[RFC9370 2.2.4] with qkd-ke each Child SA takes a key ID as its key exchange, or as one more', () => {
    const words = (policy: KeyPolicy, use: 'qkd-ke' | 'rfc9867', ...texts: string[]) => {
      const proposals = texts.map((text) => {
        const proposal = parseEspProposal(text);
        if (!proposal.ok) throw new Error(proposal.error);
        return proposal.value;
      });
      return applyChildKeyPolicy(policy, use, proposals).map(formatEspProposal);
    };
    const plain = ['aes256gcm16', 'aes128gcm16-x25519'];
    const keyed = ['aes256gcm16-qkd', 'aes128gcm16-x25519-ke1_qkd'];
    expect(words('qkd-required', 'qkd-ke', ...plain)).toEqual(keyed);
    expect(words('qkd-preferred', 'qkd-ke', ...plain)).toEqual([...keyed, ...plain]);
    expect(words('pqc-only', 'qkd-ke', ...plain)).toEqual(plain);
    expect(words('qkd-required', 'rfc9867', ...plain)).toEqual(plain);
  });

  it('without QKD keys no policy asks for any, and RFC 8784 is spoken with those who know no other', () => {
    for (const policy of keyPolicies) {
      expect(applyKeyPolicy(policy, 'none', parsed(HYBRID)).ppk).toBe('off');
      const ways = ppkUses.map((use) => applyKeyPolicy(policy, use, parsed(HYBRID)).ppkExchange);
      expect(ways).toEqual(['any', 'auth', 'auth', 'auth']);
    }
  });
});

const hybrid: WorldOptions = { proposals: [HYBRID], ue: { ikeProposals: [HYBRID] } };

const attachedWith = (options: WorldOptions) => attached({ auth: 'psk', ppk: 'rfc9867', ...options });

describe('a UE under a policy', () => {
  it('[RFC9867 3.1] [RFC9867 3.2] gets a fresh key for each SA, whoever starts it', async () => {
    const world = await attachedWith(hybrid);
    const { ue } = world.ue;
    ue.rekey(1);
    await world.settle();
    ue.rekeyIke();
    await world.settle();
    expect(await world.ping()).toBe(true);
    expect(ue.saKeys.map(({ sa }) => sa)).toEqual(['ike', 'child', 'child', 'child-rekeyed', 'ike-rekeyed']);
    const [ike, signalling, ...fresh] = ue.saKeys.map(({ keyId }) => keyId);
    expect(signalling).toBe(ike);
    expect(new Set([ike, ...fresh]).size).toBe(4);
    expect(world.obtained).toEqual([fresh[0]]);
    expect(world.fetched).toEqual([ike, fresh[1], fresh[2]]);
    expect(ue.keyIds).toEqual([ike, ...fresh]);
  });

  it('[RFC9867 3.1] qkd-required refuses a key that our key manager does not have, and spends none', async () => {
    const world = new World({ auth: 'psk', ppk: 'rfc9867', unknownKeys: true, ...hybrid });
    await world.ue.ue.start();
    await world.settle();
    expect(world.ue.events.some(({ type }) => type === 'registered')).toBe(false);
    expect(world.ue.events.map((event) => ('reason' in event ? event.reason : '')).join()).toMatch(
      /AUTHENTICATION_FAILED/,
    );
    expect(world.fetched).toEqual([]);
    expect(world.left()).toEqual({ ues: 0, teids: 0, addresses: 0 });
  });

  it('[RFC9867 3.1] qkd-preferred goes on under ML-KEM within the same attempt', async () => {
    const world = await attachedWith({
      ...hybrid,
      policy: 'qkd-preferred',
      unknownKeys: true,
      ue: { ikeProposals: [HYBRID], ppkOptional: true },
    });
    expect(world.ue.ue.saKeys.every(({ keyId }) => keyId === undefined)).toBe(true);
    expect(world.ue.events[0]).toMatchObject({
      type: 'ikeSaInit',
      suite: expect.stringMatching(/ke1_mlkem768$/),
    });
  });

  it('pqc-only asks for no quantum key, and refuses a UE without ML-KEM', async () => {
    const world = await attachedWith({ ...hybrid, ppk: 'none', policy: 'pqc-only' });
    expect(world.fetched).toEqual([]);
    const refused = new World({ auth: 'psk', ppk: 'none', policy: 'pqc-only', proposals: [HYBRID] });
    await refused.ue.ue.start();
    await refused.settle();
    expect(refused.ue.events.some(({ type }) => type === 'registered')).toBe(false);
  });
});
