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
  const { origin, slice, dnn } = config;
  const isKnown = (supi: string | undefined) =>
    config.subscribers.some(({ imsi }) => `imsi-${imsi}` === supi);
  const nssai = { defaultSingleNssais: [slice], singleNssais: [] };
  const sliceKey = `${slice.sst.toString(16).padStart(2, '0')}${slice.sd}`;
  let subscriptions = 0;
  /** Answers of Nudm_SDM that depend on nothing but the configuration [TS29503 5.2.2.2]. */
  const data: Readonly<Record<string, unknown>> = {
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
  const registrations = '/nudm-uecm/v1/:supi/registrations/amf-non-3gpp-access';
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
        created(`${origin}/nudm-sdm/v2/${params.supi}/sdm-subscriptions`, String(++subscriptions), (id) => ({
          ...json,
          subscriptionId: id,
        })),
    },
    { method: 'DELETE', path: '/nudm-sdm/v2/:supi/sdm-subscriptions/:id', run: () => ({ status: 204 }) },
    {
      method: 'PUT',
      path: registrations,
      run: ({ params, json }) => {
        events.registered(params.supi ?? '', String(json.deregCallbackUri ?? ''));
        return {
          status: 201,
          location: `${origin}${registrations.replace(':supi', params.supi ?? '')}`,
          json,
        };
      },
    },
    {
      method: 'PATCH',
      path: registrations,
      run: ({ params, json }) => {
        if (json.purgeFlag === true) events.purged(params.supi ?? '');
        return { status: 204 };
      },
    },
    {
      method: 'POST',
      path: '/npcf-am-policy-control/v1/policies',
      run: ({ json }) =>
        created(`${origin}/npcf-am-policy-control/v1/policies`, String(++subscriptions), () => ({
          request: asObject(json),
          suppFeat: '0',
        })),
    },
    { method: 'DELETE', path: '/npcf-am-policy-control/v1/policies/:id', run: () => ({ status: 204 }) },
    {
      method: 'POST',
      path: '/npcf-am-policy-control/v1/policies/:id/update',
      run: () => ({ status: 200, json: { resourceUri: '', suppFeat: '0' } }),
    },
  ];
}

/** 201 with the new resource's URI, which the AMF takes apart for its number. */
function created(collection: string, id: string, body: (id: string) => unknown): SbiResponse {
  return { status: 201, location: `${collection}/${id}`, json: body(id) };
}
