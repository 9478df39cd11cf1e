/** `npm test`: runs every suite this machine can run and names each one it left out, which under CI=true is a failure. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const runs = (program: string) => spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined;

/** What suites need beside Node: whether it is there, and what to do if not. A suite says `// needs: tshark, root`. */
const needs = {
  tshark: { met: () => runs('tshark'), otherwise: 'tshark is not installed (Debian package tshark)' },
  'linux.uml': {
    met: () => runs('linux.uml') && runs('ip'),
    otherwise: 'linux.uml or ip is not installed (Debian packages user-mode-linux, kmod, iproute2)',
  },
  systemd: {
    met: () => existsSync('/lib/systemd/systemd'),
    otherwise: 'systemd is not installed (Debian package systemd)',
  },
  promtool: {
    met: () => runs('promtool'),
    otherwise: 'promtool is not installed (Debian package prometheus)',
  },
  ping: { met: () => runs('ping'), otherwise: 'ping is not installed (Debian package iputils-ping)' },
  charon: {
    met: () => existsSync('/usr/lib/ipsec/charon') && runs('swanctl'),
    otherwise:
      'charon or swanctl is not installed (Debian packages strongswan-charon, strongswan-swanctl and their plugins)',
  },
  postgres: {
    met: () => existsSync('/usr/lib/postgresql'),
    otherwise: 'PostgreSQL is not installed (Debian package postgresql)',
  },
  softhsm: {
    met: () => runs('softhsm2-util'),
    otherwise: 'SoftHSM is not installed (Debian package softhsm2)',
  },
  hostapd: { met: () => runs('hostapd'), otherwise: 'hostapd is not installed (Debian package hostapd)' },
  dnsmasq: {
    met: () => runs('dnsmasq'),
    otherwise: 'dnsmasq is not installed (Debian package dnsmasq-base)',
  },
  nft: { met: () => runs('nft'), otherwise: 'nft is not installed (Debian package nftables)' },
  'qemu-system-x86_64': {
    met: () => runs('qemu-system-x86_64'),
    otherwise: 'qemu-system-x86_64 is not installed (Debian package qemu-system-x86)',
  },
  busybox: {
    met: () => runs('busybox'),
    otherwise: 'busybox is not installed (Debian package busybox-static)',
  },
  'apt-get': {
    met: () => runs('apt-get'),
    otherwise: 'apt-get is not there, which fetches the kernel of the emulated machine',
  },
  cpio: { met: () => runs('cpio'), otherwise: 'cpio is not installed (Debian package cpio)' },
  wpa_supplicant: {
    met: () => runs('wpa_supplicant'),
    otherwise: 'wpa_supplicant is not installed (Debian package wpasupplicant)',
  },
  iw: { met: () => runs('iw'), otherwise: 'iw is not installed (Debian package iw)' },
  chromium: {
    met: () => existsSync('/usr/bin/chromium'),
    otherwise: 'Chromium is not installed (Debian package chromium)',
  },
  root: { met: () => process.getuid?.() === 0, otherwise: 'it must run as root' },
} as const;

function suitesNeeding(need: string): string[] {
  return readdirSync(`${root}test`, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.test.ts'))
    .map((path) => `test/${path}`)
    .filter((path) => needsOf(path).includes(need));
}

function needsOf(path: string): string[] {
  const line = /^\/\/ needs: (.*)$/m.exec(readFileSync(`${root}${path}`, 'utf8'));
  return line?.[1]?.split(', ') ?? [];
}

const leftOut = new Map<string, string>();
for (const [need, { met, otherwise }] of Object.entries(needs)) {
  const suites = suitesNeeding(need);
  if (suites.length > 0 && !met()) for (const suite of suites) leftOut.set(suite, otherwise);
}

const exclusions = [...leftOut.keys()].flatMap((suite) => ['--exclude', suite]);
const vitest = spawnSync(
  'vitest',
  ['run', '--config', 'test/vitest.config.ts', ...exclusions, ...process.argv.slice(2)],
  {
    cwd: root,
    stdio: 'inherit',
  },
);
for (const [suite, why] of leftOut) console.log(`left out: ${suite}: ${why}`);
process.exitCode = vitest.status ?? 1;
if (leftOut.size > 0 && process.env.CI === 'true') {
  console.error('CI runs every suite: install what is missing');
  process.exitCode = 1;
}
