/** `n3iwf ue` and two nodes on loopback sockets: the first one ends and sends the UE to the second. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, expect, it, vi } from 'vitest';
import { stringify } from 'yaml';
import { ID_TYPE, parseEspProposal, parseIkeProposal } from '#ikev2';
import type { SimulatedCore } from '#peers';
import { runUe } from '../../../n3iwf/cli/ue.ts';
import { drain } from '../../../n3iwf/drain.ts';
import type { MemoryAssociation } from '../../../n3iwf/io/sctp-memory.ts';
import { silentLog } from '../../../n3iwf/log.ts';
import { GatewayShell } from '../../../n3iwf/shell.ts';
import { openLoopbackCore } from '../../support/loopback-core.ts';

const plmn = { mcc: '208', mnc: '93' };
const slice = { sst: 1, sd: '010203' };
const name = 'n3iwf.example.org';
const key = new TextEncoder().encode('a key for this test');
const subscriber = {
  imsi: '208930000000001',
  k: '465b5ce8b199b49faa5f0a2ee238a6bc',
  opc: 'cd63cb71954a9f4e48a5994e37a02baf',
};
const hex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));
const host = (last: number) => `127.${2 + (process.pid % 240)}.57.${last}`;
const [ikePort, natTraversalPort, gtpuPort] = [10_511, 14_511, 2152];

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const must = <T>(parsed: { ok: true; value: T } | { ok: false; error: string }): T => {
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
};

/** A core with its UPF at `upf`, heard at the other end of an association. */
async function openCore(upf: string): Promise<{ core: SimulatedCore; far: MemoryAssociation }> {
  const { core, far, close } = await openLoopbackCore(
    {
      plmn,
      amfName: 'amf',
      amfRegionId: 0xca,
      amfSetId: 1016,
      amfPointer: 0,
      slices: [slice],
      subscribers: [{ imsi: subscriber.imsi, k: hex(subscriber.k), opc: hex(subscriber.opc), sqn: 32 }],
      ciphering: 0,
      sessionPrefix: [10, 60, 0],
      dnn: 'internet',
    },
    upf,
  );
  closers.push(close);
  return { core, far };
}

/** A node with a core of its own. */
async function openNode(address: string, upf: string, redirectTo: readonly string[]) {
  const { core, far } = await openCore(upf);
  const shell = await GatewayShell.open(
    {
      gateway: {
        ike: {
          ikePort,
          natTraversalPort,
          proposals: [must(parseIkeProposal('aes256gcm16-prfsha256-x25519'))],
          childProposals: [must(parseEspProposal('aes256gcm16'))],
          localId: { type: ID_TYPE.FQDN, data: new TextEncoder().encode(name) },
          responderAuth: 'psk',
          initiatorAuth: 'eap',
          ppk: 'off',
          forceUdpEncapsulation: true,
          exposeKeys: false,
        },
        identity: {
          innerAddress: '10.45.0.1',
          nasPort: 20_000,
          n3Address: address,
          ueSaeId: '',
          preSharedKey: () => Uint8Array.from(key),
        },
        innerPool: '10.45.0.0/16',
        keying: { policy: 'classical' },
        redirectTo,
      },
      address,
      ikePort,
      natTraversalPort,
      n3Address: address,
      n3Port: gtpuPort,
      n2: { name: 'node', n3iwfId: 135, plmn, tac: '000001', slices: [slice] },
    },
    undefined,
    silentLog,
  );
  closers.push(() => shell.close());
  await shell.connectN2(() => Promise.resolve(far));
  return { shell, core };
}

function ueFile(folder: string): string {
  writeFileSync(join(folder, 'psk'), key);
  const file = {
    address: host(3),
    ikePort,
    natTraversalPort,
    n3iwf: { address: host(1), identity: name },
    subscriber,
    plmn,
    slice,
    auth: 'psk',
    ppk: 'none',
    preSharedKeyFile: join(folder, 'psk'),
    proposals: ['aes256gcm16-prfsha256-x25519'],
    keepPinging: { everyMs: 50 },
    patienceMs: 60_000,
  };
  writeFileSync(join(folder, 'ue.yaml'), stringify(file));
  return join(folder, 'ue.yaml');
}

it('[RFC5685 5] a UE that stays goes on at the node to which the one that ends sends it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'redirect-'));
  closers.push(() => rmSync(folder, { recursive: true }));
  const [first, second] = [
    await openNode(host(1), host(11), [host(2)]),
    await openNode(host(2), host(12), []),
  ];
  const lines: string[] = [];
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => lines.push(String(text)) > 0);
  closers.push(() => write.mockRestore());
  const answered = () => lines.filter((line) => /^ping \d+: [\d.]+ ms/.test(line)).length;
  const until = async (done: () => boolean) => {
    for (let tries = 0; !done(); tries++) {
      if (tries > 1200) throw new Error(`it does not come: ${lines.join('')}`);
      await pause(50);
    }
  };
  let end: () => void = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const run = runUe(ueFile(folder), () => ended);
  await until(() => answered() > 0);
  const result = await drain(
    first.shell.gateway,
    { totalMs: 80_000, atOnce: 64 },
    { act: (command) => first.shell.act(command), wait: (ms) => pause(ms), cut: () => false },
  );
  expect(result).toMatchObject({ ues: 1, redirected: 1, moved: 1, forced: 0, unanswered: 0 });
  const before = answered();
  await until(() => answered() > before && second.shell.gateway.ues.size === 1);
  end();
  expect(await run).toBe(0);
  expect(lines).toContain(`sent to ${host(2)}\n`);
  expect(lines.filter((line) => line.includes('is registered'))).toHaveLength(2);
  expect([first.core.amf.knownUes, first.shell.gateway.ues.size]).toEqual([0, 0]);
  expect(first.shell.gateway.others.counts).toEqual({ initial: 0, established: 1 });
}, 240_000);
