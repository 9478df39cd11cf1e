/**
 * Sends numbered datagrams to the echo port of hosts and says which came back. It waits for the last of them as long as it
 * takes on a slow machine, where `ping` gives up after twice the time that the others took.
 *   udp-stream.ts COUNT INTERVAL_MS WAIT_MS OCTETS HOST...; OCTETS of the whole IP packets, several with commas
 *   prints `sending` when it begins, and `back N of M` and, where it is so, `lost HOST/OCTETS:NUMBER ...`
 */
import { createSocket } from 'node:dgram';

const [count = '', interval = '', wait = '', sizes = '', ...hosts] = process.argv.slice(2);
const headers = 28;
const socket = createSocket('udp4');
const waiting = new Set<string>();
const streams = hosts.flatMap((host) => sizes.split(',').map((octets) => `${host}/${octets}`));
const all = Number(count) * streams.length;
let sent = 0;

function report(): void {
  console.log(`back ${all - waiting.size} of ${all}`);
  if (waiting.size > 0) console.log(`lost ${[...waiting].join(' ')}`);
  process.exit();
}

/** One datagram of every stream; its text names it. */
function send(): void {
  sent++;
  for (const stream of streams) {
    const [host = '', octets = ''] = stream.split('/');
    const data = Buffer.alloc(Number(octets) - headers);
    data.write(`${stream}:${sent} `);
    waiting.add(`${stream}:${sent}`);
    socket.send(data, 7, host, () => {}); // what cannot be sent is not echoed
  }
  if (sent < Number(count)) setTimeout(send, Number(interval));
  else setTimeout(report, Number(wait));
}

socket.on('message', (data) => {
  waiting.delete(data.toString('latin1').split(' ')[0] ?? '');
  if (sent === Number(count) && waiting.size === 0) report();
});
socket.on('error', () => {});
console.log('sending');
send();
