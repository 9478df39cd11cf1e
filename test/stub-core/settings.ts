import { createHash } from 'node:crypto';
import type { StubCoreConfig, StubSubscriber } from '../peers/stub-core/index.ts';

/** Loopback addresses, one for each part. */
export const address = {
  stub: '127.0.0.10',
  amf: '127.0.0.18',
  upf: '127.0.0.8',
  n3iwf: '127.0.0.15',
  /** GTP-U of another N3IWF than ours. */
  otherGtpu: '127.0.0.25',
} as const;

export const plmn = { mcc: '208', mnc: '93' };
export const slice = { sst: 1, sd: '010203' };
export const n3iwfName = 'n3iwf.free5gc.org';
const sbiPort = 8000;

/** Subscribers by number, with keys that follow from it: what is wrong with those of the last few is in `faults`. */
export const subscriberCount = 40;
export const faults: Readonly<Record<number, NonNullable<StubSubscriber['keyFault']>>> = {
  38: 'k',
  39: 'kSeaf',
};

/** Subscriber `index`; the sequence number begins above that of any earlier run. */
export function subscriberOf(index: number): StubSubscriber {
  const derive = (what: string) =>
    Uint8Array.from(createHash('sha256').update(`${what} ${index}`).digest().subarray(0, 16));
  const keyFault = faults[index];
  return {
    imsi: `20893${String(index + 1).padStart(10, '0')}`,
    k: derive('K'),
    opc: derive('OPc'),
    sqn: 32 * Math.floor(Date.now() / 1000),
    ...(keyFault === undefined ? {} : { keyFault }),
  };
}

/** The stub core around an AMF on loopback. */
export function stubConfig(): StubCoreConfig {
  return {
    origin: `http://${address.stub}:${sbiPort}`,
    plmn,
    slice,
    dnn: 'internet',
    subscribers: Array.from({ length: subscriberCount }, (_, index) => subscriberOf(index)),
    upfAddress: address.upf,
    sessionPrefix: [10, 60, 0],
  };
}

/** Configuration of free5GC's AMF, schema 1.0.9, with the values that its compose file has. */
export function amfConfig(): unknown {
  const timer = { enable: true, expireTime: '6s', maxRetryTimes: 4 };
  return {
    info: { version: '1.0.9', description: 'AMF on a stub core' },
    configuration: {
      amfName: 'AMF',
      ngapIpList: [address.amf],
      ngapPort: 38412,
      sbi: { scheme: 'http', registerIPv4: address.amf, bindingIPv4: address.amf, port: sbiPort },
      serviceNameList: ['namf-comm', 'namf-evts', 'namf-mt', 'namf-loc', 'namf-oam', 'namf-callback'],
      servedGuamiList: [{ plmnId: plmn, amfId: 'cafe00' }],
      supportTaiList: [{ plmnId: plmn, tac: '000001' }],
      plmnSupportList: [{ plmnId: plmn, snssaiList: [slice, { sst: 1, sd: '112233' }] }],
      supportDnnList: ['internet'],
      nrfUri: `http://${address.stub}:${sbiPort}`,
      security: { integrityOrder: ['NIA2'], cipheringOrder: ['NEA0'] },
      networkName: { full: 'free5GC', short: 'free' },
      ngapIE: {
        mobilityRestrictionList: { enable: true },
        maskedIMEISV: { enable: true },
        redirectionVoiceFallback: { enable: false },
      },
      nasIE: {
        networkFeatureSupport5GS: {
          enable: true,
          length: 1,
          imsVoPS: 0,
          emc: 0,
          emf: 0,
          iwkN26: 0,
          mpsi: 0,
          emcN3: 0,
          mcsi: 0,
        },
      },
      t3502Value: 720,
      t3512Value: 3600,
      non3gppDeregTimerValue: 3240,
      t3513: timer,
      t3522: timer,
      t3550: timer,
      t3555: timer,
      t3560: timer,
      t3565: timer,
      t3570: timer,
      locality: 'area1',
      sctp: { numOstreams: 3, maxInstreams: 5, maxAttempts: 2, maxInitTimeout: 2 },
      defaultUECtxReq: false,
    },
    logger: { enable: true, level: 'debug', reportCaller: false },
  };
}

/** Configuration of `n3iwf run` beside it. */
export function nodeConfig(preSharedKeyFile: string): unknown {
  return {
    ike: { address: address.n3iwf, identity: n3iwfName, auth: 'psk', ppk: 'none', preSharedKeyFile },
    inner: { pool: '10.0.0.0/24', address: '10.0.0.1' },
    n2: { n3iwfId: 135, plmn, tac: '000001', slices: [slice], amfs: [{ addresses: [address.amf] }] },
    n3: { address: address.n3iwf },
    log: 'debug',
  };
}

const saes = { n3iwf: 'sae-n3iwf', ue: 'sae-ue' } as const;
const kmes = { n3iwf: 'https://127.0.0.1:8441', ue: 'https://127.0.0.1:8442' } as const;

/** A pair of key managers whose certificates go to `folder`. */
export function kmeConfig(folder: string): unknown {
  return {
    nodes: [
      { kmeId: 'kme-n3iwf', saeIds: [saes.n3iwf], listen: { address: '127.0.0.1', port: 8441 } },
      { kmeId: 'kme-ue', saeIds: [saes.ue], listen: { address: '127.0.0.1', port: 8442 } },
    ],
    links: [{ between: ['kme-n3iwf', 'kme-ue'], initialBits: 256_000 }],
    credentialsFolder: folder,
  };
}

/** What an SAE shows its KME, among the files that the key managers wrote. */
function credentials(folder: string, sae: string) {
  return { ca: `${folder}/authority.pem`, certificate: `${folder}/${sae}.pem`, key: `${folder}/${sae}.key` };
}

/** The node with QKD keys for AUTH and in every Child SA. */
export function quantumNodeConfig(folder: string): unknown {
  const { ike: _, ...rest } = nodeConfig('') as { ike: unknown };
  return {
    ...rest,
    ike: { address: address.n3iwf, identity: n3iwfName, auth: 'qkd', ppk: 'rfc8784' },
    qkd: {
      kme: kmes.n3iwf,
      kmeId: 'kme-n3iwf',
      saeId: saes.n3iwf,
      ueSaeId: saes.ue,
      store: `${folder}/n3iwf.db`,
      ...credentials(folder, saes.n3iwf),
    },
  };
}

/** The key store of a UE in front of that node. */
export function quantumUeConfig(folder: string): object {
  return {
    auth: 'qkd',
    ppk: 'rfc8784',
    qkd: { kme: kmes.ue, kmeId: 'kme-ue', n3iwfSaeId: saes.n3iwf, ...credentials(folder, saes.ue) },
  };
}

/** What differs between N3IWFs of one file of free5GC. */
export interface Free5gcFile {
  readonly n3iwfId: number;
  readonly name: string;
  /** Address of IKE; host part of the tunnel address and the pool of inner addresses follow from `innerPrefix`. */
  readonly ike: string;
  /** The first three octets of inner addresses. */
  readonly innerPrefix: string;
  readonly gtpu: string;
  /** PEM files. */
  readonly certificate: string;
  readonly privateKey: string;
  readonly authority: string;
}

/** Configuration of free5GC's N3IWF, schema 1.0.5, for either N3IWF. */
export function free5gcFile(of: Free5gcFile): object {
  const plmnID = plmn;
  return {
    info: { version: '1.0.5' },
    configuration: {
      n3iwfInformation: {
        globalN3IWFID: { plmnID, n3iwfID: of.n3iwfId },
        name: of.name,
        supportedTAList: [
          { tac: '000001', broadcastPlmnList: [{ plmnID, taiSliceSupportList: [{ snssai: slice }] }] },
        ],
      },
      amfSCTPAddresses: [{ ip: [address.amf], port: 38412 }],
      nasTcpPort: 20000,
      ikeBindAddress: of.ike,
      ipSecTunnelAddress: `${of.innerPrefix}.1`,
      ueIpAddressRange: `${of.innerPrefix}.0/24`,
      xfrmInterfaceName: 'xfrmi',
      xfrmInterfaceID: 7,
      n3iwfGtpBindAddress: of.gtpu,
      fqdn: n3iwfName,
      privateKey: of.privateKey,
      certificateAuthority: of.authority,
      certificate: of.certificate,
      livenessCheck: { enable: true, transFreq: '60s', maxRetryTimes: 4 },
    },
    logger: { enable: true, level: 'info', reportCaller: false },
  };
}

/** A node of ours by such a file, with nothing of ours in it but how it proves itself. */
export function free5gcNodeConfig(preSharedKeyFile: string): unknown {
  const unused = 'not-used.pem';
  return {
    ...free5gcFile({
      n3iwfId: 135,
      name: 'by-file-of-free5gc',
      ike: address.n3iwf,
      innerPrefix: '10.0.0',
      gtpu: address.n3iwf,
      certificate: unused,
      privateKey: unused,
      authority: unused,
    }),
    qn3iwf: { ike: { auth: 'psk', preSharedKeyFile, certificate: null }, log: 'debug' },
  };
}
