/** A thread that sends packets of a UE, or of a UPF, as fast as its peer takes them, and swallows what comes back. */
import { createSocket } from 'node:dgram';
import { parentPort, workerData } from 'node:worker_threads';
import { downlinkDatagram, uplinkSource } from './packet-source.ts';

const { octets, direction, port } = workerData as { octets: number; direction: 'up' | 'down'; port: number };
/** Datagrams sent before others get the processor; few enough for the receiver's buffer. */
const burst = 64;

const lookup = (
  address: string,
  _options: unknown,
  callback: (error: Error | null, address: string, family: number) => void,
) => callback(null, address, 4);
const socket = createSocket({ type: 'udp4', lookup });
const downlink = downlinkDatagram(octets);
const next = direction === 'up' ? uplinkSource(octets) : () => downlink;
let running = true;

function blast(): void {
  if (!running) return;
  for (let i = 0; i < burst; i++) socket.send(next(), port, '127.0.0.1');
  setImmediate(blast);
}

parentPort?.on('message', () => {
  running = false;
  socket.close();
  parentPort?.close();
});
socket.bind(0, '127.0.0.1', () => {
  parentPort?.postMessage('ready');
  blast();
});
