/**
 * UE and UPF in one, which measure the node between them: packets go in at one side, and one more for each that comes out
 * at the other, with so many on their way at a time. Prints one line of JSON.
 *   plane-peer.ts up|down|direct OCTETS MS; `direct` goes past the node, from one socket here to the other
 */
import { performance } from 'node:perf_hooks';
import { nativeCipherFactory } from '../../n3iwf/io/native-cipher.ts';
import { UdpSocket } from '../../n3iwf/io/udp.ts';
import { encodeGpdu } from '../../n3iwf/n3/gtpu.ts';
import { encodeGre } from '../../n3iwf/nwu/gre.ts';
import { requireAddress } from '../../n3iwf/userplane/address.ts';
import { EspSender } from '../../n3iwf/userplane/esp.ts';
import { encodeIp, IP_PROTOCOL } from '../../n3iwf/userplane/ip.ts';
import { inner, nat, path, random, session, upf } from './plane-measured.ts';

const [direction = 'up', octets = '1400', ms = '1000'] = process.argv.slice(2);
const inFlight = 48;
/** What is not back by then is lost, and makes room for others. */
const lostAfterMs = 300;
const { suite, keysIn, spiIn } = session.child;
const [ueInner, nodeInner] = [inner.ue, inner.node].map(requireAddress) as [Uint8Array, Uint8Array];
const user = encodeIp(
  Uint8Array.of(10, 60, 0, 1),
  Uint8Array.of(192, 0, 2, 80),
  IP_PROTOCOL.UDP,
  new Uint8Array(Number(octets) - 20),
);
const sender = new EspSender(spiIn, suite, keysIn, random, 0, nativeCipherFactory());
const packet = encodeIp(ueInner, nodeInner, IP_PROTOCOL.GRE, encodeGre(session.qfi, user));
const downlink = encodeGpdu(2, { direction: 'downlink', qfi: session.qfi, rqi: false }, user);
const own = { address: path.peer, port: 4500 };
let got = 0;
let lastAt = performance.now();

/** One packet into the node, or past it; a direct one is sealed too, so that only the node's own work differs. */
function send(): void {
  if (direction === 'down') core.send(downlink, { address: path.node, port: 2152 });
  else ue.send(sender.seal(IP_PROTOCOL.IPV4, packet) as Uint8Array, direction === 'up' ? nat : upf);
}

function received(): void {
  got++;
  lastAt = performance.now();
  send();
}

const ue = await UdpSocket.open(own, received);
const core = await UdpSocket.open(upf, received);
for (let i = 0; i < inFlight; i++) send();
const watch = setInterval(() => {
  if (performance.now() - lastAt < lostAfterMs) return;
  lastAt = performance.now();
  for (let i = 0; i < inFlight; i++) send();
}, 50);
await new Promise((resolve) => setTimeout(resolve, Number(ms) / 4));
const [before, since] = [got, performance.now()];
await new Promise((resolve) => setTimeout(resolve, Number(ms)));
const perSecond = Math.round(((got - before) * 1000) / (performance.now() - since));
clearInterval(watch);
console.log(JSON.stringify({ direction, octets: Number(octets), perSecond }));
process.exit();
