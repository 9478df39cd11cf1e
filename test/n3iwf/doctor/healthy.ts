import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { decodeNgap, encodeNgap, type NgapPdu } from '#ngap';
import type { ProbeReport, Status } from '#qkd';
import { type Config, readConfig } from '../../../n3iwf/config.ts';
import type { Machine, Plan } from '../../../n3iwf/doctor/machine.ts';
import { MemoryAssociation } from '../../../n3iwf/io/sctp-memory.ts';
import type { IssuedCertificate } from '../../../n3iwf/io/test-authority.ts';

const document = parse(
  readFileSync(new URL('../../../deploy/n3iwf.example.yaml', import.meta.url), 'utf8'),
) as Record<string, object>;

/** The example configuration, with keys of its sections replaced. */
export function configWith(changes: Readonly<Record<string, object>> = {}): Config {
  const changed = Object.entries(changes).map(([section, keys]) => [
    section,
    { ...document[section], ...keys },
  ]);
  return readConfig({ ...document, ...Object.fromEntries(changed) }, 'test');
}

/** An NG Setup Response of an AMF that serves the example's PLMN and slice. */
export const setupResponse: NgapPdu = {
  message: 'NGSetupResponse',
  ies: {
    amfName: 'amf-one',
    servedGuamiList: [
      {
        guami: {
          plmnIdentity: Uint8Array.of(0x02, 0xf8, 0x39),
          amfRegionId: { bits: Uint8Array.of(1), length: 8 },
          amfSetId: { bits: Uint8Array.of(0, 0x40), length: 10 },
          amfPointer: { bits: Uint8Array.of(0), length: 6 },
        },
      },
    ],
    relativeAmfCapacity: 255,
    plmnSupportList: [
      {
        plmnIdentity: Uint8Array.of(0x02, 0xf8, 0x39),
        sliceSupportList: [{ sNssai: { sst: Uint8Array.of(1), sd: Uint8Array.of(1, 2, 3) } }],
      },
    ],
  },
};

/** An association with an AMF that answers NG Setup so, or keeps silent; `seen` gets what came and how it ended. */
export function amfThat(answer: NgapPdu | undefined, seen: string[] = []): Promise<MemoryAssociation> {
  const [near, far] = MemoryAssociation.pair();
  far.onMessage((data, stream) => {
    const decoded = decodeNgap(data);
    seen.push(decoded.ok ? decoded.value.message : 'garbage');
    if (answer !== undefined) far.send(stream, encodeNgap(answer));
  });
  far.onClosed((reason) => void seen.push(reason));
  return Promise.resolve(near);
}

/** What a KME with a growing pool says. */
export function statusOf(storedKeyCount: number, maxKeyCount = 100_000): Status {
  return {
    sourceKmeId: 'kme-n3iwf',
    targetKmeId: 'kme-ue',
    masterSaeId: 'sae-ue',
    slaveSaeId: 'sae-n3iwf',
    keySizeBits: 256,
    storedKeyCount,
    maxKeyCount,
    maxKeyPerRequest: 128,
    maxKeySizeBits: 1024,
    minKeySizeBits: 64,
    maxSaeIdCount: 0,
  };
}

/** A report of a KME that does all right. */
export const goodProbe: ProbeReport = {
  findings: [{ check: 'status', clause: '5.2', verdict: 'pass', detail: 'as it should be' }],
  keysSpent: 3,
  medianMs: 4,
};

/** The days of the tests: a certificate that is issued now is valid. */
export const nowMs = Date.now();

/**
 * A machine without a fault for the example configuration: its link makes 100 keys a second and 5000 wait. The clock
 * runs by the pauses alone.
 */
export function healthyMachine(issued: IssuedCertificate): Machine {
  let clock = 0;
  const pem = new TextEncoder().encode(issued.pem.certificate);
  const key = new TextEncoder().encode(issued.pem.privateKey);
  return {
    wallMs: () => nowMs,
    monotonicMs: () => clock,
    pause: async (ms, stop) => {
      // The patience with an AMF lasts until the AMF has answered, however busy the machine of the test is.
      if (stop === undefined) clock += ms;
      else await new Promise<void>((resolve) => stop.addEventListener('abort', () => resolve()));
    },
    tryBind: async () => ({ kind: 'free' }),
    sctp: () => ({ ok: true, value: undefined }),
    capabilities: () => (1n << 10n) | (1n << 12n) | (1n << 13n),
    unprivilegedPort: () => 1024,
    interfaceOf: () => ({ name: 'eth0', mtu: 1500 }),
    networks: () => [{ name: 'eth0', address: '192.0.2.10', prefixLength: 24 }],
    readFile: (path) => ({ ok: true, value: path.endsWith('key') || path.endsWith('key.pem') ? key : pem }),
    folder: () => 'writable',
    clockKept: () => true,
    connectAmf: () => amfThat(setupResponse),
    kmeStatus: async () => ({ ok: true, value: statusOf(5000 + clock / 10) }),
    lookAtSource: async () => ({ name: 'key files a', reachable: true, storedKeys: 7 }),
    lookAtStore: async () => ({ ok: true, value: '/var/lib/n3iwf/keys.db is sound, its form is 3' }),
    probeKme: async () => goodProbe,
  };
}

/** 1000 UEs with two Child SAs each, rekeyed hourly. */
export const plan: Plan = {
  ues: 1000,
  childSasPerUe: 2,
  childSeconds: 3600,
  ikeSeconds: 86_400,
  keysPerSecond: undefined,
  outageSeconds: 600,
};
