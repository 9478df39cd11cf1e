import type { StubCoreConfig } from './config.ts';
import type { Route } from './http.ts';

/** Services by the function that offers them: the AMF asks for a function and looks for a service of it. */
const services: Readonly<Record<string, readonly { readonly name: string; readonly version: string }[]>> = {
  AUSF: [{ name: 'nausf-auth', version: 'v1' }],
  UDM: [
    { name: 'nudm-sdm', version: 'v2' },
    { name: 'nudm-uecm', version: 'v1' },
  ],
  PCF: [{ name: 'npcf-am-policy-control', version: 'v1' }],
  NSSF: [{ name: 'nnssf-nsselection', version: 'v2' }],
  SMF: [{ name: 'nsmf-pdusession', version: 'v1' }],
};

const instanceId = '5f1f9c0e-3b1e-4c5a-9d3a-0a6a5b7c0001';

/** NRF and NSSF: who is there, which is always this stub [TS29510 5.2.2] [TS29510 5.3.2]. */
export function directoryRoutes(config: StubCoreConfig): readonly Route[] {
  const management = '/nnrf-nfm/v1/nf-instances';
  return [
    {
      method: 'PUT',
      path: `${management}/:id`,
      run: ({ params, json }) => ({
        status: 201,
        location: `${config.origin}${management}/${params.id}`,
        json,
      }),
    },
    { method: 'PATCH', path: `${management}/:id`, run: () => ({ status: 204 }) },
    { method: 'DELETE', path: `${management}/:id`, run: () => ({ status: 204 }) },
    {
      method: 'GET',
      path: '/nnrf-disc/v1/nf-instances',
      run: ({ query }) => ({ status: 200, json: searchResult(config, query.get('target-nf-type') ?? '') }),
    },
    {
      method: 'GET',
      path: '/nnssf-nsselection/v2/network-slice-information',
      run: () => ({
        status: 200,
        json: { nsiInformation: { nrfId: `${config.origin}${management}`, nsiId: '1' } },
      }),
    },
  ];
}

function searchResult({ origin }: StubCoreConfig, nfType: string) {
  const { hostname, port } = new URL(origin);
  const offered = services[nfType] ?? [];
  const nfServices = offered.map(({ name, version }, at) => ({
    serviceInstanceId: String(at + 1),
    serviceName: name,
    versions: [{ apiVersionInUri: version, apiFullVersion: '1.0.0' }],
    scheme: 'http',
    nfServiceStatus: 'REGISTERED',
    ipEndPoints: [{ ipv4Address: hostname, port: Number(port) }],
  }));
  const instance = { nfInstanceId: instanceId, nfType, nfStatus: 'REGISTERED', nfServices };
  return { validityPeriod: 60, nfInstances: offered.length === 0 ? [] : [instance] };
}
