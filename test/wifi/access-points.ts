/** The Wi-Fi side: two access points made of the files in deploy/wifi, each with a network of its own, and a station. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Running, run, start, until } from './processes.ts';

const deploy = fileURLToPath(new URL('../../deploy/wifi/', import.meta.url));
/** The network namespace of the UE. */
export const ueNamespace = ['ip', 'netns', 'exec', 'ue'];
/** The UE's Wi-Fi interface. */
export const ueInterface = 'wlan2';
const passphrase = 'roaming between two of them';
const controlFolder = '/run/wpa_supplicant';
const roamAttempts = 6;
const attemptSeconds = 25;

/** One access point: its interface and channel, its kind as in the name of hostapd's file, its network without the last octet. */
export interface AccessPoint {
  readonly interface: string;
  readonly kind: 'wpa2' | 'wpa3';
  readonly channel: number;
  readonly network: string;
}

/** Two of one name. A UE that goes from one to the other gets another address. */
export const accessPoints = [
  { interface: 'wlan0', kind: 'wpa2', channel: 1, network: '192.168.150' },
  { interface: 'wlan1', kind: 'wpa3', channel: 6, network: '192.168.151' },
] as const satisfies readonly AccessPoint[];

/** Replaces whole settings `key=` of a file of deploy/wifi. @throws Error for a key that the file does not have */
export function withSettings(text: string, settings: Readonly<Record<string, string | number>>): string {
  return Object.entries(settings).reduce((result, [key, value]) => {
    const line = new RegExp(`^${key}=.*$`, 'm');
    if (!line.test(result)) throw new Error(`no ${key}= in the file`);
    return result.replace(line, `${key}=${value}`);
  }, text);
}

const read = (name: string) => readFileSync(join(deploy, name), 'utf8');

/** Makes the radios and moves the third to the UE's namespace. */
export function openRadios(): void {
  run('modprobe', 'mac80211_hwsim', 'radios=3');
  run('ip', 'netns', 'add', 'ue');
  const phy = readFileSync(`/sys/class/net/${ueInterface}/phy80211/name`, 'utf8').trim();
  run('iw', 'phy', phy, 'set', 'netns', 'name', 'ue');
  run('ip', '-n', 'ue', 'link', 'set', 'lo', 'up');
}

/** Loads the firewall for both access points. */
export function loadFirewall(folder: string): void {
  const interfaces = accessPoints.map((each) => `"${each.interface}"`).join(', ');
  const file = join(folder, 'nftables.conf');
  writeFileSync(
    file,
    read('nftables.conf').replace('define wifi = "wlan0"', `define wifi = { ${interfaces} }`),
  );
  run('nft', '-f', file);
}

/** Packets that the firewall has dropped of those to this machine. */
export function droppedPackets(): number {
  const counter = /counter packets (\d+)/.exec(run('nft', 'list', 'chain', 'inet', 'n3iwf-wifi', 'input'));
  return Number(counter?.[1] ?? Number.NaN);
}

/** Starts hostapd and dnsmasq of one access point. Resolves when stations can associate. */
export async function openAccessPoint(point: AccessPoint, folder: string): Promise<void> {
  const { interface: name, kind, channel, network } = point;
  const secret = kind === 'wpa3' ? { sae_password: passphrase } : { wpa_passphrase: passphrase };
  const hostapdFile = join(folder, `hostapd-${name}.conf`);
  writeFileSync(
    hostapdFile,
    withSettings(read(`hostapd-${kind}.conf`), { interface: name, channel, ...secret }),
  );
  const hostapd = start('hostapd', hostapdFile);
  await until(`access point ${name}`, 90, () => hostapd.output().includes('AP-ENABLED'), hostapd);
  run('ip', 'addr', 'add', `${network}.1/24`, 'dev', name);
  const dnsmasqFile = join(folder, `dnsmasq-${name}.conf`);
  const text = withSettings(read('dnsmasq.conf'), { interface: name }).replaceAll('192.168.150', network);
  writeFileSync(dnsmasqFile, text);
  const own = [`--dhcp-leasefile=${join(folder, `${name}.leases`)}`, '--pid-file=', '--user=root'];
  const dnsmasq = start(
    'dnsmasq',
    '--keep-in-foreground',
    '--log-facility=-',
    `--conf-file=${dnsmasqFile}`,
    ...own,
  );
  await until(`dnsmasq of ${name}`, 90, () => dnsmasq.output().includes('DHCP, IP range'), dnsmasq);
}

/** The script that udhcpc calls: address, route and name server of the UE's namespace. */
const dhcpScript = `#!/bin/sh
ip addr flush dev $interface
[ "$1" = bound ] || exit 0
ip addr add $ip/$mask dev $interface
ip route add default via $router
echo nameserver $dns >/etc/resolv.conf
`;

/** The UE's wpa_supplicant and DHCP client. */
export class Station {
  private readonly folder: string;
  private supplicant: Running | undefined;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Knows the network's name and passphrase, for WPA2 and WPA3; takes the access point at `bssid` first. */
  async associate(bssid: string): Promise<void> {
    const network = ['ssid="qn3iwf"', `psk="${passphrase}"`, 'key_mgmt=SAE WPA-PSK', 'ieee80211w=1'];
    const lines = ['network={', ...network, `bssid_hint=${bssid}`, 'scan_ssid=0', '}'];
    const file = join(this.folder, 'wpa_supplicant.conf');
    writeFileSync(file, [`ctrl_interface=${controlFolder}`, 'ap_scan=1', 'sae_pwe=2', ...lines].join('\n'));
    const script = join(this.folder, 'dhcp.sh');
    writeFileSync(script, dhcpScript, { mode: 0o755 });
    mkdirSync('/etc/netns/ue', { recursive: true });
    writeFileSync('/etc/netns/ue/resolv.conf', '');
    const [program = '', ...prefix] = ueNamespace;
    this.supplicant = start(
      program,
      ...prefix,
      'wpa_supplicant',
      '-Dnl80211',
      `-i${ueInterface}`,
      `-c${file}`,
    );
    await until('association', 240, () => this.status().get('wpa_state') === 'COMPLETED', this.supplicant);
  }

  /** `key=value` of wpa_cli's status, such as bssid and key_mgmt; empty while it does not answer. */
  status(): Map<string, string> {
    try {
      const told = this.control('status');
      return new Map(told.split('\n').map((line) => line.split(/=(.*)/s).slice(0, 2) as [string, string]));
    } catch {
      return new Map();
    }
  }

  /**
   * Goes to another access point of the same name. Resolves when it is associated there. An attempt may fail where an
   * access point answers late, as in a machine that waits for its host: then it is told again.
   */
  async roam(bssid: string): Promise<void> {
    const isThere = () => {
      const status = this.status();
      return status.get('bssid') === bssid && status.get('wpa_state') === 'COMPLETED';
    };
    for (let attempt = 1; attempt <= roamAttempts && !isThere(); attempt++) {
      this.control('scan');
      const found = () => this.control('scan_results').includes(bssid);
      await until(`${bssid} in a scan`, 90, found, this.supplicant);
      this.control('roam', bssid);
      await until(`association with ${bssid}`, attemptSeconds, isThere).catch(() => {}); // the next one tries again
    }
    await until(`association with ${bssid}`, attemptSeconds, isThere, this.supplicant);
  }

  /** Asks for an address, as a UE does after each association. @returns it */
  lease(): string {
    run(
      ...words([
        ...ueNamespace,
        'busybox',
        'udhcpc',
        '-i',
        ueInterface,
        '-n',
        '-q',
        '-f',
        '-t',
        '10',
        '-T',
        '3',
        '-s',
      ]),
      join(this.folder, 'dhcp.sh'),
    );
    const told = run('ip', '-n', 'ue', '-4', '-brief', 'addr', 'show', 'dev', ueInterface);
    return /(\d+\.\d+\.\d+\.\d+)\//.exec(told)?.[1] ?? '';
  }

  private control(...command: readonly string[]): string {
    return run(...words([...ueNamespace, 'wpa_cli', '-p', controlFolder, '-i', ueInterface, ...command]));
  }
}

/** A command line as the arguments of {@link run}. */
function words(all: readonly string[]): [string, ...string[]] {
  const [program = '', ...rest] = all;
  return [program, ...rest];
}

/** The address of an access point on the air. */
export function bssidOf({ interface: name }: AccessPoint): string {
  return readFileSync(`/sys/class/net/${name}/address`, 'utf8').trim();
}
