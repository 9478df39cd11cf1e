/**
 * The kernel plane with UEs whose inner address is of IPv6, and with ESP outside of UDP, where there is no NAT: sessions,
 * transfer, rekey, a move to another address by MOBIKE, release. Prints one line per step.
 */
import { demand, ended, KernelLab, spis } from './kernel-lab.ts';
import { ip, type Running, until } from './processes.ts';

const lab = new KernelLab({
  ike: { forceUdpEncapsulation: false },
  inner: { pool6: '2001:db8:45::/64', address6: '2001:db8:45::1' },
});

/** States of ESP here, and those of them that go inside UDP. */
function states(): { readonly all: string; readonly inUdp: number } {
  const all = ip('xfrm', 'state');
  return { all, inUdp: all.split('type espinudp').length - 1 };
}

/** A stream during which the UE moves: what is lost is what was under way, and the SAs stay. */
async function move(ue: Running, address: string): Promise<void> {
  const before = spis();
  ip('-n', 'ue', 'addr', 'add', `${address}/24`, 'dev', 'uplink');
  const stream = await lab.stream(60, [1], '84', 5000);
  ue.child.stdin?.write(`move ${address}\n`);
  await until('moved', () => ue.output().includes(`"moved","address":"${address}"`), 20, ue);
  const output = await ended('the stream', stream, 60);
  demand(
    'the stream goes on after the move',
    /back \d+ of 60/.test(output) && !output.includes(':60'),
    output,
  );
  demand('the same SAs', spis().sort().join() === before.sort().join(), [before, spis()]);
  const { all } = states();
  demand('all states at the new address', all.includes(address) && !all.includes('192.0.2.2 '), all);
}

await lab.play(async () => {
  await lab.startCore();
  const node = await lab.startNode();
  console.log('NG Setup, inner addresses of both families, ESP outside of UDP allowed: ok');
  const ue = await lab.attach('aes256gcm16', { innerIpv6: true, mobile: true });
  const inner = ip('-n', 'ue', 'addr', 'show', 'dev', 'lo');
  demand('an inner address of IPv6', inner.includes('2001:db8:45::'), inner);
  demand('ESP outside of UDP', states().inUdp === 0, states().all);
  await lab.echoes([1, 2], '84,1300');
  console.log('IPv6 inside: datagrams of 84 and 1300 octets through two sessions and back: ok');
  await lab.transfer();
  console.log('IPv6 inside: a TCP transfer with the same hash at its end: ok');
  await lab.rekey(ue);
  console.log('IPv6 inside: every SA rekeyed during a stream, nothing lost: ok');
  await move(ue, '192.0.2.3');
  await lab.echoes([1, 2], '84,1300');
  console.log('ESP outside of UDP goes to the new address of a UE that moved by MOBIKE: ok');
  await lab.rekey(ue);
  console.log('its SAs are rekeyed there, nothing lost: ok');
  await lab.release(ue);
  console.log('session released by NAS over IPv6, UE detached, their states gone: ok');
  node.child.kill('SIGTERM');
  await ended('orderly end', node, 60);
  const left = ip('xfrm', 'state') + ip('xfrm', 'policy') + ip('-6', 'route', 'show', 'dev', 'lo');
  demand('nothing left', !left.includes('2001:db8:45'), left);
  console.log('after the end nothing of it is left: ok');
});
