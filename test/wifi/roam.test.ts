// needs: qemu-system-x86_64, apt-get, busybox, cpio, hostapd, wpa_supplicant, dnsmasq, iw, nft
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** A little more than the run itself gives itself. */
const limitMs = 1_300_000;

/** What each step of the scenario says once it held, without the time. */
const steps = [
  'three simulated radios, the third with the UE: ok',
  'core and N3IWF are up, NG Setup is done: ok',
  'access points with WPA2 and WPA3, one name, two networks: ok',
  'the UE associates by WPA2 and has an address by DHCP: ok',
  'the firewall lets nothing else through: ok',
  'the UE finds the N3IWF by DNS, registers, has a PDU session: ok',
  'it pings: ok',
  'it roams to the other access point, WPA3, with another address: ok',
  'it goes on pinging there: ok',
  'it roams back: ok',
  'it goes on pinging: ok',
  'same Child SAs, same session, same registration as before: ok',
  'it detaches; pings are missing in the handovers alone: ok',
];

it(
  '[RFC4555 3.5] a UE attaches over simulated Wi-Fi, and its session stays while it roams',
  async () => {
    const child = spawn(process.execPath, ['test/wifi/run.ts'], { cwd: root });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (data: Buffer) => {
        output += data;
      });
    const status = await new Promise((resolve) => child.once('close', resolve));
    const held = [...output.matchAll(/^ *[\d.]+ s {2}(.*: ok)$/gm)].map(([, step]) => step);
    expect(held, output).toEqual(steps);
    expect(status).toBe(0);
  },
  limitMs,
);
