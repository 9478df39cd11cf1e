// needs: hostapd, dnsmasq, nft, root
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { Resolver } from 'node:dns/promises';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ueSchema } from '../../n3iwf/cli/ue.ts';
import { parseDocument } from '../../n3iwf/config.ts';
import { naptrReplacements } from '../../n3iwf/io/host-names.ts';
import {
  operatorFqdn,
  selectN3iwf,
  trackingAreaFqdn,
  visitedCountryFqdn,
} from '../peers/ue/n3iwf-selection.ts';

const folder = fileURLToPath(new URL('../../deploy/wifi/', import.meta.url));
const example = parse(readFileSync(new URL('../../deploy/n3iwf.example.yaml', import.meta.url), 'utf8'));
const read = (name: string) => readFileSync(join(folder, name), 'utf8');
const plmn: { mcc: string; mnc: string } = example.n2.plmn;
const n3iwf: string = example.ike.address;

/** Keys of a file of `key=value` lines. */
function keysOf(text: string): Map<string, string> {
  const pairs = text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(/=(.*)/s).slice(0, 2) as [string, string]);
  return new Map(pairs);
}

/** Runs a program with `text` in a file as its last argument, in a network namespace of its own. */
function inNamespace(text: string, program: string, ...words: string[]) {
  const place = mkdtempSync(join(tmpdir(), 'wifi-'));
  const file = join(place, 'file');
  writeFileSync(file, text);
  try {
    const argv = ['--net', program, ...words, file];
    return spawnSync('unshare', argv, { encoding: 'utf8', timeout: 10_000 });
  } finally {
    rmSync(place, { recursive: true });
  }
}

describe.each(['open', 'wpa2', 'wpa3'])('hostapd-%s.conf', (kind) => {
  const text = read(`hostapd-${kind}.conf`);

  it('is taken by hostapd, which stops only for want of a radio', () => {
    const { stdout, stderr } = inNamespace(text, 'hostapd');
    expect(`${stdout}${stderr}`).not.toMatch(/^Line \d+|errors? found/m);
    expect(stdout).toContain('AP-DISABLED');
    const broken = inNamespace(`${text}wpa_passphrse=typed wrongly\n`, 'hostapd');
    expect(broken.stdout).toMatch(/unknown configuration item 'wpa_passphrse'/);
  });

  it('has the same network as the others and keeps stations apart', () => {
    const keys = keysOf(text);
    expect(keys.get('ssid')).toBe('qn3iwf');
    expect(keys.get('ap_isolate')).toBe('1');
    expect(keys.get('interface')).toBe(keysOf(read('dnsmasq.conf')).get('interface'));
  });

  it('protects what its name says', () => {
    const keys = keysOf(text);
    const expected = {
      open: ['0', undefined, undefined],
      wpa2: ['2', 'WPA-PSK WPA-PSK-SHA256', '1'],
      wpa3: ['2', 'SAE', '2'],
    }[kind];
    expect([keys.get('wpa'), keys.get('wpa_key_mgmt'), keys.get('ieee80211w')]).toEqual(expected);
  });
});

describe('dnsmasq.conf', () => {
  const port = 20_000 + (process.pid % 20_000);
  const place = mkdtempSync(join(tmpdir(), 'dnsmasq-'));
  const resolver = new Resolver({ timeout: 500, tries: 4 });
  let server: ChildProcess;

  beforeAll(async () => {
    // without the Wi-Fi interface and DHCP, which this machine has none for
    const names = read('dnsmasq.conf').replace(/^(interface|bind-dynamic|except-interface|dhcp-).*$/gm, '');
    writeFileSync(join(place, 'dnsmasq.conf'), names);
    const argv = ['--keep-in-foreground', '--user=root', `--port=${port}`, '--listen-address=127.0.0.1'];
    const files = [`--conf-file=${join(place, 'dnsmasq.conf')}`, '--pid-file=', '--bind-interfaces'];
    server = spawn('dnsmasq', [...argv, ...files], { stdio: 'ignore' });
    resolver.setServers([`127.0.0.1:${port}`]);
    for (let tries = 0; tries < 50; tries++) {
      const up = await resolver.resolve4(operatorFqdn(plmn)).catch(() => undefined);
      if (up !== undefined) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  });

  afterAll(() => {
    server.kill();
    rmSync(place, { recursive: true });
  });

  const service = {
    addresses: (name: string) => resolver.resolve4(name),
    replacements: (name: string) => naptrReplacements(name, resolver),
  };

  it('is taken by dnsmasq as it stands', () => {
    expect(spawnSync('dnsmasq', ['--test', `--conf-file=${join(folder, 'dnsmasq.conf')}`]).status).toBe(0);
  });

  it('[TS24502 7.2] leads a UE of the PLMN to the N3IWF of the example, by operator and by tracking area', async () => {
    const at = { name: operatorFqdn(plmn), address: n3iwf };
    expect(await selectN3iwf({ home: plmn, country: plmn.mcc }, service)).toEqual(at);
    const area = { name: trackingAreaFqdn(plmn, example.n2.tac), address: n3iwf };
    expect(await selectN3iwf({ home: plmn, country: plmn.mcc, tac: example.n2.tac }, service)).toEqual(area);
  });

  it('[TS23003 28.3.2.2.4] leads a UE of another country there, by the country', async () => {
    const visitor = { home: { mcc: '262', mnc: '01' }, country: plmn.mcc };
    expect(await selectN3iwf(visitor, service)).toEqual({ name: operatorFqdn(plmn), address: n3iwf });
    expect(await naptrReplacements(visitedCountryFqdn('901'), resolver)).toEqual([]);
  });

  it('knows no other names, and refuses to say more', async () => {
    await expect(resolver.resolve4(operatorFqdn({ mcc: '262', mnc: '01' }))).rejects.toThrow('ENOTFOUND');
    await expect(naptrReplacements('example.org', resolver)).rejects.toThrow('EREFUSED');
  });
});

describe('addresses that dnsmasq.conf gives', () => {
  it('gives addresses of the network that it is the router of', () => {
    const text = read('dnsmasq.conf');
    const [, first, last] = /^dhcp-range=([\d.]+),([\d.]+),255\.255\.255\.0,/m.exec(text)!;
    const [, router] = /^dhcp-option=option:router,([\d.]+)$/m.exec(text)!;
    const network = (address: string) => address.split('.').slice(0, 3).join('.');
    expect(new Set([first!, last!, router!].map(network)).size).toBe(1);
    expect(/^dhcp-option=option:dns-server,([\d.]+)$/m.exec(text)![1]).toBe(router);
  });
});

describe('nftables.conf', () => {
  const text = read('nftables.conf');

  it('is loaded by nft, again and again', () => {
    const { status, stderr } = inNamespace(text, 'sh', '-c', 'nft -f "$0" && nft -f "$0"');
    expect([status, stderr]).toEqual([0, '']);
    expect(inNamespace(text.replace('esp accept', 'esq accept'), 'nft', '-f').status).not.toBe(0);
  });

  it('names the N3IWF and the interface of the other files', () => {
    expect(/^define n3iwf = (\S+)$/m.exec(text)?.[1]).toBe(n3iwf);
    expect(/^define wifi = "(\S+)"$/m.exec(text)?.[1]).toBe(keysOf(read('dnsmasq.conf')).get('interface'));
  });
});

describe('guides/wifi.md', () => {
  const guide = readFileSync(new URL('../../deploy/guides/wifi.md', import.meta.url), 'utf8');

  it('has a configuration of a UE that n3iwf ue takes', () => {
    const [, document] = /```yaml\n([\s\S]*?)```/.exec(guide)!;
    const ue = parseDocument(ueSchema, parse(document!), 'guide');
    expect(ue).toMatchObject({ interface: 'wlan0', find: {}, plmn, keepPinging: { everyMs: 500 } });
  });

  it('names every file of the folder, and the name and address that they have', () => {
    for (const file of readdirSync(folder)) expect(guide).toContain(`\`${file}\``);
    expect(guide).toContain(`\`${operatorFqdn(plmn)}\``);
    expect(guide).toContain(n3iwf);
    for (const [, target] of guide.matchAll(/\]\(([^)#]+)\)/g))
      expect(existsSync(new URL(target!, new URL('../../deploy/guides/', import.meta.url)))).toBe(true);
  });
});
