/**
 * What the two user planes relay, one after the other and in turns, in a kernel of its own: the node here, UE and UPF as one
 * process in a namespace. Prints a line of JSON for each measurement, and `measured: ok` when all are there.
 *   plane-throughput.ts ROUNDS MS
 */
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { path } from './plane-measured.ts';
import { inNamespace, newNamespace, Processes, until } from './processes.ts';

const [rounds = '3', ms = '3000'] = process.argv.slice(2);
const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const processes = new Processes(tmpdir());

/** Measurements of one plane; those that go past the node need none. */
async function measure(plane: string, directions: readonly string[], octets: string): Promise<void> {
  const node = processes.start('node', [process.execPath, here('plane-node.ts'), plane]);
  await until('the node', () => node.output().includes('ready'), 60, node);
  for (const direction of directions) {
    const words = [here('plane-peer.ts'), direction, octets, ms];
    const peer = processes.start('peer', [...inNamespace('peer'), process.execPath, ...words]);
    await until('a measurement', () => peer.isOver(), 60 + Number(ms) / 1000, peer);
    const [line = ''] = peer.output().split('\n');
    if (!line.startsWith('{')) throw new Error(peer.output());
    console.log(JSON.stringify({ plane, ...JSON.parse(line) }));
  }
  node.child.stdin?.end();
  await until('the end of the node', () => node.isOver(), 60, node);
  if (node.output().includes('dropped')) throw new Error(node.output().slice(0, 500));
}

try {
  newNamespace('peer', `${path.node}/24`, `${path.peer}/24`);
  for (let round = 0; round < Number(rounds); round++)
    for (const octets of ['64', '1400']) {
      await measure('userspace', ['direct', 'up', 'down'], octets);
      await measure('kernel', ['up', 'down'], octets);
    }
  console.log('measured: ok');
} catch (error) {
  console.log(`failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  processes.killAll();
}
process.exit();
