/** What the tests of N2 share: transfers in parts, and what the AMF was sent. */
import {
  decodeTransfer,
  encodeTransfer,
  type MessageIes,
  type MessageName,
  type NgapPdu,
  type QosFlowLevelQosParameters,
  type Transfer,
  type TransferName,
} from '#ngap';
import type { World } from '../../support/world.ts';

/** The numbers of the first UE of a world. */
export const ids = { amfUeNgapId: 1, ranUeNgapId: 1 } as const;
export const sNssai = { sst: Uint8Array.of(1) };
const n3 = '192.0.2.1';
const upf = '192.0.2.2';

/** The IEs of every `message` that went to the AMF, in order. */
export function sent<M extends MessageName>(world: World, message: M): MessageIes<M>[] {
  return world.toAmf.filter((pdu) => pdu.message === message).map(({ ies }) => ies as MessageIes<M>);
}

/** The last `message` to the AMF; there must be one. */
export function lastSent<M extends MessageName>(world: World, message: M): MessageIes<M> {
  const last = sent(world, message).at(-1);
  if (last === undefined) throw new Error(`no ${message} was sent`);
  return last;
}

export function names(world: World): MessageName[] {
  return world.toAmf.map(({ message }) => message);
}

/** Decodes a transfer that must be sound. */
export function opened<N extends TransferName>(name: N, octets: Uint8Array | undefined): Transfer<N> {
  const transfer = decodeTransfer(name, octets ?? new Uint8Array(0));
  if (!transfer.ok) throw transfer.error;
  return transfer.value;
}

const arp = {
  priorityLevelArp: 8,
  preEmptionCapability: 'shall-not-trigger-pre-emption',
  preEmptionVulnerability: 'not-pre-emptable',
} as const;
const rates = {
  maximumFlowBitRateDl: 2_000_000,
  maximumFlowBitRateUl: 1_000_000,
  guaranteedFlowBitRateDl: 1_000_000,
  guaranteedFlowBitRateUl: 500_000,
};

/** Parameters of a flow with a standardized 5QI. */
export function standard(fiveQi: number, guaranteed = false): QosFlowLevelQosParameters {
  return {
    qosCharacteristics: { choice: 'nonDynamic5qi', value: { fiveQi } },
    allocationAndRetentionPriority: arp,
    ...(guaranteed ? { gbrQosInformation: rates } : {}),
  };
}

/** Parameters of a delay-critical flow that is described in full. */
export function delayCritical(maximumDataBurstVolume?: number): QosFlowLevelQosParameters {
  return {
    qosCharacteristics: {
      choice: 'dynamic5qi',
      value: {
        priorityLevelQos: 19,
        packetDelayBudget: 10,
        packetErrorRate: { perScalar: 1, perExponent: 4 },
        delayCritical: 'delay-critical',
        ...(maximumDataBurstVolume === undefined ? {} : { maximumDataBurstVolume }),
      },
    },
    allocationAndRetentionPriority: arp,
    gbrQosInformation: rates,
  };
}

/** A flow of a request; without a 5QI it names no parameters. */
export function flow(qosFlowIdentifier: number, parameters?: QosFlowLevelQosParameters) {
  return {
    qosFlowIdentifier,
    ...(parameters === undefined ? {} : { qosFlowLevelQosParameters: parameters }),
  };
}

/** A tunnel end as NGAP carries it. */
export function tunnel(teid: number, address = upf) {
  const bits = Uint8Array.from(address.split('.'), Number);
  const gtpTeid = Uint8Array.of(teid >>> 24, teid >>> 16, teid >>> 8, teid);
  return {
    choice: 'gTPTunnel',
    value: { transportLayerAddress: { bits, length: bits.length * 8 }, gtpTeid },
  } as const;
}

/** Our end of a session's tunnel. */
export function ownTunnel(world: World, pduSessionId = 1, ueId = 1) {
  return tunnel(world.gateway.ues.ofId(ueId)?.sessions.get(pduSessionId)?.dlTeid ?? 0, n3);
}

type SetupTransfer = Transfer<'PDUSessionResourceSetupRequestTransfer'>;

/** A setup transfer with one flow without guarantees, changed by `parts`. */
export function setupTransfer(parts: Partial<SetupTransfer> = {}): Uint8Array {
  return encodeTransfer('PDUSessionResourceSetupRequestTransfer', {
    pduSessionAggregateMaximumBitRate: {
      pduSessionAggregateMaximumBitRateDl: 1_000_000_000,
      pduSessionAggregateMaximumBitRateUl: 500_000_000,
    },
    ulNguUpTnlInformation: tunnel(77),
    pduSessionType: 'ipv4',
    qosFlowSetupRequestList: [{ qosFlowIdentifier: 1, qosFlowLevelQosParameters: standard(9) }],
    ...parts,
  });
}

/** A setup transfer that names no aggregate bit rate. */
export function withoutBitRate(parts: Partial<SetupTransfer>): Uint8Array {
  const { pduSessionAggregateMaximumBitRate: _, ...rest } = opened(
    'PDUSessionResourceSetupRequestTransfer',
    setupTransfer(parts),
  );
  return encodeTransfer('PDUSessionResourceSetupRequestTransfer', rest);
}

/** A setup request for the first UE: PDU session IDs with their transfers. */
export function setupRequest(items: readonly (readonly [number, Uint8Array])[]): NgapPdu {
  const list = items.map(([pduSessionId, transfer]) => ({
    pduSessionId,
    sNssai,
    pduSessionResourceSetupRequestTransfer: transfer,
  }));
  return {
    message: 'PDUSessionResourceSetupRequest',
    ies: { ...ids, pduSessionResourceSetupListSUReq: list },
  };
}

type ModifyTransfer = Transfer<'PDUSessionResourceModifyRequestTransfer'>;

/** A modify request for the first UE: PDU session IDs with what their transfers ask for, or octets that are none. */
export function modifyRequest(
  items: readonly (readonly [number, ModifyTransfer | Uint8Array, Uint8Array?])[],
): NgapPdu {
  const list = items.map(([pduSessionId, transfer, nasPdu]) => ({
    pduSessionId,
    ...(nasPdu === undefined ? {} : { nasPdu }),
    pduSessionResourceModifyRequestTransfer:
      transfer instanceof Uint8Array
        ? transfer
        : encodeTransfer('PDUSessionResourceModifyRequestTransfer', transfer),
  }));
  return {
    message: 'PDUSessionResourceModifyRequest',
    ies: { ...ids, pduSessionResourceModifyListModReq: list },
  };
}

/** An IE that no release has, with a criticality. */
export function unknownIe(criticality: 'reject' | 'ignore' | 'notify') {
  return { id: 60_000, criticality, value: Uint8Array.of(0) };
}

/** `pdu` with one more IE. */
export function withUnknownIe(pdu: NgapPdu, criticality: 'reject' | 'ignore' | 'notify'): NgapPdu {
  return { ...pdu, ies: { ...pdu.ies, unknownIes: [unknownIe(criticality)] } } as NgapPdu;
}

/** Criticality Diagnostics that report {@link unknownIe} as ignored. */
export const toldOfUnknownIe = {
  iesCriticalityDiagnostics: [{ ieCriticality: 'notify', ieId: 60_000, typeOfError: 'not-understood' }],
} as const;

/** NAS octets that reached a UE over its NAS connection or EAP, from now on; they are not processed there. */
export function tapNas(world: World, first: number): Uint8Array[] {
  const seen: Uint8Array[] = [];
  const { nas } = world.ue.ue;
  const receive = nas.receive.bind(nas);
  nas.receive = (nasPdu) => (nasPdu[0] === first ? void seen.push(nasPdu) : receive(nasPdu));
  return seen;
}
