/**
 * One user plane with one UE and one session, without N2 and IKE, for measuring: Child SAs in process or in the kernel.
 *   plane-node.ts userspace|kernel; prints `ready`, ends with its input
 */
import type { ChildSa } from '#ikev2';
import { KernelSide } from '../../n3iwf/io/kernel-side.ts';
import { nativeCipherFactory } from '../../n3iwf/io/native-cipher.ts';
import { UdpSocket } from '../../n3iwf/io/udp.ts';
import { silentLog } from '../../n3iwf/log.ts';
import { UserspacePlane } from '../../n3iwf/userplane/plane.ts';
import { inner, nat, path, random, session } from './plane-measured.ts';

const kind = process.argv[2];
const fault = (error: Error) => console.log(error.message);
const side =
  kind === 'kernel'
    ? KernelSide.prepare(
        {
          ...{ local: path.node, own: [inner.node], pools: ['10.45.0.0/24'], nasPort: 20_000 },
          ...{
            interfaceName: 'n3iwf0',
            interfaceKind: 'auto',
            markBase: 0x4e000000,
            window: 1024,
            limits: {},
          },
          suites: [{ encr: 'aes256-gcm16', integ: 'none' }],
        },
        {
          packet: (childSaId, packet) => plane.receiveInner(0, childSaId, packet),
          happened: () => {},
          limitReached: () => {},
          stateMissing: () => {},
          dropped: () => {},
        },
        silentLog,
      )
    : undefined;
const createCipher = nativeCipherFactory();
const plane = new UserspacePlane(
  {
    nasAddress: inner.node,
    nasPort: 20_000,
    upAddress: inner.node,
    n3Address: path.node,
    nwuMtu: 1500,
    n3Mtu: 1500,
  },
  {
    random,
    sendEsp: (packet, _local, remote, _udp, tos) => esp.send(packet, remote, tos),
    sendGtpu: (datagram, remote, tos) => gtpu.send(datagram, remote, tos & 0xfc),
    nasOpened: () => {},
    nasReceived: () => {},
    nasClosed: () => {},
    dropped: (cause) => console.log(`dropped: ${cause}`),
    ...(createCipher === undefined ? {} : { createCipher }),
    ...(side === undefined ? {} : { nwu: side.nwu }),
  },
);
const esp = await UdpSocket.open(
  nat,
  (data, remote, local, tos) => plane.receiveEsp(0, data, local, remote, tos),
  fault,
);
const gtpu = await UdpSocket.open(
  { address: path.node, port: 2152 },
  (data, remote, _local, tos) => plane.receiveGtpu(0, data, remote, tos),
  fault,
);
await side?.start(nat);
plane.addUe(1, inner.ue);
plane.addPduSession(1, session.pdu);
plane.installChildSa(1, session.child satisfies ChildSa, {
  ...{ kind: 'pduSession', pduSessionId: 1, qfis: [session.qfi], isDefault: true },
});
console.log('ready');
process.stdin.resume();
process.stdin.on('end', () => {
  side?.close();
  process.exit();
});
