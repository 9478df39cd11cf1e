import { decodeTransfer, encodeTransfer, type MessageIes, type NgapPdu } from '#ngap';
import type { UserPacketType } from '../../../n3iwf/userplane/plane.ts';
import { isIpType } from '../../../n3iwf/userplane/user-packet.ts';
import { defaultQosRules, encodeNas } from '../nas/index.ts';
import {
  encodePduAddress,
  hasIpv4,
  hasIpv6,
  type SessionAddress,
  sessionTypeNumber,
  sessionTypeOf,
} from '../user/session-type.ts';
import type { AmfUe, CoreSession } from './amf-ue.ts';
import { type CoreConfig, type CoreFlow, sNssaiOf } from './config.ts';
import { sessionNas } from './session-nas.ts';
import { ipv6Pool, type SimulatedUpf, sessionBlocks } from './upf.ts';

const gtpuPort = 2152;
/** Hosts of as many /24 in a row; their last octet is neither 0 nor 255. */
function hostsOf(blocks: number): number[] {
  return Array.from({ length: blocks << 8 }, (_, at) => at).filter(
    (host) => (host & 0xff) !== 0 && (host & 0xff) !== 0xff,
  );
}
const insufficientResources = 26;
const ambr = { down: 1_000_000_000, up: 500_000_000 };

/** Whatever has sessions at the SMF. */
export type SessionHolder = Pick<AmfUe, 'sessions'>;

/** How the SMF speaks to the N3IWF and, through it, to UEs. */
export interface SmfPorts {
  send(pdu: NgapPdu): void;
  sendToUe(ue: AmfUe, nasPdu: Uint8Array): void;
}

/** Sessions of the simulated SMF: the configured flows, an address from its pool or a prefix of IPv6, a tunnel at the UPF. */
export class SimulatedSmf {
  private readonly config: CoreConfig;
  private readonly upf: SimulatedUpf;
  private readonly upfAddress: Uint8Array;
  private readonly ports: SmfPorts;
  private nextTeid = 1;
  /** Host parts that no session has, the one to give out next at the front. */
  private readonly freeHosts: number[];

  constructor(config: CoreConfig, upf: SimulatedUpf, upfAddress: Uint8Array, ports: SmfPorts) {
    this.ports = ports;
    this.config = config;
    this.upf = upf;
    this.upfAddress = upfAddress;
    this.freeHosts = hostsOf(sessionBlocks(config.sessionPrefix));
  }

  /** A session under `id`, in place of one that had it; undefined when every address is taken. */
  open(ue: SessionHolder, id: number, pti: number, type: UserPacketType = 'ipv4'): CoreSession | undefined {
    this.remove(ue, id);
    const host = this.freeHosts.shift();
    if (host === undefined) return undefined;
    const ulTeid = this.nextTeid++;
    const { qfi } = this.flows[0];
    const addresses = this.addressesOf(type, host);
    const session: CoreSession = { id, pti, type, host, ...addresses, ulTeid, qfi, active: false };
    ue.sessions.set(id, session);
    this.upf.addSession({ type, ...addresses, ulTeid, qfi });
    return session;
  }

  private addressesOf(type: UserPacketType, host: number): Pick<CoreSession, 'address' | 'prefix'> {
    const pool = this.config.sessionPrefix;
    const [one, two, three] = pool;
    return {
      ...(hasIpv4(type) ? { address: Uint8Array.of(one, two, three + (host >> 8), host) } : {}),
      ...(hasIpv6(type) ? { prefix: Uint8Array.of(...ipv6Pool(pool), 0, host >> 8, host) } : {}),
    };
  }

  remove(ue: SessionHolder, id: number): void {
    const session = ue.sessions.get(id);
    if (session === undefined) return;
    ue.sessions.delete(id);
    this.upf.removeSession(session.ulTeid);
    this.freeHosts.push(session.host);
  }

  /** PDU SESSION ESTABLISHMENT ACCEPT for a session. */
  accept(session: CoreSession): Uint8Array {
    return encodeNas({
      message: 'PduSessionEstablishmentAccept',
      pduSessionId: session.id,
      pti: session.pti,
      pduSessionType: sessionTypeNumber(session.type),
      sscMode: 1,
      qosRules: defaultQosRules(session.qfi),
      ambr: Uint8Array.of(6, 0x03, 0xe8, 6, 0x01, 0xf4),
      ...(isIpType(session.type) ? { address: encodePduAddress(session.type, addressFor(session)) } : {}),
      dnn: dnnOctets(this.config.dnn),
    });
  }

  private get flows(): readonly [CoreFlow, ...CoreFlow[]] {
    return this.config.flows ?? [{ qfi: 1, fiveQi: 9 }];
  }

  requestTransfer(session: CoreSession): Uint8Array {
    return encodeTransfer('PDUSessionResourceSetupRequestTransfer', {
      pduSessionAggregateMaximumBitRate: {
        pduSessionAggregateMaximumBitRateDl: ambr.down,
        pduSessionAggregateMaximumBitRateUl: ambr.up,
      },
      ulNguUpTnlInformation: {
        choice: 'gTPTunnel',
        value: {
          transportLayerAddress: { bits: this.upfAddress, length: 32 },
          gtpTeid: teidOctets(session.ulTeid),
        },
      },
      pduSessionType: session.type,
      qosFlowSetupRequestList: this.flows.map(flowRequest),
    });
  }

  /** The N3IWF's tunnel ends: from now on the UPF can answer. */
  setUpResponse(ue: SessionHolder, ies: MessageIes<'PDUSessionResourceSetupResponse'>): void {
    for (const {
      pduSessionId,
      pduSessionResourceSetupResponseTransfer,
    } of ies.pduSessionResourceSetupListSURes ?? [])
      this.activate(ue, pduSessionId, pduSessionResourceSetupResponseTransfer);
    for (const { pduSessionId } of ies.pduSessionResourceFailedToSetupListSURes ?? [])
      this.remove(ue, pduSessionId);
  }

  /** PDU Session Resource Setup Response Transfer of a session; octets that are not one change nothing. */
  activate(ue: SessionHolder, id: number, transferOctets: Uint8Array): void {
    const session = ue.sessions.get(id);
    const transfer = decodeTransfer('PDUSessionResourceSetupResponseTransfer', transferOctets);
    if (session === undefined || !transfer.ok) return;
    const tunnel = transfer.value.dlQosFlowPerTnlInformation.upTransportLayerInformation;
    if (tunnel.choice !== 'gTPTunnel') return;
    const teid = Buffer.from(tunnel.value.gtpTeid).readUInt32BE();
    const address = tunnel.value.transportLayerAddress.bits.subarray(0, 4).join('.');
    session.active = true;
    const { type, host, ulTeid, qfi } = session;
    const downlink = { teid, gateway: { address, port: gtpuPort } };
    this.upf.addSession({ type, ...this.addressesOf(type, host), ulTeid, qfi, downlink });
  }

  /** A 5GSM message of the UE, out of UL NAS Transport. */
  onMessage(
    ue: AmfUe,
    message: {
      readonly message: string;
      readonly pduSessionId: number;
      readonly pti: number;
      readonly pduSessionType?: number;
    },
  ): void {
    if (message.message === 'PduSessionEstablishmentRequest')
      this.establish(ue, message.pduSessionId, message.pti, sessionTypeOf(message.pduSessionType));
    else if (message.message === 'PduSessionReleaseRequest')
      this.release(ue, message.pduSessionId, message.pti);
  }

  private establish(ue: AmfUe, id: number, pti: number, type: UserPacketType): void {
    const session = this.config.refuse === 'pduSession' ? undefined : this.open(ue, id, pti, type);
    if (session === undefined) {
      const reject = encodeNas({
        message: 'PduSessionEstablishmentReject',
        pduSessionId: id,
        pti,
        cause: insufficientResources,
      });
      this.ports.sendToUe(ue, sessionNas(ue, id, reject));
      return;
    }
    const { amfUeNgapId, ranUeNgapId } = ue;
    this.ports.send({
      message: 'PDUSessionResourceSetupRequest',
      ies: {
        amfUeNgapId,
        ranUeNgapId,
        pduSessionResourceSetupListSUReq: [
          {
            pduSessionId: id,
            pduSessionNasPdu: sessionNas(ue, id, this.accept(session)),
            sNssai: sNssaiOf(this.config.slices[0] ?? { sst: 1 }),
            pduSessionResourceSetupRequestTransfer: this.requestTransfer(session),
          },
        ],
        ueAggregateMaximumBitRate: {
          ueAggregateMaximumBitRateDl: ambr.down,
          ueAggregateMaximumBitRateUl: ambr.up,
        },
      },
    });
  }

  /** PDU session release, asked for by the UE (`pti` of its request) or started by the network (0). */
  release(ue: AmfUe, id: number, pti = 0): void {
    const { nas, transfer } = releaseCommand(id, pti);
    const { amfUeNgapId, ranUeNgapId } = ue;
    this.ports.send({
      message: 'PDUSessionResourceReleaseCommand',
      ies: {
        amfUeNgapId,
        ranUeNgapId,
        nasPdu: sessionNas(ue, id, nas),
        pduSessionResourceToReleaseListRelCmd: [
          { pduSessionId: id, pduSessionResourceReleaseCommandTransfer: transfer },
        ],
      },
    });
  }
}

/** What the session's NAS tells of its address: IPv6 is made from an identifier and the prefix that comes later. */
function addressFor({ type, address, host }: CoreSession): SessionAddress {
  return {
    ...(address === undefined ? {} : { ipv4: address }),
    ...(hasIpv6(type) ? { interfaceId: Uint8Array.of(0, 0, 0, 0, 0, 0, host >> 8, host) } : {}),
  };
}

function flowRequest({ qfi, fiveQi, guaranteed }: CoreFlow) {
  return {
    qosFlowIdentifier: qfi,
    qosFlowLevelQosParameters: {
      qosCharacteristics: { choice: 'nonDynamic5qi', value: { fiveQi } },
      allocationAndRetentionPriority: {
        priorityLevelArp: 8,
        preEmptionCapability: 'shall-not-trigger-pre-emption',
        preEmptionVulnerability: 'not-pre-emptable',
      },
      ...(guaranteed === true ? { gbrQosInformation: guaranteedRates } : {}),
    },
  } as const;
}

const megabit = 1_000_000;
const guaranteedRates = {
  maximumFlowBitRateDl: 2 * megabit,
  maximumFlowBitRateUl: 2 * megabit,
  guaranteedFlowBitRateDl: megabit,
  guaranteedFlowBitRateUl: megabit,
};

/** What ends a session: the 5GSM message for the UE and the transfer for the N3IWF. `pti` as in the UE's request, or 0. */
export function releaseCommand(id: number, pti: number): { nas: Uint8Array; transfer: Uint8Array } {
  const regularDeactivation = 36;
  const nas = encodeNas({
    message: 'PduSessionReleaseCommand',
    pduSessionId: id,
    pti,
    cause: regularDeactivation,
  });
  const transfer = encodeTransfer('PDUSessionResourceReleaseCommandTransfer', {
    cause: { choice: 'nas', value: 'normal-release' },
  });
  return { nas, transfer };
}

function teidOctets(teid: number): Uint8Array {
  return Uint8Array.of(teid >>> 24, teid >>> 16, teid >>> 8, teid);
}

/** DNN as labels behind their lengths. */
export function dnnOctets(dnn: string): Uint8Array {
  return Uint8Array.from(dnn.split('.').flatMap((label) => [label.length, ...Buffer.from(label)]));
}
