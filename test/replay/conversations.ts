import { decodeNgap, type NgapPdu } from '#ngap';
import { decodeNas, imsiOfIdentity } from '../peers/nas/index.ts';
import { World } from '../support/world.ts';
import type { N2Frame } from './read.ts';

/** One message of a conversation, decoded. */
export interface Recorded {
  readonly toAmf: boolean;
  readonly pdu: NgapPdu;
}

/** Everything about one UE on N2, from its first message to its last. */
export interface Conversation {
  readonly imsi: string;
  readonly ranUeNgapId: number;
  readonly messages: readonly Recorded[];
}

interface Ids {
  readonly ranUeNgapId?: number;
  readonly ueNgapIds?: { readonly choice: string; readonly value: unknown };
  readonly nasPdu?: Uint8Array;
}

/** RAN-UE-NGAP-ID of a message, wherever it stands in it. */
function ranIdOf(pdu: NgapPdu): number | undefined {
  const { ranUeNgapId, ueNgapIds } = pdu.ies as Ids;
  return ranUeNgapId ?? (ueNgapIds?.value as Ids | undefined)?.ranUeNgapId;
}

/** Every message of the capture. @throws when one does not decode, which is itself a finding */
export function decodeAll(frames: readonly N2Frame[]): Recorded[] {
  return frames.map(({ toAmf, data }, at) => {
    const pdu = decodeNgap(data);
    if (!pdu.ok) throw new Error(`N2 message ${at}: ${pdu.error.message}`);
    return { toAmf, pdu: pdu.value };
  });
}

/** The UEs of a capture: this N3IWF never used one of its numbers twice in it. */
export function conversationsOf(messages: readonly Recorded[]): Conversation[] {
  const byRanId = new Map<number, Recorded[]>();
  for (const message of messages) {
    const id = ranIdOf(message.pdu);
    if (id === undefined) continue;
    const own = byRanId.get(id) ?? [];
    own.push(message);
    byRanId.set(id, own);
  }
  return [...byRanId].map(([ranUeNgapId, own]) => ({
    imsi: imsiOf(own[0]?.pdu),
    ranUeNgapId,
    messages: own,
  }));
}

function imsiOf(pdu: NgapPdu | undefined): string {
  const nas = decodeNas((pdu?.ies as Ids | undefined)?.nasPdu ?? new Uint8Array(0));
  const isRequest = nas.ok && nas.value.message === 'RegistrationRequest';
  return (isRequest ? imsiOfIdentity(nas.value.mobileIdentity) : undefined) ?? 'unknown';
}

/** What identifies a message of the N3IWF in the recording: its name and the UE's NAS in it, octet by octet. */
function mark({ message, ies }: NgapPdu): string {
  const { nasPdu } = ies as Ids;
  return nasPdu === undefined ? message : `${message} ${Buffer.from(nasPdu).toString('hex')}`;
}

/**
 * The recorded AMF in place of a simulated one: for each message of the N3IWF that is in the recording it gives what
 * the AMF said next. UE and N3IWF are live; since the AMF's challenge is the recorded one, the UE's answers and
 * K_N3IWF come out as they were, and everything the AMF protected checks.
 */
export class Replay {
  readonly world: World;
  /** Messages of the N3IWF that the recording does not have, or not any more. */
  readonly unexpected: string[] = [];
  private readonly messages: readonly Recorded[];
  private readonly matched = new Set<Recorded>();
  private readonly due: NgapPdu[] = [];
  private given = 0;

  constructor(conversation: Conversation, options: ConstructorParameters<typeof World>[0], setup: NgapPdu) {
    this.messages = conversation.messages;
    this.world = new World({
      ...options,
      cores: [],
      n2: (pdu, toAmf) => {
        if (toAmf) this.sent(pdu);
        return pdu;
      },
    });
    if (setup.message !== 'NGSetupResponse') throw new Error('an NG Setup Response is needed');
    this.world.gateway.onN2Event(0, { type: 'setupCompleted', amf: setup.ies });
    // The recorded number is the next one.
    for (let id = 1; id < conversation.ranUeNgapId; id++) this.world.gateway.ues.allocateId();
  }

  /** Messages of the N3IWF in the recording that did not come. */
  get missing(): string[] {
    return this.messages
      .filter((message) => message.toAmf && !this.matched.has(message))
      .map(({ pdu }) => pdu.message);
  }

  /** Messages of the AMF that were not given because what leads to them did not come. */
  get withheld(): number {
    return this.messages.slice(this.given).filter(({ toAmf }) => !toAmf).length;
  }

  /** Does something at the UE, then lets both sides talk until the AMF has nothing to say. */
  async step(action: () => void | Promise<void>): Promise<void> {
    await action();
    await this.world.settle();
    for (let next = this.due.shift(); next !== undefined; next = this.due.shift()) {
      await this.world.amfSends(next);
    }
  }

  private sent(pdu: NgapPdu): void {
    const wanted = mark(pdu);
    const found = this.messages.find(
      (message) => message.toAmf && !this.matched.has(message) && mark(message.pdu) === wanted,
    );
    if (found === undefined) {
      this.unexpected.push(pdu.message);
      return;
    }
    this.matched.add(found);
    for (let next = this.messages[this.given]; next !== undefined; next = this.messages[this.given]) {
      if (next.toAmf && !this.matched.has(next)) return;
      if (!next.toAmf) this.due.push(next.pdu);
      this.given++;
    }
  }
}
