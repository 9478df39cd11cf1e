import { describe, expect, it } from 'vitest';
import type { IkeEvent } from '#ikev2';
import { World, type WorldOptions } from '../support/world.ts';

const minute = 60_000;
const lifetimes = { child: { softMs: minute, hardMs: 2 * minute, jitter: 0 } };

/** A world whose N3IWF rekeys once a minute, and the names of the keys that went into its Child SAs, by UE. */
async function attached(
  options: Partial<WorldOptions>,
): Promise<{ world: World; rekeys: () => (string | undefined)[][] }> {
  const events: IkeEvent[] = [];
  const world = new World({
    ppk: 'rfc9867',
    policy: 'qkd-preferred',
    lifetimes,
    proposals: ['aes256gcm16-prfsha256-x25519-ke1_mlkem768'],
    ...options,
    ue: { ikeProposals: ['aes256gcm16-prfsha256-x25519-ke1_mlkem768'], ppkOptional: true, ...options.ue },
    observe: (event) => void events.push(event),
  });
  for (const who of world.ues) {
    await world.register(who);
    await world.openSession(who);
  }
  /** The key of each rekey since the last call, undefined for one that took none; by UE. */
  let from = 0;
  const known = new Set<string>();
  const rekeys = () => {
    const keys = world.ues.map((): (string | undefined)[] => []);
    for (const event of events) {
      if (event.type !== 'childSaEstablished') continue;
      const keyId = new TextDecoder().decode(event.child.ppkIdentity?.data);
      const index = (world.gateway.ues.ofIkeSa(event.ikeSaId)?.id ?? 0) - 1;
      if (event.rekeyed !== undefined && events.indexOf(event) >= from)
        keys[index]?.push(known.has(keyId) ? undefined : keyId);
      known.add(keyId);
    }
    from = events.length;
    return keys;
  };
  rekeys();
  return { world, rekeys };
}

const supply = (storedKeys: number, trusted = true) => ({ storedKeys, trusted });

describe('the controller of a running node', () => {
  it('lets every SA have a fresh key while there are enough', async () => {
    const { world, rekeys } = await attached({ ues: 2 });
    world.gateway.lookAtSupply(supply(1000));
    await world.pass(minute + 1000);
    expect(rekeys().map((keys) => keys.map((keyId) => typeof keyId))).toEqual([
      ['string', 'string'],
      ['string', 'string'],
    ]);
  });

  it('rekeys without one when they are scarce, and brings the SAs forward when there are enough again', async () => {
    const { world, rekeys } = await attached({
      ues: 2,
      keying: { policy: 'qkd-preferred', holdMs: 1000, minFallbackMs: 1000 },
    });
    expect(world.gateway.lookAtSupply(supply(3))).toMatchObject({
      mode: 'fallback',
      reason: 'pool-at-reserve',
    });
    await world.pass(minute + 1000);
    expect(rekeys()).toEqual([
      [undefined, undefined],
      [undefined, undefined],
    ]);
    for (const who of world.ues) expect(await world.ping(who)).toBe(true);
    for (let second = 0; second < 120; second++) {
      world.gateway.lookAtSupply(supply(1000));
      await world.pass(1000);
      if (second === 40) world.gateway.lookAtSupply(supply(1000));
    }
    const after = rekeys().flat();
    expect(after.length).toBeGreaterThanOrEqual(4);
    expect(after.every((keyId) => keyId !== undefined)).toBe(true);
    expect(world.left().ues).toBe(2);
  });
});

describe('the controller of a running node, for UEs of different classes', () => {
  it('gives scarce keys to the class that is served first: here a UE by its name', async () => {
    const classes = {
      classes: [
        { name: 'police', atLeastEveryMs: minute },
        { name: 'others', atLeastEveryMs: 100 * minute },
      ],
      rules: [{ ues: ['ue-0002'], class: 'police' }],
    };
    const { world, rekeys } = await attached({
      ues: 3,
      keying: { policy: 'qkd-preferred', classes, reserveKeys: 4 },
    });
    // Two SAs of the UE that is served first fall due within the horizon; more than that is not to spare.
    world.gateway.lookAtSupply(supply(6));
    await world.pass(minute + 1000);
    const [one, police, three] = rekeys();
    expect(police?.map((keyId) => typeof keyId)).toEqual(['string', 'string']);
    expect([one, three]).toEqual([
      [undefined, undefined],
      [undefined, undefined],
    ]);
  });

  it.each([
    ['slice', { slices: ['1-010203'], class: 'first' }],
    ['5QI', { fiveQis: [1], class: 'first' }],
  ])('or by %s, where the signalling SA has neither', async (_, rule) => {
    const classes = {
      classes: [
        { name: 'first', atLeastEveryMs: minute },
        { name: 'last', atLeastEveryMs: 100 * minute },
      ],
      rules: [rule],
    };
    const flows: NonNullable<WorldOptions['cores']>[number]['flows'] = [
      { qfi: 1, fiveQi: 1, guaranteed: true },
    ];
    const cores = [{ flows }];
    const { world, rekeys } = await attached({
      cores,
      keying: { policy: 'qkd-preferred', classes, reserveKeys: 4 },
    });
    world.gateway.lookAtSupply(supply(5));
    await world.pass(minute + 1000);
    expect(
      rekeys()[0]
        ?.map((keyId) => typeof keyId)
        .toSorted(),
    ).toEqual(['string', 'undefined']);
  });
});

describe('the controller of a running node, where fresh keys are no choice', () => {
  it('takes no key of a link that is distrusted, whoever names it', async () => {
    const { world, rekeys } = await attached({});
    world.gateway.lookAtSupply(supply(1000, false));
    const fetched = world.fetched.length;
    world.ue.ue.rekeyAll();
    await world.pass(minute + 1000);
    expect(rekeys()[0]).toEqual([undefined, undefined, undefined, undefined]);
    expect(world.fetched).toHaveLength(fetched);
    expect(await world.ping()).toBe(true);
  });

  it('leaves a UE alone that can take no fresh keys, when they suffice again', async () => {
    const { world, rekeys } = await attached({
      ppk: 'none',
      keying: { policy: 'qkd-preferred', holdMs: 1, minFallbackMs: 1 },
      lifetimes: { child: { softMs: 60 * minute, hardMs: 90 * minute } },
    });
    world.gateway.lookAtSupply(supply(3));
    for (let second = 0; second < 200; second++) {
      await world.pass(1000);
      world.gateway.lookAtSupply(supply(1000));
    }
    expect(rekeys()).toEqual([[]]);
  });
});
