import { describe, expect, it } from 'vitest';
import { World } from '../support/world.ts';

/** A 5GMM status without protection, to which a UE has nothing to say. */
const status = Uint8Array.of(0x7e, 0, 0x64, 0x6f);

/** The UE's answer to a NAS message that asks for none: EAP wants one all the same. */
function answerEap(world: World): void {
  const ue = world.ue.ue as unknown as { sendNas(nasPdu: Uint8Array): void };
  ue.sendNas(new Uint8Array(0));
}

function earlyKey(): World {
  let isDone = false;
  const world: World = new World({
    n2: (pdu, toAmf) => {
      if (toAmf || pdu.message !== 'InitialContextSetupRequest' || isDone) return pdu;
      isDone = true;
      const { amfUeNgapId, ranUeNgapId } = pdu.ies;
      const ies = { amfUeNgapId, ranUeNgapId, nasPdu: status };
      world.gateway.receiveN2({ message: 'DownlinkNASTransport', ies });
      return pdu;
    },
  });
  return world;
}

describe('K_N3IWF that comes while the UE still holds an EAP request', () => {
  it('[RFC3748 2] [TS24502 7.3.3] EAP-Success waits for the answer to that request', async () => {
    const world = earlyKey();
    await world.register();
    expect(world.gateway.ues.ofId(1)?.waitingKey).toHaveLength(32);
    answerEap(world);
    await world.pass(5_000);
    expect(world.gateway.ues.ofId(1)?.waitingKey).toBeUndefined();
    expect(world.ue.events.map(({ type }) => type)).toContain('registered');
    await world.openSession();
    expect(await world.ping()).toBe(true);
  });

  it('is zeroed when the UE never answers', async () => {
    const world = earlyKey();
    await world.register();
    const ue = world.gateway.ues.ofId(1)!;
    const key = ue.waitingKey!;
    expect(key.some((octet) => octet !== 0)).toBe(true);
    await world.pass(300_000);
    expect([...key]).toEqual(new Array(32).fill(0));
    expect(world.left()).toEqual({ ues: 0, teids: 0, addresses: 0 });
  });
});
