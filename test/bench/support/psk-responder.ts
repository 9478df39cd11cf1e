/** Our engine as a responder in a process of its own: `node psk-responder.ts ADDRESS`. Says `ready` when it listens. */
import { ike, OurPeer } from '../../interop/our-peer.ts';

const address = process.argv[2] ?? '127.0.0.1';
const unlimited = { cookiesAbove: 1e6, cookiesAbovePerSource: 1e6, most: 1e6, mostPerSource: 1e6 };
const peer = new OurPeer({
  responderAuth: 'psk',
  initiatorAuth: 'psk',
  timers: { liveness: 0, keepalive: 0 },
  halfOpen: unlimited,
  proposals: ike(['aes256gcm16-prfsha256-x25519-ke1_mlkem768-ke1_none']),
});
await peer.open(address);
process.stdout.write('ready\n');
process.stdin.resume().on('end', () => process.exit(0));
