import { endianness } from 'node:os';
import { UDP_ENCAP_ESPINUDP } from '../kernel/xfrm.ts';
import { libc } from './libc.ts';
import type { UdpAddress } from './udp.ts';
import { descriptorOf } from './udp-tos.ts';

const IPPROTO_UDP = 17;
const UDP_ENCAP = 100;
const little = endianness() === 'LE';

/**
 * From now on the kernel takes ESP out of what comes to a socket of this process; IKE still comes up [RFC3948 2.2].
 *
 * @param at where the socket is bound
 * @returns why it cannot be, or undefined
 */
export function leaveEspToKernel(at: UdpAddress): string | undefined {
  const fd = descriptorOf(at);
  if (fd === undefined) return 'its socket is not found in /proc';
  const value = new DataView(new ArrayBuffer(4));
  value.setInt32(0, UDP_ENCAP_ESPINUDP, little);
  const result = libc().setsockopt(fd, IPPROTO_UDP, UDP_ENCAP, new Uint8Array(value.buffer), 4);
  return result < 0 ? libc().describe(libc().errno()) : undefined;
}
