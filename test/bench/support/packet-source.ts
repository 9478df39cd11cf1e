import { encodeGpdu } from '../../../n3iwf/n3/gtpu.ts';
import { encodeGre } from '../../../n3iwf/nwu/gre.ts';
import { EspSender } from '../../../n3iwf/userplane/esp.ts';
import { encodeIp, IP_PROTOCOL } from '../../../n3iwf/userplane/ip.ts';
import { cipherFactory, keys, qfi, random, spiIn, suite, teids } from './plane-under-test.ts';

const ueAddress = Uint8Array.of(10, 60, 0, 1);
const server = Uint8Array.of(192, 0, 2, 80);

/** A user packet of `octets` in all, its IP header included. */
function userPacket(octets: number): Uint8Array {
  return encodeIp(ueAddress, server, IP_PROTOCOL.UDP, new Uint8Array(octets - 20).fill(0x45));
}

/** Makes the ESP packets of a UE; each can be received once only. */
export function uplinkSource(octets: number): () => Uint8Array {
  const sender = new EspSender(spiIn, suite, keys, random, 0, cipherFactory);
  const gre = encodeGre(qfi, userPacket(octets));
  const inner = encodeIp(Uint8Array.of(10, 99, 1, 1), Uint8Array.of(10, 99, 0, 2), IP_PROTOCOL.GRE, gre);
  return () => sender.seal(IP_PROTOCOL.IPV4, inner) as Uint8Array;
}

/** A downlink packet of the UPF, which can be received again and again. */
export function downlinkDatagram(octets: number): Uint8Array {
  return encodeGpdu(teids.down, { direction: 'downlink', qfi, rqi: false }, userPacket(octets));
}
