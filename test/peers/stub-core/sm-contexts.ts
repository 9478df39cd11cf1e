import type { CoreSession } from '../core/amf-ue.ts';
import { releaseCommand, SimulatedSmf } from '../core/smf.ts';
import type { SimulatedUpf } from '../core/upf.ts';
import { decodeNas } from '../nas/index.ts';
import { sessionTypeOf } from '../user/session-type.ts';
import type { StubCoreConfig } from './config.ts';
import { asObject, type Call, type CallBack, problem, type Route, type SbiResponse } from './http.ts';
import { type BinaryPart, MEDIA } from './multipart.ts';

/** One session management context: whose session it is and where the AMF hears of it. */
interface SmContext {
  readonly supi: string;
  readonly session: CoreSession;
  readonly holder: { readonly sessions: Map<number, CoreSession> };
  /** Where the AMF wants to hear that the context is released. */
  readonly statusUri: string;
}

const nasPart = (octets: Uint8Array): BinaryPart => ({ id: 'n1', type: MEDIA.nas, octets });
const ngapPart = (octets: Uint8Array): BinaryPart => ({ id: 'n2', type: MEDIA.ngap, octets });

/** Nsmf_PDUSession for the AMF, with sessions and tunnels of the simulated SMF and UPF [TS29502 5.2.2]. */
export class StubSmContexts {
  readonly routes: readonly Route[] = [
    { method: 'POST', path: '/nsmf-pdusession/v1/sm-contexts', run: (call) => this.create(call) },
    {
      method: 'POST',
      path: '/nsmf-pdusession/v1/sm-contexts/:ref/modify',
      run: (call) => this.with(call, (context, ref) => this.modify(context, ref, call)),
    },
    {
      method: 'POST',
      path: '/nsmf-pdusession/v1/sm-contexts/:ref/release',
      run: (call) =>
        this.with(call, (context, ref) => {
          this.end(context, ref);
          return { status: 204 };
        }),
    },
  ];
  private readonly config: StubCoreConfig;
  private readonly smf: SimulatedSmf;
  private readonly callBack: (request: CallBack) => void;
  private readonly contexts = new Map<string, SmContext>();
  private readonly holders = new Map<string, SmContext['holder']>();
  private nextRef = 1;

  constructor(config: StubCoreConfig, upf: SimulatedUpf, callBack: (request: CallBack) => void) {
    this.config = config;
    this.callBack = callBack;
    const { plmn, slice, sessionPrefix, dnn, upfAddress } = config;
    const unused = () => {}; // the SMF's words go by call-back, not by N2
    this.smf = new SimulatedSmf(
      {
        plmn,
        amfName: '',
        amfRegionId: 0,
        amfSetId: 0,
        amfPointer: 0,
        slices: [slice],
        subscribers: [],
        ciphering: 0,
        sessionPrefix,
        dnn,
      },
      upf,
      Uint8Array.from(upfAddress.split('.'), Number),
      { send: unused, sendToUe: unused },
    );
  }

  /** Contexts that are there, for tests that look for leaks. */
  get count(): number {
    return this.contexts.size;
  }

  /** PDU session release by the network: to the AMF as a call-back [TS29518 5.2.2.3.1]. */
  release(supi: string, pduSessionId: number): void {
    for (const context of this.contexts.values()) {
      if (context.supi !== supi || context.session.id !== pduSessionId) continue;
      const { nas, transfer } = releaseCommand(pduSessionId, 0);
      this.transfer(context, nas, transfer, 'PDU_RES_REL_CMD');
    }
  }

  private with(call: Call, run: (context: SmContext, ref: string) => SbiResponse): SbiResponse {
    const ref = (call.params.ref ?? '').replace(/^urn:uuid:/, ''); // the AMF puts that before what it was given
    const context = this.contexts.get(ref);
    return context === undefined ? problem(404, 'CONTEXT_NOT_FOUND') : run(context, ref);
  }

  /** The answer only says that there is a context; the session itself goes to the UE by a call-back after it. */
  private create({ json, parts }: Call): SbiResponse {
    const request = decodeNas(parts[0]?.octets ?? new Uint8Array(0));
    if (!request.ok || request.value.message !== 'PduSessionEstablishmentRequest') {
      return problem(403, 'N1_SM_ERROR');
    }
    const supi = String(json.supi);
    const holder = this.holders.get(supi) ?? { sessions: new Map<number, CoreSession>() };
    this.holders.set(supi, holder);
    const { pduSessionId, pti, pduSessionType } = request.value;
    const session = this.smf.open(holder, pduSessionId, pti, sessionTypeOf(pduSessionType));
    if (session === undefined) return problem(503, 'INSUFFICIENT_RESOURCES_SLICE_DNN');
    const ref = String(this.nextRef++);
    const context = { supi, session, holder, statusUri: String(json.smContextStatusUri ?? '') };
    this.contexts.set(ref, context);
    this.transfer(context, this.smf.accept(session), this.smf.requestTransfer(session), 'PDU_RES_SETUP_REQ');
    return { status: 201, location: `${this.config.origin}/nsmf-pdusession/v1/sm-contexts/${ref}`, json: {} };
  }

  private modify(context: SmContext, ref: string, { json, parts }: Call): SbiResponse {
    const n1 = partOf(parts, json.n1SmMsg);
    const n2 = partOf(parts, json.n2SmInfo);
    if (json.release === true) this.end(context, ref);
    else if (n2 !== undefined) this.onN2(context, ref, String(json.n2SmInfoType), n2);
    return n1 === undefined ? { status: 200, json: {} } : this.onN1(context, ref, n1);
  }

  private onN2({ holder, session }: SmContext, ref: string, type: string, transfer: Uint8Array): void {
    if (type === 'PDU_RES_SETUP_RSP') this.smf.activate(holder, session.id, transfer);
    else if (type === 'PDU_RES_SETUP_FAIL') this.end({ holder, session }, ref);
  }

  /** 5GSM of the UE: a request to release is granted in the answer, its completion ends the context. */
  private onN1(context: SmContext, ref: string, octets: Uint8Array): SbiResponse {
    const message = decodeNas(octets);
    if (!message.ok) return problem(403, 'N1_SM_ERROR');
    if (message.value.message === 'PduSessionReleaseComplete') {
      this.end(context, ref);
      this.notifyReleased(context);
    }
    if (message.value.message !== 'PduSessionReleaseRequest') return { status: 200, json: {} };
    const { nas, transfer } = releaseCommand(context.session.id, message.value.pti);
    return {
      status: 200,
      json: {
        n1SmMsg: { contentId: 'n1' },
        n2SmInfo: { contentId: 'n2' },
        n2SmInfoType: 'PDU_RES_REL_CMD',
      },
      parts: [nasPart(nas), ngapPart(transfer)],
    };
  }

  private end({ holder, session }: Pick<SmContext, 'holder' | 'session'>, ref: string): void {
    this.contexts.delete(ref);
    // A session that took the same number since is another's.
    if (holder.sessions.get(session.id) === session) this.smf.remove(holder, session.id);
  }

  private notifyReleased({ statusUri }: SmContext): void {
    if (!URL.canParse(statusUri)) return;
    const { origin, pathname } = new URL(statusUri);
    const json = { statusInfo: { resourceStatus: 'RELEASED' } };
    this.callBack({ method: 'POST', origin, path: pathname, payload: { json, parts: [] } });
  }

  /** N1 and N2 of a session to the AMF, whose address is that of its status notifications. */
  private transfer(
    { supi, session, statusUri }: SmContext,
    nas: Uint8Array,
    n2: Uint8Array,
    ngapIeType: string,
  ): void {
    if (!URL.canParse(statusUri)) return;
    const json = {
      pduSessionId: session.id,
      n1MessageContainer: { n1MessageClass: 'SM', n1MessageContent: { contentId: 'n1' } },
      n2InfoContainer: {
        n2InformationClass: 'SM',
        smInfo: {
          pduSessionId: session.id,
          sNssai: this.config.slice,
          n2InfoContent: { ngapIeType, ngapData: { contentId: 'n2' } },
        },
      },
    };
    this.callBack({
      method: 'POST',
      origin: new URL(statusUri).origin,
      path: `/namf-comm/v1/ue-contexts/${supi}/n1-n2-messages`,
      payload: { json, parts: [nasPart(nas), ngapPart(n2)] },
    });
  }
}

/** The binary part that a reference of the JSON names. */
function partOf(parts: readonly BinaryPart[], reference: unknown): Uint8Array | undefined {
  const id = asObject(reference).contentId;
  return id === undefined ? undefined : parts.find((part) => part.id === id)?.octets;
}
