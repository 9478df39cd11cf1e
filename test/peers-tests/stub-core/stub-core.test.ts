import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { decodeTransfer, encodeTransfer } from '#ngap';
import { decodeNas, encodeNas } from '../../peers/nas/index.ts';
import {
  type CallBack,
  encodeMultipart,
  StubCore,
  type StubCoreConfig,
  type StubSubscriber,
} from '../../peers/stub-core/index.ts';
import { deriveKamf, userEquipment } from '../../peers/usim/index.ts';

const origin = 'http://192.0.2.10:8000';
const amf = 'http://192.0.2.18:8000';
const plmn = { mcc: '208', mnc: '93' };
const slice = { sst: 1, sd: '010203' };
const supi = 'imsi-208930000000001';
const suci = 'suci-0-208-93-0000-0-0-0000000001';
const statusUri = `${amf}/namf-callback/v1/smContextStatus/${supi}/1`;

function subscriber(changes: Partial<StubSubscriber> = {}): StubSubscriber {
  const k = Uint8Array.from({ length: 16 }, (_, at) => at);
  return { imsi: '208930000000001', k, opc: k.map((octet) => octet ^ 0x55), sqn: 0, ...changes };
}

function newCore(changes: Partial<StubSubscriber> = {}) {
  const callBacks: CallBack[] = [];
  const gtpu: string[] = [];
  let draws = 0;
  const config: StubCoreConfig = {
    origin,
    plmn,
    slice,
    dnn: 'internet',
    subscribers: [subscriber(changes)],
    upfAddress: '192.0.2.8',
    sessionPrefix: [10, 60, 0],
  };
  const core = new StubCore(config, {
    random: (length) => Uint8Array.from({ length }, () => ++draws & 0xff),
    now: () => 0,
    callBack: (request) => callBacks.push(request),
    sendGtpu: (_, remote) => gtpu.push(remote.address),
  });
  return { core, callBacks, gtpu };
}

let { core, callBacks } = newCore();
beforeEach(() => {
  ({ core, callBacks } = newCore());
});

function json(method: string, path: string, body?: object) {
  const octets = body === undefined ? new Uint8Array(0) : Uint8Array.from(Buffer.from(JSON.stringify(body)));
  return core.receive({ method, path, contentType: 'application/json', body: octets });
}

function multipart(path: string, body: object, ...parts: { id: string; octets: Uint8Array }[]) {
  const encoded = encodeMultipart({
    json: body,
    parts: parts.map((part) => ({ ...part, type: 'application/vnd.3gpp.5gnas' })),
  });
  return core.receive({ method: 'POST', path, contentType: encoded.type, body: encoded.body });
}

interface AuthenticationContext {
  readonly '5gAuthData': { readonly rand: string; readonly autn: string; readonly hxresStar: string };
  readonly _links: { readonly '5g-aka': readonly { readonly href: string }[] };
}

const octets = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));

function challenge(): AuthenticationContext {
  const answer = json('POST', '/nausf-auth/v1/ue-authentications', {
    supiOrSuci: suci,
    servingNetworkName: '5G:mnc093.mcc208.3gppnetwork.org',
  });
  expect(answer.status).toBe(201);
  return answer.json as AuthenticationContext;
}

function confirm(context: AuthenticationContext, resStar: Uint8Array) {
  const { pathname } = new URL(context._links['5g-aka'][0]?.href ?? '');
  return json('PUT', pathname, { resStar: Buffer.from(resStar).toString('hex') });
}

describe('AUSF', () => {
  test('[TS33501 6.1.3.2] a challenge that the UE believes, HXRES* that the AMF can check, K_SEAF for the right RES*', () => {
    const context = challenge();
    const { rand, autn, hxresStar } = context['5gAuthData'];
    const ue = userEquipment(subscriber(), plmn, octets(rand), octets(autn));
    expect(ue?.sqn).toBe(32);
    const resStar = ue?.resStar ?? new Uint8Array(0);
    const hash = createHash('sha256').update(octets(rand)).update(resStar).digest('hex');
    expect(hash.slice(32)).toBe(hxresStar);
    const answer = confirm(context, resStar).json as { authResult: string; supi: string; kseaf: string };
    expect([answer.authResult, answer.supi]).toEqual(['AUTHENTICATION_SUCCESS', supi]);
    const kAmf = deriveKamf(octets(answer.kseaf), '208930000000001', Uint8Array.of(0, 0));
    expect(kAmf).toEqual(ue?.kAmf);
  });

  test('a wrong RES* is told, and the challenge is spent', () => {
    const context = challenge();
    expect(confirm(context, new Uint8Array(16)).json).toEqual({ authResult: 'AUTHENTICATION_FAILURE' });
    expect(confirm(context, new Uint8Array(16)).status).toBe(404);
  });

  test('each challenge has a sequence number of its own', () => {
    const sqns = [challenge(), challenge()].map(({ '5gAuthData': { rand, autn } }) => {
      return userEquipment(subscriber(), plmn, octets(rand), octets(autn))?.sqn;
    });
    expect(sqns).toEqual([32, 64]);
  });

  test.each(['suci-0-208-93-0000-0-0-0000000009', 'suci-0-208-93-0000-1-1-00', 'imsi-1', 'undefined'])(
    '%s is nobody here',
    (supiOrSuci) => {
      expect(json('POST', '/nausf-auth/v1/ue-authentications', { supiOrSuci })).toEqual({
        status: 404,
        json: { status: 404, cause: 'USER_NOT_FOUND' },
      });
    },
  );

  test('fault k: the UE does not believe the network', () => {
    ({ core } = newCore({ keyFault: 'k' }));
    const { rand, autn } = challenge()['5gAuthData'];
    expect(userEquipment(subscriber(), plmn, octets(rand), octets(autn))).toBeUndefined();
  });

  test('fault kSeaf: RES* is right and K_AMF differs', () => {
    ({ core } = newCore({ keyFault: 'kSeaf' }));
    const context = challenge();
    const { rand, autn } = context['5gAuthData'];
    const ue = userEquipment(subscriber(), plmn, octets(rand), octets(autn));
    const answer = confirm(context, ue?.resStar ?? new Uint8Array(0)).json as { kseaf: string };
    expect(deriveKamf(octets(answer.kseaf), '208930000000001', Uint8Array.of(0, 0))).not.toEqual(ue?.kAmf);
  });
});

describe('NRF and NSSF', () => {
  test('[TS29510 5.2.2] registration echoes the profile under a URI whose last segment is the instance', () => {
    const answer = json('PUT', '/nnrf-nfm/v1/nf-instances/abc', { nfType: 'AMF' });
    expect(answer).toEqual({
      status: 201,
      location: `${origin}/nnrf-nfm/v1/nf-instances/abc`,
      json: { nfType: 'AMF' },
    });
  });

  test.each([
    ['AUSF', ['nausf-auth']],
    ['UDM', ['nudm-sdm', 'nudm-uecm']],
    ['PCF', ['npcf-am-policy-control']],
    ['NSSF', ['nnssf-nsselection']],
    ['SMF', ['nsmf-pdusession']],
  ])('[TS29510 5.3.2] %s is found here', (nfType, names) => {
    const { json: found } = json(
      'GET',
      `/nnrf-disc/v1/nf-instances?target-nf-type=${nfType}&requester-nf-type=AMF`,
    );
    const [instance] = (found as { nfInstances: { nfType: string; nfServices: Record<string, unknown>[] }[] })
      .nfInstances;
    expect(instance?.nfType).toBe(nfType);
    expect(instance?.nfServices.map(({ serviceName }) => serviceName)).toEqual(names);
    for (const service of instance?.nfServices ?? []) {
      expect(service).toMatchObject({
        scheme: 'http',
        nfServiceStatus: 'REGISTERED',
        ipEndPoints: [{ ipv4Address: '192.0.2.10', port: 8000 }],
      });
    }
  });

  test('a function that is not here is an empty answer, not a refusal', () => {
    const { json: found } = json('GET', '/nnrf-disc/v1/nf-instances?target-nf-type=LMF');
    expect(found).toMatchObject({ nfInstances: [] });
  });

  test('slice selection points back at this NRF', () => {
    const { json: found } = json('GET', '/nnssf-nsselection/v2/network-slice-information?nf-type=AMF');
    expect(found).toEqual({ nsiInformation: { nrfId: `${origin}/nnrf-nfm/v1/nf-instances`, nsiId: '1' } });
  });
});

describe('UDM and PCF', () => {
  test.each([
    ['nssai', { defaultSingleNssais: [slice] }],
    ['am-data', { subscribedUeAmbr: { uplink: '1 Gbps', downlink: '2 Gbps' } }],
    ['smf-select-data', { subscribedSnssaiInfos: { '01010203': { dnnInfos: [{ dnn: 'internet' }] } } }],
    ['ue-context-in-smf-data', { pduSessions: {} }],
  ])('[TS29503 5.2.2.2] %s of a subscriber', (what, expected) => {
    expect(json('GET', `/nudm-sdm/v2/${supi}/${what}?plmn-id=x`)).toMatchObject({
      status: 200,
      json: expected,
    });
    expect(json('GET', `/nudm-sdm/v2/imsi-999/${what}`).status).toBe(404);
  });

  test('[TS29503 5.3.2.3] the registration is kept until it is purged, and taking it back goes to its call-back', () => {
    const path = `/nudm-uecm/v1/${supi}/registrations/amf-non-3gpp-access`;
    const deregCallbackUri = `${amf}/namf-callback/v1/deregistration/${supi}`;
    expect(json('PUT', path, { deregCallbackUri })).toMatchObject({
      status: 201,
      location: `${origin}${path}`,
    });
    core.withdraw(supi);
    expect(callBacks).toMatchObject([
      { origin: amf, path: `/namf-callback/v1/deregistration/${supi}`, payload: { parts: [] } },
    ]);
    expect(json('PATCH', path, { purgeFlag: true }).status).toBe(204);
    core.withdraw(supi);
    expect([core.registered.size, callBacks.length]).toEqual([0, 1]);
  });

  test('a policy has a URI with its number, without which this AMF would fall', () => {
    const answer = json('POST', '/npcf-am-policy-control/v1/policies', { supi });
    expect(answer).toMatchObject({ status: 201, json: { request: { supi }, suppFeat: '0' } });
    expect(answer.location).toMatch(/\/policies\/\d+$/);
    expect(json('DELETE', new URL(answer.location ?? '').pathname).status).toBe(204);
  });

  test('subscriptions are numbered', () => {
    const path = `/nudm-sdm/v2/${supi}/sdm-subscriptions`;
    const ids = [1, 2].map(() => (json('POST', path, {}).json as { subscriptionId: string }).subscriptionId);
    expect(new Set(ids).size).toBe(2);
  });
});

const establish = encodeNas({
  message: 'PduSessionEstablishmentRequest',
  pduSessionId: 1,
  pti: 7,
  maxIntegrityRates: 0xffff,
  pduSessionType: 1,
});
/** POST of a session's context, with the UE's request in it. */
const create = () =>
  multipart(
    '/nsmf-pdusession/v1/sm-contexts',
    { supi, pduSessionId: 1, smContextStatusUri: statusUri, n1SmMsg: { contentId: 'n1SmMsg' } },
    { id: 'n1SmMsg', octets: establish },
  );
/** An update of the first session. */
const modify = (body: object, ...parts: { id: string; octets: Uint8Array }[]) =>
  multipart('/nsmf-pdusession/v1/sm-contexts/urn:uuid:1/modify', body, ...parts);

describe('sessions of the SMF', () => {
  test('[TS29518 5.2.2.3.1] a session: 201 with its URI, then N1 and N2 to the AMF that asked', () => {
    expect(create()).toMatchObject({ status: 201, location: `${origin}/nsmf-pdusession/v1/sm-contexts/1` });
    const [transfer] = callBacks;
    expect(transfer).toMatchObject({
      origin: amf,
      path: `/namf-comm/v1/ue-contexts/${supi}/n1-n2-messages`,
      payload: {
        json: {
          pduSessionId: 1,
          n2InfoContainer: { smInfo: { sNssai: slice, n2InfoContent: { ngapIeType: 'PDU_RES_SETUP_REQ' } } },
        },
      },
    });
    const [n1, n2] = transfer?.payload.parts ?? [];
    const accept = decodeNas(n1?.octets ?? new Uint8Array(0));
    expect(accept).toMatchObject({
      ok: true,
      value: { message: 'PduSessionEstablishmentAccept', pduSessionId: 1, pti: 7 },
    });
    const request = decodeTransfer('PDUSessionResourceSetupRequestTransfer', n2?.octets ?? new Uint8Array(0));
    expect(request.ok && request.value.ulNguUpTnlInformation).toMatchObject({
      value: { transportLayerAddress: { bits: Uint8Array.of(192, 0, 2, 8) } },
    });
  });

  test('[TS29502 5.2.2.3] the tunnel of the N3IWF opens the way down', () => {
    create();
    const tunnel = encodeTransfer('PDUSessionResourceSetupResponseTransfer', {
      dlQosFlowPerTnlInformation: {
        upTransportLayerInformation: {
          choice: 'gTPTunnel',
          value: {
            transportLayerAddress: { bits: Uint8Array.of(192, 0, 2, 15), length: 32 },
            gtpTeid: Uint8Array.of(0, 0, 0, 9),
          },
        },
        associatedQosFlowList: [{ qosFlowIdentifier: 1 }],
      },
    });
    const answer = modify(
      { n2SmInfo: { contentId: 'N2SmInfo' }, n2SmInfoType: 'PDU_RES_SETUP_RSP' },
      { id: 'N2SmInfo', octets: tunnel },
    );
    expect(answer).toEqual({ status: 200, json: {} });
    expect(core.upf.counters.dropped).toBe(0);
  });
});

describe('the end of sessions of the SMF', () => {
  test('[TS29502 5.2.2.3] a release that the UE asks for is granted in the answer, and ends when it completes', () => {
    create();
    const request = encodeNas({ message: 'PduSessionReleaseRequest', pduSessionId: 1, pti: 8 });
    const answer = modify({ n1SmMsg: { contentId: 'N1SmMsg' } }, { id: 'N1SmMsg', octets: request });
    expect(answer.json).toMatchObject({ n2SmInfoType: 'PDU_RES_REL_CMD', n1SmMsg: { contentId: 'n1' } });
    expect(decodeNas(answer.parts?.[0]?.octets ?? new Uint8Array(0))).toMatchObject({
      value: { message: 'PduSessionReleaseCommand', pti: 8 },
    });
    expect(core.smContexts.count).toBe(1);
    const complete = encodeNas({ message: 'PduSessionReleaseComplete', pduSessionId: 1, pti: 8 });
    modify({ n1SmMsg: { contentId: 'N1SmMsg' } }, { id: 'N1SmMsg', octets: complete });
    expect(core.smContexts.count).toBe(0);
    expect(callBacks.at(-1)).toMatchObject({
      origin: amf,
      path: new URL(statusUri).pathname,
      payload: { json: { statusInfo: { resourceStatus: 'RELEASED' } } },
    });
  });

  test('a release by the network is a transfer of its own', () => {
    create();
    core.smContexts.release(supi, 1);
    core.smContexts.release(supi, 2);
    core.smContexts.release('imsi-1', 1);
    expect(callBacks).toHaveLength(2);
    expect(callBacks[1]?.payload.json).toMatchObject({
      n2InfoContainer: { smInfo: { n2InfoContent: { ngapIeType: 'PDU_RES_REL_CMD' } } },
    });
  });

  test('release by the AMF, a failed set-up and a session set up anew leave nothing', () => {
    create();
    expect(json('POST', '/nsmf-pdusession/v1/sm-contexts/1/release', {}).status).toBe(204);
    expect(json('POST', '/nsmf-pdusession/v1/sm-contexts/1/release', {}).status).toBe(404);
    create();
    multipart(
      '/nsmf-pdusession/v1/sm-contexts/2/modify',
      { n2SmInfo: { contentId: 'x' }, n2SmInfoType: 'PDU_RES_SETUP_FAIL' },
      { id: 'x', octets: new Uint8Array(1) },
    );
    expect(core.smContexts.count).toBe(0);
    create();
    json('POST', '/nsmf-pdusession/v1/sm-contexts/3/modify', { release: true });
    expect(core.smContexts.count).toBe(0);
  });
});

describe('what the SMF does not take', () => {
  test.each([
    ['no NAS', new Uint8Array(0)],
    ['NAS that is no request', encodeNas({ message: 'RegistrationComplete' })],
  ])('%s is refused', (_, nas) => {
    const answer = multipart('/nsmf-pdusession/v1/sm-contexts', { supi }, { id: 'n1', octets: nas });
    expect(answer).toMatchObject({ status: 403, json: { cause: 'N1_SM_ERROR' } });
  });

  test('an AMF without an address hears nothing', () => {
    multipart(
      '/nsmf-pdusession/v1/sm-contexts',
      { supi, smContextStatusUri: 'nowhere' },
      { id: 'n1', octets: establish },
    );
    expect(callBacks).toEqual([]);
  });
});

describe('requests that fit nothing', () => {
  test.each([
    ['GET', '/', 404],
    ['GET', '/nudm-sdm/v2', 404],
    ['DELETE', '/nausf-auth/v1/ue-authentications', 404],
    ['GET', '/nudm-sdm/v2/%E0%A4%A/nssai', 404],
  ])('%s %s is %i', (method, path, status) => {
    expect(json(method, path).status).toBe(status);
  });

  test('a body that is not what it says is 400', () => {
    const body = Uint8Array.of(0x7b);
    const request = { method: 'POST', path: '/nausf-auth/v1/ue-authentications', body };
    for (const contentType of ['application/json', 'multipart/related; boundary=b', 'text/plain', '']) {
      expect(core.receive({ ...request, contentType }).status).toBe(400);
    }
  });

  test('what came is kept by method and path', () => {
    json('GET', '/a?b=c');
    expect(core.seen).toEqual(['GET /a']);
  });
});
