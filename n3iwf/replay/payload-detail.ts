import { nameOf, type Payload, type Proposal, type TrafficSelector } from '#ikev2';
import { decodeEap5g } from '../nwu/eap5g.ts';
import { formatAddress } from '../userplane/address.ts';

const mostHex = 24;

/** Hexadecimal, cut where it would fill the screen; the length then follows. */
function hex(octets: Uint8Array): string {
  const text = Buffer.from(octets.subarray(0, mostHex)).toString('hex');
  return octets.length > mostHex ? `${text}… (${octets.length} octets)` : text;
}

/** Octets that read as printable ASCII are shown so. */
function textOrHex(octets: Uint8Array): string {
  const printable = octets.length > 0 && octets.every((octet) => octet >= 0x20 && octet < 0x7f);
  return printable ? `"${Buffer.from(octets).toString('latin1')}"` : hex(octets);
}

/** Names of transform ids by transform type; types without a row show their numbers. */
const transformRegistries: Readonly<Record<number, Parameters<typeof nameOf>[0]>> = {
  1: 'encr',
  2: 'prf',
  3: 'integ',
  4: 'ke',
  5: 'esn',
  ...Object.fromEntries([6, 7, 8, 9, 10, 11, 12].map((type) => [type, 'ke' as const])),
};
const protocols = ['none', 'IKE', 'AH', 'ESP'];

/** A proposal as strongSwan would write its algorithms; what has no name shows by its number. */
function proposal({ number, protocol, spi, transforms }: Proposal): string {
  const words = transforms.map(({ type, id, keyLength }) => {
    const registry = transformRegistries[type];
    const name = registry === undefined ? `${nameOf('transform', type)} ${id}` : nameOf(registry, id);
    const slot = type >= 6 ? `${nameOf('transform', type)}=` : '';
    return `${slot}${name}${keyLength === undefined ? '' : `-${keyLength}`}`;
  });
  const spiText = spi.length === 0 ? '' : ` SPI ${hex(spi)}`;
  return `${number} ${protocols[protocol] ?? protocol}${spiText}: ${words.join(' ')}`;
}

/** A traffic selector; protocol and ports only where they narrow it. */
function selector({ protocol, startPort, endPort, start, end }: TrafficSelector): string {
  const range = `${formatAddress(start)}-${formatAddress(end)}`;
  const ports = startPort === 0 && endPort === 65_535 ? '' : ` ports ${startPort}-${endPort}`;
  return `${range}${protocol === 0 ? '' : ` protocol ${protocol}`}${ports}`;
}

/** What an EAP packet says, with the NAS message in it. */
function eap(packet: Uint8Array): string {
  const decoded = decodeEap5g(packet);
  if (!decoded.ok) return `${packet.length} octets`;
  const { code, identifier, kind } = decoded.value;
  const nas = decoded.value.kind === 'nas' ? ` NAS ${hex(decoded.value.nasPdu)}` : '';
  return `${code} ${identifier} ${kind === 'other' ? `method ${decoded.value.method}` : `5G-${kind}`}${nas}`;
}

/** What is in a payload, in one or more short lines. Keys never travel in payloads, so everything may be shown. */
export function payloadDetail(payload: Payload): string[] {
  switch (payload.type) {
    case 'SA':
      return payload.proposals.map((each) => `SA ${proposal(each)}`);
    case 'KE':
      return [`KE ${nameOf('ke', payload.method)} ${payload.data.length} octets`];
    case 'IDi':
    case 'IDr':
      return [`${payload.type} ${nameOf('idType', payload.id.type)} ${textOrHex(payload.id.data)}`];
    case 'AUTH':
      return [`AUTH ${nameOf('authMethod', payload.method)} ${payload.data.length} octets`];
    case 'Notify':
      return payload.data.length === 0
        ? []
        : [`N(${nameOf('notify', payload.notifyType)}) ${textOrHex(payload.data)}`];
    case 'TSi':
    case 'TSr':
      return payload.selectors.map((each) => `${payload.type} ${selector(each)}`);
    case 'CP':
      return payload.attributes
        .filter(({ value }) => value.length > 0)
        .map(({ type, value }) => `CP ${nameOf('cpAttribute', type)} ${attribute(value)}`);
    case 'EAP':
      return [`EAP ${eap(payload.packet)}`];
    case 'Delete':
      return payload.spis.map(
        (spi) => `D ${protocols[payload.protocol] ?? payload.protocol} SPI ${hex(spi)}`,
      );
    case 'VendorId':
      return [`V ${textOrHex(payload.data)}`];
    default:
      return [];
  }
}

/** An address where it has the length of one. */
function attribute(value: Uint8Array): string {
  return value.length === 4 || value.length === 16 ? formatAddress(value) : textOrHex(value);
}
