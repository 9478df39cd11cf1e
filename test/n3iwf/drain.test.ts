import { describe, expect, it } from 'vitest';
import { type DrainLimits, type DrainResult, drain } from '../../n3iwf/drain.ts';
import { nothing } from '../support/attached.ts';
import { World, type WorldOptions } from '../support/world.ts';

async function attached(options: WorldOptions = {}): Promise<World> {
  const world = new World({ ues: 3, ...options });
  for (const who of world.ues) {
    await world.register(who);
    await world.openSession(who);
  }
  return world;
}

/** Drains the world's gateway on the world's clock. */
function drained(world: World, limits: Partial<DrainLimits> = {}, cut = () => false): Promise<DrainResult> {
  return drain(
    world.gateway,
    { totalMs: 8000, atOnce: 64, ...limits },
    {
      act: (command) => command(world.gateway),
      wait: (ms) => world.pass(ms),
      cut,
    },
  );
}

describe('the end of a node', () => {
  it('[TS38413 8.3.2] releases each UE with its sessions towards AMF and UE, and resets N2 last', async () => {
    const world = await attached();
    const before = world.toAmf.length;
    expect(await drained(world)).toMatchObject({ ues: 3, forced: 0, unanswered: 0 });
    const said = world.toAmf.slice(before);
    expect(
      said.filter(({ message }) => message === 'UEContextReleaseRequest').map(({ ies }) => ies),
    ).toMatchObject(
      [1, 2, 3].map((ranUeNgapId) => ({
        ranUeNgapId,
        pduSessionResourceListCxtRelReq: [{ pduSessionId: 1 }],
        cause: { value: 'om-intervention' },
      })),
    );
    expect(said.filter(({ message }) => message === 'UEContextReleaseComplete')).toHaveLength(3);
    expect(said.at(-1)?.message).toBe('NGReset');
    expect(world.left()).toEqual(nothing);
    expect(world.core.amf.knownUes).toBe(0);
    for (const { events } of world.ues) expect(events.at(-1)?.type).toBe('closed');
  });

  it('[TS24502 9.2.4.2] turns UEs away that come meanwhile, at once and with a time to stay away', async () => {
    const world = new World();
    world.gateway.startDraining();
    await world.register();
    expect(JSON.stringify(world.ue.events)).toMatch(/15500|CONGESTION/);
    expect(world.toAmf).toEqual([]);
    expect(world.left()).toEqual(nothing);
  });

  it('does not flood the AMF', async () => {
    const world = await attached();
    let most = 0;
    const n2 = world.gateway.journal.feed.subscribe(() => {
      const underWay = [...world.gateway.ues].filter(({ releaseRequested }) => releaseRequested).length;
      most = Math.max(most, underWay);
    });
    expect(await drained(world, { atOnce: 1 })).toMatchObject({ ues: 3, forced: 0 });
    n2();
    expect(most).toBe(1);
  });
});

describe('the end of a node that is in a hurry or not heard', () => {
  it('says Delete by itself where the AMF is silent, and is over in time', async () => {
    const n2: WorldOptions['n2'] = (pdu, toAmf) =>
      toAmf && pdu.message === 'UEContextReleaseRequest' ? undefined : pdu;
    const world = await attached({ n2 });
    const result = await drained(world);
    expect(result).toMatchObject({ ues: 3, forced: 3, unanswered: 0 });
    expect(result.tookMs).toBeLessThanOrEqual(8100);
    expect(world.left()).toEqual(nothing);
    expect(world.core.amf.knownUes).toBe(0);
  });

  it('repeats the Delete to a UE that misses it, and gives it up in time', async () => {
    let lost = 0;
    let deaf = false;
    const channel: WorldOptions['channel'] = (datagram) => {
      if (!deaf || datagram.to.address === '192.0.2.1') return [datagram];
      lost++;
      return [];
    };
    const world = await attached({ channel, ues: 1 });
    deaf = true;
    const result = await drained(world);
    expect(result.unanswered).toBe(1);
    expect(lost).toBeGreaterThan(1);
    expect(result.tookMs).toBeLessThanOrEqual(8100);
    expect(world.toAmf.at(-1)?.message).toBe('NGReset');
  });

  it('waits for nothing once it is told to hurry, but still speaks', async () => {
    const world = await attached();
    const result = await drained(world, {}, () => true);
    expect(result.tookMs).toBe(0);
    expect(world.toAmf.at(-1)?.message).toBe('NGReset');
    await world.settle();
    expect(world.core.amf.knownUes).toBe(0);
  });

  it('of an idle node takes no time', async () => {
    expect(await drained(new World({ ues: 0 }))).toMatchObject({ ues: 0, forced: 0, unanswered: 0 });
    const alone = new World({ ues: 0 });
    alone.loseAmf();
    expect(await drained(alone)).toMatchObject({ tookMs: 0 });
  });
});

/** Two nodes that UEs may be sent to. */
const others = { gateway: { redirectTo: ['192.0.2.200', 'n3iwf-b.example.org'] } };
const following: WorldOptions = { ...others, ue: { followsRedirect: true } };
/** Where each UE was told to go. */
const sentTo = (world: World) =>
  world.ues.map(({ events }) =>
    events.flatMap((event) => (event.type === 'redirected' ? [event.to.name] : [])),
  );

describe('a node that ends and has others beside it', () => {
  it('[RFC5685 5] sends UEs that follow to them in turns; these leave, and the AMF has nothing left of them', async () => {
    const world = await attached(following);
    const result = await drained(world);
    expect(result).toMatchObject({ ues: 3, redirected: 3, moved: 3, forced: 0, unanswered: 0 });
    expect(result.tookMs).toBeLessThan(2000);
    expect(sentTo(world)).toEqual([['192.0.2.200'], ['n3iwf-b.example.org'], ['192.0.2.200']]);
    expect(world.left()).toEqual(nothing);
    expect(world.core.amf.knownUes).toBe(0);
    expect(world.gateway.others.counts).toEqual({ initial: 0, established: 3 });
    expect(world.toAmf.at(-1)?.message).toBe('NGReset');
    for (const { events } of world.ues) expect(events.at(-1)?.type).toBe('closed');
  });

  it('[RFC5685 3] releases those that do not follow as ever', async () => {
    const world = await attached(others);
    expect(await drained(world)).toMatchObject({ ues: 3, redirected: 0, moved: 0, forced: 0 });
    expect(sentTo(world)).toEqual([[], [], []]);
  });

  it('[RFC5685 3] sends UEs that come meanwhile away with their first message, without a word to the AMF', async () => {
    const world = new World(following);
    world.gateway.startDraining();
    await world.register();
    expect(sentTo(world)).toEqual([['192.0.2.200']]);
    expect(world.ue.events.at(-1)?.type).toBe('closed');
    expect(world.gateway.others.counts).toEqual({ initial: 1, established: 0 });
    expect(world.toAmf).toEqual([]);
    expect(world.left()).toEqual(nothing);
  });
});

describe('UEs that a node sends to others and that do not do as they are told', () => {
  it('[RFC5685 4] does not send a UE back to where it comes from, but away for a while', async () => {
    const gateway = { redirectTo: ['192.0.2.200'] };
    const redirectedFrom = { type: 'ipv4', name: '192.0.2.200' } as const;
    const world = new World({ gateway, ue: { followsRedirect: true, redirectedFrom } });
    world.gateway.startDraining();
    await world.register();
    expect(sentTo(world)).toEqual([[]]);
    expect(JSON.stringify(world.ue.events)).toMatch(/15500|CONGESTION/);
  });

  it('releases who says that it goes and stays, in its time', async () => {
    let stays = false;
    // behind the marker: the exchange is INFORMATIONAL, and the flags say that it is no response
    const isRequest = (data: Uint8Array) => data[22] === 37 && ((data[23] ?? 0) & 0x20) === 0;
    const channel: WorldOptions['channel'] = (datagram) =>
      stays && datagram.to.address === '192.0.2.1' && isRequest(datagram.data) ? [] : [datagram];
    const world = await attached({ ...following, ues: 2, channel });
    stays = true; // its Delete, the only thing that a redirected UE sends by itself, is never sent
    const result = await drained(world);
    expect(result).toMatchObject({ ues: 2, redirected: 2, moved: 0 });
    expect(result.tookMs).toBeLessThanOrEqual(8100);
    expect(world.left()).toEqual(nothing);
  });
});
