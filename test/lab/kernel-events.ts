/**
 * What a kernel tells of its own accord, and what the kernel side makes of it: a packet from another port than before, a
 * limit that is reached, a state that somebody deleted. The UE is the kernel of a namespace, set up with `ip`.
 */
import { createServer } from 'node:net';
import type { ChildSa } from '#ikev2';
import { NetlinkSocket } from '../../n3iwf/io/netlink.ts';
import { UdpSocket } from '../../n3iwf/io/udp.ts';
import { leaveEspToKernel } from '../../n3iwf/io/udp-encap.ts';
import { KernelNwu } from '../../n3iwf/kernel/nwu.ts';
import { XFRMNLGRP } from '../../n3iwf/kernel/xfrm.ts';
import { requireAddress } from '../../n3iwf/userplane/address.ts';
import { inNamespace, ip, newNamespace, Processes, until } from './processes.ts';

const [own, inner] = ['10.45.0.1', '10.45.0.2'];
const [local, remote] = [
  { address: '192.0.2.1', port: 4500 },
  { address: '192.0.2.2', port: 4500 },
];
/** Where the UE sends from: not the port that IKE knows. */
const realPort = 4501;
const told: string[] = [];
const monitor = NetlinkSocket.open('xfrm', Object.values(XFRMNLGRP));
const processes = new Processes('.');
const keys = { encr: new Uint8Array(36).fill(0x5a), integ: new Uint8Array(0) };
const child: ChildSa = {
  ...{ id: 1, ikeSaId: 1, spiIn: 0x1001, spiOut: 0x2001, suiteName: '' },
  suite: { encr: 'aes256-gcm16', integ: 'none', esn: false },
  keysIn: keys,
  keysOut: keys,
  trafficSelectorsLocal: [],
  trafficSelectorsRemote: [],
  udpEncapsulation: true,
  local,
  remote,
};

function setUpUe(): void {
  const words = (text: string) => ip(...text.split(' '));
  words(`addr add ${own}/32 dev lo`);
  words(`route add ${inner} dev to-ue src ${own}`);
  words(`-n ue addr add ${inner}/32 dev lo`);
  words(`-n ue route add ${own} dev uplink src ${inner}`);
  const key = `0x${'5a'.repeat(36)}`;
  const state = `-n ue xfrm state add src ${remote.address} dst ${local.address} proto esp spi 0x1001 mode tunnel`;
  const ends = ['encap', 'espinudp', String(realPort), String(local.port), '0.0.0.0'];
  ip(...state.split(' '), 'aead', 'rfc4106(gcm(aes))', key, '128', ...ends);
  const template = `tmpl src ${remote.address} dst ${local.address} proto esp mode tunnel`;
  words(`-n ue xfrm policy add src ${inner} dst ${own} dir out ${template}`);
}

function ping(count: number): void {
  processes.start('ping', [...inNamespace('ue'), 'ping', '-n', '-c', String(count), '-i', '0.1', own]);
}

async function run(): Promise<void> {
  newNamespace('ue', `${local.address}/24`, `${remote.address}/24`);
  setUpUe();
  const xfrm = NetlinkSocket.open('xfrm');
  await UdpSocket.open(local, () => {});
  if (leaveEspToKernel(local) !== undefined) throw new Error('no ESP in UDP');
  createServer().listen(20_000, own);
  const nwu = new KernelNwu(
    {
      ...{
        window: 1024,
        limits: { softPackets: 5, hardPackets: 100 },
        ifId: 0,
        nasPort: 20_000,
        markBase: 0x4e000000,
      },
      own: new Map([[4, requireAddress(own)]]),
    },
    { xfrm, nas: { send: () => {}, remove: () => {} }, sendPacket: () => true, drain: () => {} },
    {
      limitReached: (ueId) => told.push(`limit of ${ueId}`),
      stateMissing: (ueId, childSaId) => told.push(`missing ${ueId} ${childSaId}`),
      dropped: (cause) => told.push(cause),
      log: () => {},
    },
  );
  monitor.listen(
    (message) => nwu.event(message),
    () => {},
  );
  nwu.addUe(1, requireAddress(inner));
  const { traffic } = nwu.open(1, requireAddress(inner), child, { kind: 'signalling' });

  ping(3);
  await until(
    'states at the new port',
    () => ip('xfrm', 'state').includes(`sport ${realPort} dport 4500`),
    10,
  );
  await until('both ways', () => ip('xfrm', 'state').includes(`sport 4500 dport ${realPort}`), 10);
  console.log('a packet from behind another mapping moves the states: ok');
  ping(6); // a limit is looked at before a packet is counted
  await until('the soft limit', () => told.includes('limit of 1'), 10);
  if ((traffic?.packetsIn ?? 0) < 5) throw new Error(`only ${traffic?.packetsIn} packets counted`);
  console.log('a limit of packets is told, with those before the move counted: ok');
  ip('xfrm', 'state', 'delete', 'src', local.address, 'dst', remote.address, 'proto', 'esp', 'spi', '0x2001');
  const knock = "require('node:net').connect(20000, process.argv[1])";
  processes.start('tcp', [...inNamespace('ue'), process.execPath, '-e', knock, own]);
  await until('the missing state', () => told.includes('missing 1 1'), 15);
  console.log('a state that somebody deleted is told when it is missed: ok');
}

try {
  await run();
} catch (error) {
  console.log(`failed: ${error instanceof Error ? error.message : String(error)}; told: ${told.join(', ')}`);
  console.log(ip('-s', 'xfrm', 'state'));
  process.exitCode = 1;
} finally {
  monitor.close();
  processes.killAll();
}
process.exit();
