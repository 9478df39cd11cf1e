import { decodeNgap, encodeNgap, encodeTransfer, type MessageIes, type NgapPdu } from '#ngap';
import { type CoreConfig, type CoreEvent, SimulatedCore } from '#peers';
import { ngSetupRequest } from '../../../n3iwf/n2/setup.ts';
import { decodeGtpu, encodeGpdu } from '../../../n3iwf/n3/gtpu.ts';
import { encodeNas, type NasMessage } from '../../peers/nas/index.ts';
import { NasClient } from '../../peers/ue/nas-client.ts';

export const plmn = { mcc: '208', mnc: '93' };
export const slice = { sst: 1, sd: '010203' };
const key = Uint8Array.from({ length: 16 }, (_, at) => at);
export const imsiOf = (index: number) => `20893${String(index + 1).padStart(10, '0')}`;
const gateway = { address: '192.0.2.1', port: 2152 };

/** One UE behind the scripted N3IWF, with every session message that it was sent. */
export interface CoreUe {
  readonly client: NasClient;
  readonly ranUeNgapId: number;
  amfUeNgapId: number;
  readonly failures: string[];
  readonly sessionMessages: NasMessage[];
  readonly log: string[];
}

/** The N3IWF's side of a simulated core, by hand: sends N2 messages and tunnelled packets, keeps what comes back. */
export class N3iwfSide {
  now = 1000;
  readonly core: SimulatedCore;
  readonly events: CoreEvent[] = [];
  readonly received: NgapPdu[] = [];
  /** Inner packets that the UPF sent down. */
  readonly packets: Uint8Array[] = [];
  private readonly ues = new Map<number, CoreUe>();
  private nextRanId = 1;
  /** Stops the UE's own answers to NAS messages. */
  deaf = false;

  constructor(config: Partial<CoreConfig> = {}) {
    const subscribers = Array.from({ length: 300 }, (_, index) => ({
      imsi: imsiOf(index),
      k: key,
      opc: key,
      sqn: 32,
    }));
    const identity = { amfName: 'amf', amfRegionId: 1, amfSetId: 1, amfPointer: 0 };
    const rest = {
      plmn,
      slices: [slice],
      ciphering: 2,
      sessionPrefix: [10, 60, 0],
      dnn: 'internet',
    } as const;
    this.core = new SimulatedCore({ ...identity, ...rest, subscribers, ...config }, '192.0.2.2', {
      random: (length) => Uint8Array.from({ length }, (_, at) => 7 * at + 1),
      now: () => this.now,
      sendN2: (_stream, data) => this.take(data),
      sendGtpu: (datagram) => {
        const decoded = decodeGtpu(datagram);
        if (decoded.ok) this.packets.push(Uint8Array.from(decoded.value.payload));
      },
      event: (event) => void this.events.push(event),
    });
  }

  private take(data: Uint8Array): void {
    const pdu = decodeNgap(data);
    if (!pdu.ok) throw pdu.error;
    this.received.push(pdu.value);
  }

  of<M extends NgapPdu['message']>(message: M): MessageIes<M>[] {
    return this.received.filter((pdu) => pdu.message === message).map(({ ies }) => ies as MessageIes<M>);
  }

  send(pdu: NgapPdu): void {
    this.core.receiveN2(encodeNgap(pdu));
  }

  setup(change: { mcc?: string; tac?: string; sst?: number } = {}): void {
    const { mcc = plmn.mcc, tac = '000001', sst = slice.sst } = change;
    const config = {
      name: 'n3iwf',
      n3iwfId: 1,
      plmn: { ...plmn, mcc },
      tac,
      slices: [{ ...slice, sst }],
    };
    this.send({ message: 'NGSetupRequest', ies: ngSetupRequest(config) });
  }

  newUe(index = 0): CoreUe {
    const ranUeNgapId = this.nextRanId++;
    const failures: string[] = [];
    const sessionMessages: NasMessage[] = [];
    const log: string[] = [];
    const config = {
      imsi: imsiOf(index),
      k: key,
      opc: key,
      imeisv: '3560920407930100',
      plmn,
      slice,
      dnn: 'internet',
      auth: 'psk',
      ppk: 'none',
      n3iwfName: 'n3iwf',
      ikeProposals: [],
      espProposals: [],
    } as const;
    const client = new NasClient(config, {
      send: (nasPdu) => this.uplinkNas(ue, nasPdu),
      registered: () => void log.push('registered'),
      deregistered: () => void log.push('deregistered'),
      failed: (step, reason) => void failures.push(`${step}: ${reason}`),
      sessionMessage: (message) => void sessionMessages.push(message),
    });
    const ue: CoreUe = { client, ranUeNgapId, amfUeNgapId: 0, failures, sessionMessages, log };
    this.ues.set(ranUeNgapId, ue);
    return ue;
  }

  ids({ amfUeNgapId, ranUeNgapId }: CoreUe): { amfUeNgapId: number; ranUeNgapId: number } {
    return { amfUeNgapId, ranUeNgapId };
  }

  private readonly location = {
    choice: 'userLocationInformationN3IWF',
    value: {
      ipAddress: { bits: Uint8Array.of(192, 0, 2, 9), length: 32 },
      portNumber: Uint8Array.of(0x11, 0x94),
    },
  } as const;

  uplinkNas(ue: CoreUe, nasPdu: Uint8Array): void {
    const ies = { ...this.ids(ue), nasPdu, userLocationInformation: this.location };
    this.send({ message: 'UplinkNASTransport', ies });
  }

  initial(ue: CoreUe, nasPdu: Uint8Array): void {
    const { ranUeNgapId } = ue;
    const ies = { ranUeNgapId, nasPdu, userLocationInformation: this.location };
    this.send({ message: 'InitialUEMessage', ies: { ...ies, rrcEstablishmentCause: 'mo-Signalling' } });
  }

  /** Answers what the core sent as an N3IWF does, until it sends no more. */
  run(from: number): void {
    for (let at = from; at < this.received.length; at++) this.answer(this.received[at] as NgapPdu);
  }

  private answer({ message, ies }: NgapPdu): void {
    const ue = 'ranUeNgapId' in ies ? this.ues.get(ies.ranUeNgapId ?? 0) : undefined;
    if (ue !== undefined && 'amfUeNgapId' in ies) ue.amfUeNgapId = ies.amfUeNgapId ?? 0;
    if (ue === undefined || this.deaf) return;
    if (message === 'DownlinkNASTransport') ue.client.receive(ies.nasPdu);
    else if (message === 'InitialContextSetupRequest')
      this.send({ message: 'InitialContextSetupResponse', ies: this.ids(ue) });
    else if (message === 'PDUSessionResourceSetupRequest')
      for (const { pduSessionId, pduSessionNasPdu } of ies.pduSessionResourceSetupListSUReq) {
        this.sessionIsSetUp(ue, pduSessionId);
        if (pduSessionNasPdu !== undefined) ue.client.receive(pduSessionNasPdu);
      }
  }

  private sessionIsSetUp(ue: CoreUe, pduSessionId: number): void {
    const transportLayerAddress = { bits: Uint8Array.of(192, 0, 2, 1), length: 32 };
    const transfer = encodeTransfer('PDUSessionResourceSetupResponseTransfer', {
      dlQosFlowPerTnlInformation: {
        upTransportLayerInformation: {
          choice: 'gTPTunnel',
          value: { transportLayerAddress, gtpTeid: Uint8Array.of(0, 0, 0, pduSessionId) },
        },
        associatedQosFlowList: [{ qosFlowIdentifier: 1 }],
      },
    });
    const list = [{ pduSessionId, pduSessionResourceSetupResponseTransfer: transfer }];
    const ies = { ...this.ids(ue), pduSessionResourceSetupListSURes: list };
    this.send({ message: 'PDUSessionResourceSetupResponse', ies });
  }

  /** A UE that has come as far as its registration. */
  registered(index = 0): CoreUe {
    const ue = this.newUe(index);
    const from = this.received.length;
    this.initial(ue, ue.client.registrationRequest());
    this.run(from);
    return ue;
  }

  openSession(ue: CoreUe, pduSessionId: number): void {
    const from = this.received.length;
    const request = { message: 'PduSessionEstablishmentRequest', pduSessionId, pti: 1 } as const;
    ue.client.sendSession({ ...request, maxIntegrityRates: 0xffff }, true);
    this.run(from);
  }

  /** Inner address of the last session that the UE was given. */
  addressOf(ue: CoreUe): Uint8Array {
    const accepts = ue.sessionMessages.filter(({ message }) => message === 'PduSessionEstablishmentAccept');
    const last = accepts.at(-1);
    if (last?.message !== 'PduSessionEstablishmentAccept' || last.address === undefined)
      throw new Error('the UE has no session');
    return last.address.subarray(1);
  }

  uplinkPacket(teid: number, packet: Uint8Array): void {
    const container = { direction: 'uplink', qfi: 1, rqi: false } as const;
    this.core.receiveGtpu(encodeGpdu(teid, container, packet), gateway);
  }

  plainNas(ue: CoreUe, message: NasMessage): void {
    this.uplinkNas(ue, encodeNas(message));
  }

  types(): string[] {
    return this.events.map(({ type }) => type);
  }
}
