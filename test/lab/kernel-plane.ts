/**
 * The kernel plane, inside a kernel that has IPsec: `n3iwf run` with its Child SAs in XFRM, the simulated core behind
 * kernel SCTP in a namespace, and UEs in another one whose ESP is the kernel's too. Prints one line per step; exit status
 * 0 only if all of them held.
 */
import { demand, ended, KernelLab, spis } from './kernel-lab.ts';
import { ip, type Running } from './processes.ts';

/** A kernel with XFRM interfaces may be tried by hand: `dummy` or `xfrm` as the argument leaves the node no choice. */
const lab = new KernelLab({ userPlane: { interfaceKind: process.argv[2] ?? 'auto' } });

/** All that the kernel's IPsec holds here, without what changes by itself. */
function ipsec(): string {
  return ip('xfrm', 'state').replace(/anti-replay.*\n/g, '') + ip('xfrm', 'policy');
}

/** Something that is nobody's business here and must still be there in the end. */
function putForeign(): void {
  const ends = ['src', '198.18.0.1', 'dst', '198.18.0.2'];
  const key = `0x${'11'.repeat(20)}`;
  const state = [...ends, ...'proto esp spi 0x77 reqid 5 mode tunnel aead'.split(' ')];
  ip('xfrm', 'state', 'add', ...state, 'rfc4106(gcm(aes))', key, '128');
  ip('xfrm', 'policy', 'add', ...ends, ...'dir out tmpl proto esp reqid 5 mode tunnel'.split(' '));
}

/** A node that was killed leaves all that it had; the next one takes that away and serves. */
async function crash(node: Running): Promise<Running> {
  const ue = await lab.attach('aes256gcm16');
  node.child.kill('SIGKILL');
  await ended('the node is gone', node, 30);
  demand('states of the dead node', spis().length === 6, spis());
  ue.child.kill('SIGKILL');
  for (const what of ['state', 'policy']) ip('-n', 'ue', 'xfrm', what, 'flush');
  const next = await lab.startNode();
  demand('it says so', next.output().includes('"states":6'), next.output());
  demand('no states', spis().length === 0, spis());
  console.log('what a killed node left is taken away by the next one: ok');
  return next;
}

await lab.play(async () => {
  await lab.startCore();
  putForeign();
  const before = ipsec();
  let node = await lab.startNode();
  console.log('NG Setup over kernel SCTP, user plane in the kernel: ok');
  for (const esp of ['aes256gcm16', 'aes256-sha256']) {
    const ue = await lab.attach(esp);
    await lab.echoes([1, 2], '84,1300');
    console.log(`${esp}: datagrams of 84 and 1300 octets through two sessions and back: ok`);
    await lab.transfer();
    console.log(`${esp}: a TCP transfer with the same hash at its end: ok`);
    await lab.rekey(ue);
    console.log(`${esp}: every SA rekeyed during a stream, nothing lost: ok`);
    await lab.release(ue);
    console.log(`${esp}: session released, UE detached, their states gone: ok`);
  }
  node = await crash(node);
  node.child.kill('SIGTERM');
  await ended('orderly end', node, 60);
  demand('IPsec as before', ipsec() === before, ipsec());
  demand('no interface left', !ip('link').includes('n3iwf0'), ip('link'));
  console.log('after the end the kernel has what it had before, and nothing else: ok');
});
