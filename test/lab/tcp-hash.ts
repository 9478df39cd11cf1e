/**
 * Sends random octets to an echo port by the kernel's own TCP and compares what comes back by its hash.
 *   tcp-hash.ts ADDRESS PORT OCTETS; prints `same OCTETS` or what went wrong
 */
import { createHash, randomBytes } from 'node:crypto';
import { connect } from 'node:net';

const [host = '', port = '7', count = '1000000'] = process.argv.slice(2);
const sent = randomBytes(Number(count));
const hash = (octets: Buffer) => createHash('sha256').update(octets).digest('hex');
const got: Buffer[] = [];
let octets = 0;
const socket = connect({ host, port: Number(port) }, () => socket.write(sent));
socket.on('data', (data) => {
  got.push(data);
  octets += data.length;
  if (octets < sent.length) return;
  const same = hash(Buffer.concat(got)) === hash(sent);
  console.log(same ? `same ${octets}` : 'another hash came back');
  process.exit(same ? 0 : 1);
});
socket.on('error', (error) => {
  console.log(error.message);
  process.exit(1);
});
