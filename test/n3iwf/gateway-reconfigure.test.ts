import { describe, expect, it } from 'vitest';
import { type EndpointConfig, ID_TYPE, parseEspProposal, parseIkeProposal } from '#ikev2';
import { World, type WorldOptions } from '../support/world.ts';

const must = <T>(parsed: { ok: true; value: T } | { ok: false; error: string }): T => {
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
};

/** The engine's configuration of the world's gateway, with other suites. */
function engine(ike: string, esp: string): EndpointConfig {
  return {
    ikePort: 500,
    natTraversalPort: 4500,
    proposals: [must(parseIkeProposal(ike))],
    childProposals: [must(parseEspProposal(esp))],
    localId: { type: ID_TYPE.FQDN, data: new TextEncoder().encode('n3iwf.example') },
    responderAuth: 'psk',
    initiatorAuth: 'eap',
    ppk: 'off',
    forceUdpEncapsulation: true,
    exposeKeys: false,
  };
}

const suites = {
  ikeProposals: ['aes256gcm16-prfsha256-x25519', 'aes256-sha256-prfsha256-ecp256'],
  espProposals: ['aes256gcm16', 'aes256-sha256'],
};

async function attached(options: WorldOptions = {}): Promise<World> {
  const world = new World({ ues: 2, ue: suites, ...options });
  await world.register();
  await world.openSession();
  return world;
}

describe('a running gateway', () => {
  it('takes other suites for UEs to come, and drops no SA that stands', async () => {
    const world = await attached();
    world.gateway.reconfigure({ ike: engine('aes256-sha256-prfsha256-ecp256', 'aes256-sha256') });
    expect(await world.ping()).toBe(true);
    const second = world.ues[1]!;
    await world.register(second);
    await world.openSession(second);
    expect(await world.ping(second)).toBe(true);
    const [first, other] = [...world.gateway.journal.sas];
    expect([first?.suite, other?.suite]).toEqual([
      'aes256-gcm16/hmac-sha2-256/x25519',
      expect.stringMatching(/^aes256-cbc\/.*ecp256$/),
    ]);
    expect([...(other?.children.values() ?? [])].map(({ suite }) => suite)).toEqual(
      Array(2).fill(expect.stringMatching(/^aes256-cbc/)),
    );
    expect(world.gateway.espSuites.map(({ encr }) => encr)).toEqual(['aes256-cbc']);
  });

  it('rekeys by the other suites from then on', async () => {
    const world = await attached();
    world.gateway.reconfigure({ ike: engine('aes256-sha256-prfsha256-ecp256', 'aes256-sha256') });
    const [sa] = [...world.gateway.journal.sas];
    for (const child of [...sa!.children.keys()])
      world.gateway.ike((ike, now) => ike.rekeyChildSa(now, sa!.ikeSaId, child));
    world.gateway.ike((ike, now) => ike.rekeyIkeSa(now, sa!.ikeSaId));
    await world.settle();
    expect(sa!.suite).toMatch(/^aes256-cbc/);
    for (const { suite } of sa!.children.values()) expect(suite).toMatch(/^aes256-cbc/);
    expect(await world.ping()).toBe(true);
  });

  it('takes another pool: new UEs get addresses of it, others keep theirs', async () => {
    const world = await attached();
    const before = [...world.gateway.ues][0]!.innerAddress;
    world.gateway.reconfigure({ inner: { pool: '10.99.0.0/24', address: '10.45.0.1' } });
    expect(world.left().addresses).toBe(1);
    const second = world.ues[1]!;
    await world.register(second);
    await world.openSession(second);
    expect([...world.gateway.ues].map(({ innerAddress }) => [...innerAddress!].slice(0, 2))).toEqual([
      [10, 45],
      [10, 99],
    ]);
    expect([...world.gateway.ues][0]!.innerAddress).toBe(before);
    expect(await world.ping()).toBe(true);
    expect(await world.ping(second)).toBe(true);
    for (const { ue } of world.ues) ue.disconnect();
    await world.settle();
    expect(world.left().addresses).toBe(0);
  });
});

describe('a running gateway and what it has already', () => {
  it('is as it was when the other network is none', async () => {
    const world = await attached();
    const change = {
      inner: { pool: 'nonsense', address: '10.45.0.1' },
      ike: engine('aes256-sha256-prfsha256-ecp256', 'aes256-sha256'),
    };
    expect(() => world.gateway.reconfigure(change)).toThrow(RangeError);
    expect(world.gateway.espSuites.map(({ encr }) => encr)).toEqual(['aes256-gcm16']);
  });

  it('gives no UE to an AMF that left the configuration, and keeps those that it has', async () => {
    const world = await attached({ cores: [{ amfName: 'first' }, { amfName: 'second', amfPointer: 1 }] });
    const [ue] = [...world.gateway.ues];
    const own = ue!.amf!;
    own.retired = true;
    expect(await world.ping()).toBe(true);
    await world.register(world.ues[1]);
    expect([...world.gateway.ues][1]!.amf).not.toBe(own);
    expect([...world.gateway.amfs]).toContain(own);
    own.ready = false;
    expect([...world.gateway.amfs]).not.toContain(own);
  });

  it('lays sessions on Child SAs by the policy of the moment', async () => {
    const world = await attached();
    world.gateway.reconfigure({ sessions: { childSas: 'flow', dscp: new Map([[9, 46]]) } });
    expect(world.gateway.sessionPolicy.childSas).toBe('flow');
    await world.openSession(world.ue, 2);
    expect(await world.ping(world.ue, 2)).toBe(true);
  });
});
