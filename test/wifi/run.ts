/**
 * `npm run test:wifi`: attaches over simulated Wi-Fi and keeps a ping running across a roam, in a machine that qemu
 * emulates. Prints one line per step; exit status 0 only if all of them held. A program that is missing is named with its
 * Debian package.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeArchive } from './archive.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** The whole run; ten times what it takes of a processor, for machines with other work. */
const limitSeconds = 1_200;

/** Programs that the run starts, and their Debian packages; those that boot the machine are checked by qemu-run.sh. */
const programs = {
  hostapd: 'hostapd',
  wpa_supplicant: 'wpasupplicant',
  wpa_cli: 'wpasupplicant',
  dnsmasq: 'dnsmasq-base',
  iw: 'iw',
  ip: 'iproute2',
  nft: 'nftables',
  tar: 'tar',
} as const;

/** Node's own path in the machine, where the project's folder is in the place that qemu-run.sh says. */
function nodeInMachine(): string {
  const inside = relative(root, process.execPath);
  return inside.startsWith('..') ? process.execPath : join('/run-host', inside);
}

function missingPrograms(): string[] {
  const path = `${process.env.PATH}:/usr/sbin:/sbin`;
  const isThere = (program: string) =>
    spawnSync('sh', ['-c', `command -v ${program}`], { env: { PATH: path }, stdio: 'ignore' }).status === 0;
  return Object.entries(programs)
    .filter(([program]) => !isThere(program))
    .map(([program, debian]) => `${program} is not installed (Debian package ${debian})`);
}

function main(): number {
  const missing = missingPrograms();
  for (const line of missing) console.error(`test:wifi: ${line}`);
  if (missing.length > 0) return 1;
  const folder = mkdtempSync(join(tmpdir(), 'test-wifi-'));
  try {
    const archive = join(folder, 'project.tar');
    const compiled = writeArchive(root, folder, archive);
    const command = ['env', `NODE_COMPILE_CACHE=${compiled}`, nodeInMachine(), 'test/wifi/scenario.ts'];
    const argv = ['test/wifi/qemu-run.sh', '-a', archive, `${limitSeconds}`, ...command];
    return spawnSync('bash', argv, { cwd: root, stdio: 'inherit' }).status ?? 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

process.exitCode = main();
