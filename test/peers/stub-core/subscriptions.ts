import type { StubCoreConfig } from './config.ts';
import { asObject, problem, type Route, type SbiResponse } from './http.ts';

/** Numbers UDM registrations and policies; what the AMF keeps of them is only their URI. */
export interface SubscriptionEvents {
  /** The AMF serves a UE now, and `deregistrationUri` is where to say that it should stop. */
  registered(supi: string, deregistrationUri: string): void;
  /** The AMF says that it no longer does. */
  purged(supi: string): void;
}

/** UDM and PCF: subscription data, UE context registration and the access and mobility policy. */
export function subscriptionRoutes(config: StubCoreConfig, events: SubscriptionEvents): readonly Route[] {
  let numbers = 0;
  const nextNumber = () => String(++numbers);
  return [
    ...dataRoutes(config, nextNumber),
    ...registrationRoutes(config.origin, events),
    ...policyRoutes(config.origin, nextNumber),
  ];
}

/** Answers of Nudm_SDM that depend on nothing but the configuration [TS29503 5.2.2.2], by their resource. */
function subscriptionData({ slice, dnn }: StubCoreConfig): Readonly<Record<string, unknown>> {
  const nssai = { defaultSingleNssais: [slice], singleNssais: [] };
  const sliceKey = `${slice.sst.toString(16).padStart(2, '0')}${slice.sd}`;
  return {
    nssai,
    'am-data': {
      gpsis: ['msisdn-0900000000'],
      subscribedUeAmbr: { uplink: '1 Gbps', downlink: '2 Gbps' },
      nssai,
    },
    'smf-select-data': {
      subscribedSnssaiInfos: { [sliceKey]: { dnnInfos: [{ dnn, defaultDnnIndicator: true }] } },
    },
    'ue-context-in-smf-data': { pduSessions: {} },
  };
}

function dataRoutes(config: StubCoreConfig, nextNumber: () => string): readonly Route[] {
  const data = subscriptionData(config);
  const isKnown = (supi: string | undefined) =>
    config.subscribers.some(({ imsi }) => `imsi-${imsi}` === supi);
  return [
    {
      method: 'GET',
      path: '/nudm-sdm/v2/:supi/:what',
      run: ({ params }) => {
        const found = isKnown(params.supi) ? data[params.what ?? ''] : undefined;
        return found === undefined ? problem(404, 'USER_NOT_FOUND') : { status: 200, json: found };
      },
    },
    {
      method: 'POST',
      path: '/nudm-sdm/v2/:supi/sdm-subscriptions',
      run: ({ params, json }) =>
        created(`${config.origin}/nudm-sdm/v2/${params.supi}/sdm-subscriptions`, nextNumber(), (id) => ({
          ...json,
          subscriptionId: id,
        })),
    },
    { method: 'DELETE', path: '/nudm-sdm/v2/:supi/sdm-subscriptions/:id', run: () => ({ status: 204 }) },
  ];
}

/** Nudm_UECM: which AMF serves a UE over non-3GPP access. */
function registrationRoutes(origin: string, events: SubscriptionEvents): readonly Route[] {
  const path = '/nudm-uecm/v1/:supi/registrations/amf-non-3gpp-access';
  return [
    {
      method: 'PUT',
      path,
      run: ({ params, json }) => {
        events.registered(params.supi ?? '', String(json.deregCallbackUri ?? ''));
        return { status: 201, location: `${origin}${path.replace(':supi', params.supi ?? '')}`, json };
      },
    },
    {
      method: 'PATCH',
      path,
      run: ({ params, json }) => {
        if (json.purgeFlag === true) events.purged(params.supi ?? '');
        return { status: 204 };
      },
    },
  ];
}

/** Npcf_AMPolicyControl: what an AMF asks for, it gets. */
function policyRoutes(origin: string, nextNumber: () => string): readonly Route[] {
  const path = '/npcf-am-policy-control/v1/policies';
  return [
    {
      method: 'POST',
      path,
      run: ({ json }) =>
        created(`${origin}${path}`, nextNumber(), () => ({ request: asObject(json), suppFeat: '0' })),
    },
    { method: 'DELETE', path: `${path}/:id`, run: () => ({ status: 204 }) },
    {
      method: 'POST',
      path: `${path}/:id/update`,
      run: () => ({ status: 200, json: { resourceUri: '', suppFeat: '0' } }),
    },
  ];
}

/** 201 with the new resource's URI, which the AMF takes apart for its number. */
function created(collection: string, id: string, body: (id: string) => unknown): SbiResponse {
  return { status: 201, location: `${collection}/${id}`, json: body(id) };
}
