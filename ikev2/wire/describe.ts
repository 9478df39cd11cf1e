/** One-line summaries of messages for logs and traces. They show types and names, never secrets. */

import { nameOf } from './registry.ts';
import type { MessageHeader, Payload } from './types.ts';

/** E.g. `IKE_SA_INIT request 0 [ SA KE No N(USE_PPK) ]`. */
export function describeMessage(header: MessageHeader, payloads: readonly Payload[]): string {
  const direction = header.response ? 'response' : 'request';
  return `${nameOf('exchange', header.exchange)} ${direction} ${header.messageId} ${describePayloads(payloads)}`;
}

/** E.g. `[ SA KE No N(USE_PPK) ]`. */
export function describePayloads(payloads: readonly Payload[]): string {
  return ['[', ...payloads.map(describePayload), ']'].join(' ');
}

/** Name, and for a notify its type. */
function describePayload(payload: Payload): string {
  switch (payload.type) {
    case 'Nonce':
      return 'No';
    case 'Notify':
      return `N(${nameOf('notify', payload.notifyType)})`;
    case 'Delete':
      return payload.protocol === 1 ? 'D' : `D(${payload.spis.map(toHex).join(' ')})`;
    case 'VendorId':
      return 'V';
    case 'CP':
      return `CP(${payload.attributes.map(({ type }) => nameOf('cpAttribute', type)).join(' ')})`;
    case 'EAP':
      return `EAP(${payload.packet[0] ?? '-'})`;
    case 'Unknown':
      return `${payload.payloadType}${payload.critical ? '!' : ''}`;
    default:
      return payload.type;
  }
}

function toHex(octets: Uint8Array): string {
  return Buffer.from(octets).toString('hex');
}
