import { describe, expect, it } from 'vitest';
import { attached, nothing } from '../../support/attached.ts';
import { pingTarget, type World, type WorldOptions } from '../../support/world.ts';
import {
  flow,
  lastSent,
  modifyRequest,
  opened,
  sent,
  setupRequest,
  setupTransfer,
  standard,
} from './support.ts';

const response = (world: World) => lastSent(world, 'PDUSessionResourceModifyResponse');
const done = (world: World) =>
  opened(
    'PDUSessionResourceModifyResponseTransfer',
    response(world).pduSessionResourceModifyListModRes?.[0]?.pduSessionResourceModifyResponseTransfer,
  );
const failedCause = (world: World) =>
  opened(
    'PDUSessionResourceModifyUnsuccessfulTransfer',
    response(world).pduSessionResourceFailedToModifyListModRes?.[0]
      ?.pduSessionResourceModifyUnsuccessfulTransfer,
  ).cause.value;
const add = (...list: ReturnType<typeof flow>[]) => ({ qosFlowAddOrModifyRequestList: list });
const remove = (...list: number[]) => ({
  qosFlowToReleaseList: list.map((qosFlowIdentifier) => ({
    qosFlowIdentifier,
    cause: { choice: 'nas', value: 'normal-release' } as const,
  })),
});

/** A UE with a session 1 of one plain flow 1, at a node that gives Child SAs by `childSas`; 5QI 1 has code point 46, 2 has 34. */
function withPolicy(childSas: 'gbr' | 'flow', options: WorldOptions = {}) {
  const dscp = new Map([
    [1, 46],
    [2, 34],
  ]);
  return attached({ gateway: { sessions: { childSas, dscp } }, ...options });
}

/** Which flows share a Child SA, as the plane sends them: those of one SA in one list. */
function riding(world: World): number[][] {
  const flows = world.gateway.plane.report(1)?.sessions.find(({ pduSessionId }) => pduSessionId === 1)?.flows;
  const bySa = new Map<number | undefined, number[]>();
  for (const { qfi, childSaId } of flows ?? []) bySa.set(childSaId, [...(bySa.get(childSaId) ?? []), qfi]);
  return [...bySa.values()];
}

/** The same as the UE has been told. */
function told(world: World): number[][] {
  const { stack } = world.ue.ue;
  const bySa = new Map<number | undefined, number[]>();
  for (const qfi of stack.flowsOf(1)) {
    const sa = stack.childSaOf(1, qfi);
    bySa.set(sa, [...(bySa.get(sa) ?? []), qfi]);
  }
  return [...bySa.values()];
}

const childSas = (world: World) => world.gateway.plane.report(1)?.childSas.length;
let sequence = 0;

/** True for each flow in which an echo request comes back in the same flow. */
async function answered(world: World, ...qfis: number[]): Promise<boolean[]> {
  const results: boolean[] = [];
  for (const qfi of qfis) {
    const before = world.ue.packets.length;
    world.ue.ue.sessions.ping(1, pingTarget, ++sequence, { qfi });
    await world.settle();
    results.push(world.ue.packets.slice(before).some((packet) => packet.qfi === qfi));
  }
  return results;
}

describe('flows that a modification adds, by the policy of a Child SA for each guaranteed rate', () => {
  it('[TS24502 7.5.2] [TS38413 8.2.3] one with a guaranteed rate gets a Child SA of its own, before the AMF hears of it', async () => {
    const world = await withPolicy('gbr');
    await world.amfSends(modifyRequest([[1, add(flow(2, standard(1, true)), flow(3, standard(9)))]]));
    expect(done(world).qosFlowAddOrModifyResponseList).toMatchObject([
      { qosFlowIdentifier: 2 },
      { qosFlowIdentifier: 3 },
    ]);
    expect(riding(world)).toEqual([[1, 3], [2]]);
    expect(told(world)).toEqual([[1, 3], [2]]);
    expect([world.ue.ue.stack.dscpOf(1, 2), world.ue.ue.stack.dscpOf(1, 1)]).toEqual([46, undefined]);
    expect(await answered(world, 1, 2, 3)).toEqual([true, true, true]);
  });

  it('[TS38413 8.2.3] a released one takes its Child SA along, at both ends', async () => {
    const world = await withPolicy('gbr');
    await world.amfSends(modifyRequest([[1, add(flow(2, standard(1, true)))]]));
    expect(childSas(world)).toBe(3);
    await world.amfSends(modifyRequest([[1, remove(2)]]));
    expect([childSas(world), world.ue.ue.sessionChildSas().length]).toEqual([2, 1]);
    expect([riding(world), told(world)]).toEqual([[[1]], [[1]]]);
    expect(sent(world, 'PDUSessionResourceNotify')).toEqual([]);
    expect(await answered(world, 1, 2)).toEqual([true, false]);
  });

  it('[TS24502 7.6.2] one that gets a guaranteed rate, or loses it, moves', async () => {
    const world = await withPolicy('gbr');
    await world.amfSends(modifyRequest([[1, add(flow(2, standard(9)))]]));
    expect(riding(world)).toEqual([[1, 2]]);
    await world.amfSends(modifyRequest([[1, add(flow(2, standard(2, true)))]]));
    expect([riding(world), told(world)]).toEqual([
      [[1], [2]],
      [[1], [2]],
    ]);
    expect(await answered(world, 1, 2)).toEqual([true, true]);
    await world.amfSends(modifyRequest([[1, add(flow(2, standard(9)))]]));
    expect([riding(world), told(world), childSas(world)]).toEqual([[[1, 2]], [[1, 2]], 2]);
    expect(await answered(world, 1, 2)).toEqual([true, true]);
  });

  it('[RFC7296 3.10] another code point of a Child SA is told with its SPI, and that of the others stays', async () => {
    const world = await withPolicy('gbr');
    await world.amfSends(modifyRequest([[1, add(flow(2, standard(1, true)), flow(3, standard(1, true)))]]));
    await world.amfSends(modifyRequest([[1, add(flow(3, standard(2, true)))]]));
    expect([1, 2, 3].map((qfi) => world.ue.ue.stack.dscpOf(1, qfi))).toEqual([undefined, 46, 34]);
    expect(riding(world)).toEqual([[1], [2], [3]]);
    expect(childSas(world)).toBe(4);
    expect(await answered(world, 1, 2, 3)).toEqual([true, true, true]);
  });

  it('[TS24502 7.6.2] the last flow of the default Child SA is followed by another, whose own one goes', async () => {
    const world = await withPolicy('gbr');
    await world.amfSends(modifyRequest([[1, add(flow(2, standard(1, true)), flow(3, standard(2, true)))]]));
    await world.amfSends(modifyRequest([[1, remove(1)]]));
    expect([riding(world), told(world), childSas(world)]).toEqual([[[2], [3]], [[2], [3]], 3]);
    expect(world.gateway.ues.ofId(1)?.sessions.get(1)?.childSaIds.size).toBe(2);
    expect(await answered(world, 2, 3)).toEqual([true, true]);
  });
});

describe('flows that a modification adds, by the policy of a Child SA for each flow', () => {
  it('[TS24502 7.5.2] each gets its own; a flow that comes in the place of the default one rides on the default Child SA', async () => {
    const world = await withPolicy('flow');
    await world.amfSends(modifyRequest([[1, add(flow(2, standard(9)), flow(3, standard(9)))]]));
    expect([riding(world), childSas(world)]).toEqual([[[1], [2], [3]], 4]);
    await world.amfSends(modifyRequest([[1, { ...add(flow(4, standard(9))), ...remove(1) }]]));
    expect([riding(world), told(world), childSas(world)]).toEqual([[[2], [3], [4]], [[4], [2], [3]], 4]);
    expect(await answered(world, 2, 3, 4)).toEqual([true, true, true]);
  });

  it('a flow of another session with the same QFI is not touched', async () => {
    const world = await withPolicy('flow');
    await world.amfSends(setupRequest([[5, setupTransfer()]]));
    await world.amfSends(modifyRequest([[1, add(flow(2, standard(9)))]]));
    await world.amfSends(modifyRequest([[1, { ...add(flow(3, standard(9))), ...remove(2) }]]));
    const other = world.gateway.plane.report(1)?.sessions.find(({ pduSessionId }) => pduSessionId === 5);
    expect(other?.flows).toHaveLength(1);
    expect(riding(world)).toEqual([[1], [3]]);
  });
});

describe('Child SAs of added flows that do not come about', () => {
  it('[TS38413 8.2.3.4] the flow fails alone where the UE refuses its Child SA', async () => {
    const world = await withPolicy('gbr', { ue: { refusesFlows: [2] } });
    await world.amfSends(modifyRequest([[1, add(flow(2, standard(1, true)), flow(3, standard(9)))]]));
    expect(done(world)).toMatchObject({
      qosFlowAddOrModifyResponseList: [{ qosFlowIdentifier: 3 }],
      qosFlowFailedToAddOrModifyList: [
        { qosFlowIdentifier: 2, cause: { value: 'failure-in-radio-interface-procedure' } },
      ],
    });
    expect([riding(world), told(world)]).toEqual([[[1, 3]], [[1, 3]]]);
    expect(await answered(world, 1, 3)).toEqual([true, true]);
  });

  it('[TS38413 8.2.3.4] a flow that was to move stays as it was, and with nothing else to do the change fails', async () => {
    const world = await withPolicy('gbr');
    await world.amfSends(modifyRequest([[1, add(flow(2, standard(9)))]]));
    Object.assign(world.ue.ue, { refuses: () => true });
    await world.amfSends(modifyRequest([[1, add(flow(2, standard(1, true)))]]));
    expect(failedCause(world)).toBe('failure-in-radio-interface-procedure');
    const session = world.gateway.ues.ofId(1)?.sessions.get(1);
    expect(session?.flows.get(2)?.qosCharacteristics).toMatchObject({ value: { fiveQi: 9 } });
    expect([riding(world), told(world), childSas(world)]).toEqual([[[1, 2]], [[1, 2]], 2]);
  });

  it('[TS24502 7.6.3] a granted Child SA goes again where the UE refuses the rest of the change', async () => {
    const world = await withPolicy('gbr', { ue: { refusesFlows: [3] } });
    await world.amfSends(modifyRequest([[1, add(flow(2, standard(1, true)), flow(3, standard(9)))]]));
    expect(failedCause(world)).toBe('failure-in-radio-interface-procedure');
    expect([riding(world), told(world), childSas(world)]).toEqual([[[1]], [[1]], 2]);
    expect(world.ue.ue.sessionChildSas()).toHaveLength(1);
    expect(await answered(world, 1)).toEqual([true]);
  });
});

describe('Child SAs of added flows that come too late or go', () => {
  it('a release of the session overtakes the change: both are answered, and the late Child SA is deleted', async () => {
    let deaf = false;
    const world = await withPolicy('gbr', { channel: (datagram) => (deaf ? [] : [datagram]) });
    deaf = true;
    await world.amfSends(modifyRequest([[1, add(flow(2, standard(1, true)))]]));
    expect(sent(world, 'PDUSessionResourceModifyResponse')).toEqual([]);
    world.core.amf.releaseSession('208930000000001', 1);
    await world.settle();
    expect(failedCause(world)).toBe('interaction-with-other-procedure');
    deaf = false;
    await world.pass(30_000);
    expect(sent(world, 'PDUSessionResourceReleaseResponse')).toHaveLength(1);
    expect([childSas(world), world.left()]).toEqual([1, { ues: 1, teids: 0, addresses: 1 }]);
  });

  it('a UE that is lost meanwhile fails the change first', async () => {
    let deaf = false;
    const world = await withPolicy('gbr', { channel: (datagram) => (deaf ? [] : [datagram]) });
    deaf = true;
    await world.amfSends(modifyRequest([[1, add(flow(2, standard(1, true)))]]));
    await world.pass(600_000);
    expect(failedCause(world)).toBe('failure-in-radio-interface-procedure');
    expect(world.toAmf.map(({ message }) => message).slice(-3)).toEqual([
      'PDUSessionResourceModifyResponse',
      'UEContextReleaseRequest',
      'UEContextReleaseComplete',
    ]);
    expect(world.left()).toEqual(nothing);
  });

  it('[TS38413 8.2.4] a granted Child SA that the UE deletes later ends its flow, and the AMF is told', async () => {
    const world = await withPolicy('gbr');
    await world.amfSends(modifyRequest([[1, add(flow(2, standard(1, true)))]]));
    world.ue.ue.deleteChildSaOf(1, 2);
    await world.settle();
    const [item] = lastSent(world, 'PDUSessionResourceNotify').pduSessionResourceNotifyList ?? [];
    const transfer = opened('PDUSessionResourceNotifyTransfer', item?.pduSessionResourceNotifyTransfer);
    expect(transfer.qosFlowReleasedList).toMatchObject([
      { qosFlowIdentifier: 2, cause: { value: 'radio-connection-with-ue-lost' } },
    ]);
    expect(riding(world)).toEqual([[1]]);
    expect(await answered(world, 1)).toEqual([true]);
  });
});
