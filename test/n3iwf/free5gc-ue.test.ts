import { describe, expect, it } from 'vitest';
import { World } from '../support/world.ts';

/** A UE whose GRE is a kernel's device, as free5GC's has it, in front of a node with that GRE header or the standard's. */
function world(greVariant?: 'standard' | 'free5gc'): World {
  const userPlane = greVariant === undefined ? {} : { userPlane: { greVariant } };
  return new World({ ue: { kernelGre: true }, gateway: userPlane });
}

async function pings(of: World): Promise<boolean> {
  await of.register();
  await of.openSession();
  return of.ping();
}

/** A UE that is not ready for a session's NAS for 40 ms, and a node that makes such NAS wait. */
function slow(nasDelayMs: number, more: ConstructorParameters<typeof World>[0] = {}): World {
  const sessions = { childSas: 'session', dscp: new Map(), nasDelayMs } as const;
  return new World({ ue: { sessionReadyMs: 40 }, gateway: { sessions }, ...more });
}

const isUp = ({ ue }: World) => ue.events.some(({ type }) => type === 'sessionUp');

describe("free5GC's UE before its Child SA is ready, shown by the simulated UE", () => {
  it('loses the NAS message that opens its session; with the option that waits, and the session opens', async () => {
    for (const [delayMs, opens] of [
      [0, false],
      [39, false],
      [40, true],
    ] as const) {
      const world = slow(delayMs);
      await world.register();
      await world.openSession();
      await world.pass(200);
      expect([delayMs, isUp(world)]).toEqual([delayMs, opens]);
      if (opens) expect(await world.ping()).toBe(true);
    }
  });

  it('the AMF hears of the session at once, and NAS behind that message waits with it, in order', async () => {
    const seen: string[] = [];
    const world = slow(40);
    await world.register();
    const receive = world.ue.ue.nas.receive.bind(world.ue.ue.nas);
    world.ue.ue.nas.receive = (nas) => {
      seen.push(Buffer.from(nas).toString('hex'));
      receive(nas);
    };
    await world.openSession();
    expect(world.toAmf.map(({ message }) => message)).toContain('PDUSessionResourceSetupResponse');
    const [later, last] = [Uint8Array.of(0x7e, 0, 0x54, 1), Uint8Array.of(0x7e, 0, 0x54, 2)];
    const { amfUeNgapId, ranUeNgapId } = idsOf(world);
    for (const nasPdu of [later, last])
      await world.amfSends({
        message: 'DownlinkNASTransport',
        ies: { amfUeNgapId, ranUeNgapId, nasPdu },
      } as never);
    expect(seen).toEqual([]);
    await world.pass(40);
    expect(seen.slice(1)).toEqual(['7e005401', '7e005402']);
    await world.amfSends({
      message: 'DownlinkNASTransport',
      ies: { amfUeNgapId, ranUeNgapId, nasPdu: last },
    } as never);
    expect(seen).toHaveLength(4);
  });

  it('a UE that ends while its NAS waits takes it along, and nobody else', async () => {
    const world = slow(1000, { ues: 2 });
    for (const ue of world.ues) {
      await world.register(ue);
      await world.openSession(ue);
    }
    world.ue.ue.disconnect();
    await world.settle();
    await world.pass(2000);
    expect(isUp(world)).toBe(false);
    expect(world.ues[1]?.events.some(({ type }) => type === 'sessionUp')).toBe(true);
    expect(world.left().ues).toBe(1);
  });
});

/** What both sides call the only UE. */
function idsOf(world: World): { amfUeNgapId: unknown; ranUeNgapId: unknown } {
  const { ies } = world.toN3iwf.find(({ message }) => message === 'InitialContextSetupRequest') ?? {
    ies: {},
  };
  return ies as { amfUeNgapId: unknown; ranUeNgapId: unknown };
}

describe("GRE of free5GC's UE, shown by the simulated UE", () => {
  it("a kernel's GRE device takes IPv4 as protocol type alone: with the option it gets its packets", async () => {
    expect(await pings(world('free5gc'))).toBe(true);
  });

  it("[TS24502 9.3.3] without it the header is the standard's, which such a UE drops", async () => {
    for (const variant of [undefined, 'standard'] as const) expect(await pings(world(variant))).toBe(false);
  });

  it('a UE of the standard takes either, as it does not look at the protocol type', async () => {
    for (const greVariant of ['standard', 'free5gc'] as const)
      expect(await pings(new World({ gateway: { userPlane: { greVariant } } }))).toBe(true);
  });
});
