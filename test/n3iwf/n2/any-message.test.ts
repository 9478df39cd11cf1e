/** What holds for every message an AMF may send, whatever is in it and whatever state its UE is in. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeNgap,
  encodeNgap,
  encodeTransfer,
  type MessageName,
  type NgapPdu,
  type TransferName,
} from '#ngap';
import type { AsnType } from '../../../ngap/aper/types.ts';
import { messages } from '../../../ngap/schema/messages.ts';
import { transfers } from '../../../ngap/schema/transfers.ts';
import { attached } from '../../support/attached.ts';
import { arbitraryOf } from '../../support/ngap-arbitrary.ts';
import { declaredMessages } from '../../support/ngap-examples.ts';
import type { World } from '../../support/world.ts';
import { ids, names, sent, tunnel } from './support.ts';

/** Requests, each of which has an answer of its own. */
const requests = [
  'PDUSessionResourceSetupRequest',
  'PDUSessionResourceModifyRequest',
  'PDUSessionResourceReleaseCommand',
  'UEContextModificationRequest',
] as const;
const others = [
  'DownlinkNASTransport',
  'InitialContextSetupRequest',
  'PDUSessionResourceModifyConfirm',
  'LocationReportingControl',
  'TraceStart',
  'DeactivateTrace',
  'Paging',
] as const;
const answers: ReadonlySet<string> = new Set<MessageName>([
  'PDUSessionResourceSetupResponse',
  'PDUSessionResourceModifyResponse',
  'PDUSessionResourceReleaseResponse',
  'UEContextModificationResponse',
  'UEContextModificationFailure',
]);

/** A transfer of that name with arbitrary content, now and then octets that are none. */
function transferOf(name: TransferName): fc.Arbitrary<Uint8Array> {
  const type = transfers[name] as AsnType;
  const isList = type.kind === 'sequence' && type.fields[0]?.name === 'ies';
  const sound = fc.tuple(arbitraryOf(type), fc.boolean()).map(([value, isTame]) => {
    try {
      const parts = (isList ? (value as { ies: unknown }).ies : value) as Record<string, unknown>;
      return encodeTransfer(name, (isTame ? tamed(parts) : parts) as never);
    } catch {
      return new Uint8Array(1);
    }
  });
  return fc.oneof(
    { weight: 5, arbitrary: sound },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 20 }) },
  );
}

/** Flows with small numbers and a tunnel to the UPF, so that much of it can be had. */
function tamed({ ulNguUpTnlModifyList: _, unknownIes: __, ...parts }: Record<string, unknown>) {
  const flows = ['qosFlowSetupRequestList', 'qosFlowAddOrModifyRequestList', 'qosFlowToReleaseList'];
  const numbered = flows.flatMap((list) => {
    const items = parts[list] as object[] | undefined;
    if (items === undefined) return [];
    const offset = list === 'qosFlowToReleaseList' ? 0 : 1;
    return [[list, items.map((item, at) => ({ ...item, qosFlowIdentifier: offset + at }))]];
  });
  const end = 'ulNguUpTnlInformation' in parts ? { ulNguUpTnlInformation: tunnel(77) } : {};
  return { ...parts, ...Object.fromEntries(numbered), ...end };
}

const setup = transferOf('PDUSessionResourceSetupRequestTransfer');
const modify = transferOf('PDUSessionResourceModifyRequestTransfer');
const confirm = transferOf('PDUSessionResourceModifyConfirmTransfer');

/** Puts sessions that are likely to exist, and transfers with content, into the lists of a message. */
function withSessions(
  pdu: NgapPdu,
  list: readonly number[],
  make: Readonly<Record<string, Uint8Array>>,
): NgapPdu {
  const ies = Object.fromEntries(
    Object.entries(pdu.ies).map(([name, value]) => {
      if (!Array.isArray(value) || value[0]?.pduSessionId === undefined) return [name, value];
      return [
        name,
        value.map((item, at) => ({
          ...item,
          pduSessionId: list[at % list.length],
          ...Object.fromEntries(Object.entries(make).filter(([key]) => key in item)),
        })),
      ];
    }),
  );
  return { ...pdu, ies } as NgapPdu;
}

function arbitraryMessage(message: MessageName): fc.Arbitrary<NgapPdu> {
  return fc
    .tuple(
      arbitraryOf(messages[message] as AsnType),
      fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 3 }),
      fc.record({
        pduSessionResourceSetupRequestTransfer: setup,
        pduSessionResourceModifyRequestTransfer: modify,
        pduSessionResourceModifyConfirmTransfer: confirm,
      }),
    )
    .map(([ies, list, make]) => {
      const { newAmfUeNgapId: _, unknownIes: __, securityKey, ...rest } = ies as Record<string, unknown>;
      const isUeContext = message === 'InitialContextSetupRequest';
      const key = isUeContext ? { securityKey: { bits: new Uint8Array(32), length: 256 } } : {};
      const whole = { ...rest, ...(securityKey === undefined ? {} : key), ...ids };
      return withSessions({ message, ies: whole } as NgapPdu, list, make);
    });
}

const anyMessage = fc.constantFrom(...requests, ...requests, ...others).chain(arbitraryMessage);

/** Sends what can be encoded; the names of what was sent. */
async function send(world: World, list: readonly NgapPdu[]): Promise<MessageName[]> {
  const gone: MessageName[] = [];
  for (const pdu of list) {
    const octets = encoded(pdu);
    if (octets === undefined || !decodeNgap(octets).ok) continue;
    gone.push(pdu.message);
    await world.amfSends(pdu);
  }
  return gone;
}

function encoded(pdu: NgapPdu): Uint8Array | undefined {
  try {
    return encodeNgap(pdu);
  } catch {
    return undefined;
  }
}

describe('any message of an AMF', () => {
  it('ends in no fault of ours, and every request in exactly one answer', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyMessage, { minLength: 1, maxLength: 8 }), async (list) => {
        const world = await attached();
        const from = names(world).length;
        const gone = await send(world, list);
        await world.pass(60_000);
        const since = names(world).slice(from);
        const faults = sent(world, 'ErrorIndication').map(({ cause }) => cause?.value);
        expect(faults).toEqual([]);
        const asked = gone.filter((name) => (requests as readonly string[]).includes(name));
        expect(since.filter((name) => answers.has(name))).toHaveLength(asked.length);
        expect(world.gateway.ues.size).toBe(1);
        const ue = world.gateway.ues.ofId(1);
        expect(world.left().teids).toBe(ue?.sessions.size);
        expect([ue?.sessionSetups.size, ue?.sessionChanges.size, ue?.tunnelMoves.size]).toEqual([0, 0, 0]);
      }),
      { numRuns: 60 },
    );
  });

  it('for a UE that is not attached yet ends in no fault of ours', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyMessage, { minLength: 1, maxLength: 4 }), fc.nat(3), async (list, at) => {
        let seen = 0;
        const world = await attached(
          {
            n2: (pdu, toAmf, within) => {
              if (!toAmf || seen++ !== at) return pdu;
              for (const each of list) if (encoded(each) !== undefined) within.gateway.receiveN2(each);
              return pdu;
            },
          },
          false,
        );
        await world.pass(120_000);
        const faults = sent(world, 'ErrorIndication').map(({ cause }) => cause?.value);
        expect(faults).not.toContain('semantic-error');
        expect(world.left().teids).toBe(world.gateway.ues.ofId(1)?.sessions.size ?? 0);
      }),
      { numRuns: 60 },
    );
  });
});

describe('every declared message of an AMF', () => {
  it('that is declared is answered, obeyed, or counted as dropped', async () => {
    const world = await attached();
    const handled = [
      ...requests,
      ...others,
      'UEContextReleaseCommand',
      'ErrorIndication',
      'RerouteNASRequest',
    ];
    for (const message of declaredMessages) {
      if (handled.includes(message)) continue;
      world.gateway.receiveN2({ message, ies: {} } as NgapPdu);
      expect(world.gateway.n2Counters.of(message)).toBe(1);
    }
    expect(await world.ping()).toBe(true);
  });
});
