import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Not the synchronous form: the stub core of the same process has to answer meanwhile. */
const run = promisify(execFile);
const tried = (program: string, ...argv: string[]) =>
  run(program, argv).then(
    () => true,
    () => false,
  );

/** What the UE of free5GC needs of the kernel: IPsec with interfaces, GRE, VRF, and ends of a network of its own. */
const modules = [
  'sctp',
  'ipv6',
  'veth',
  'bridge',
  'xfrm_user',
  'tunnel4',
  'tunnel6',
  'xfrm6_tunnel',
  'esp4',
  'ip_gre',
  'vrf',
  'cbc',
  'sha1_generic',
  'hmac',
  'authenc',
];
const xfrmInterface = 'xfrm_interface';

/** NWu in the kernel: both N3IWFs on one bridge, UEs behind it. */
export const nwu = {
  bridge: 'nwu0',
  ours: '10.0.3.1',
  theirs: '10.0.3.2',
  prefix: 24,
  /** Address of UE `number`, from 0. */
  ue: (number: number) => `10.0.3.${100 + number}`,
  /** The UE's interface within its network namespace. */
  ueInterface: 'wlan0',
} as const;

/** Rejects when the command fails, with what it said. */
async function ip(...argv: string[]): Promise<void> {
  await run('ip', argv);
}

/** Name of the network namespace of UE `number`. */
export function namespaceOf(number: number): string {
  return `ue${number}`;
}

/**
 * Loads what the kernel has as modules; what it has built in stays unsaid. `xfrmModule` is a file for a kernel whose
 * distribution leaves XFRM interfaces out.
 *
 * Rejects when the kernel has no XFRM interfaces after that.
 */
export async function prepareKernel(xfrmModule: string | undefined): Promise<void> {
  for (const name of modules) await tried('modprobe', '-q', name);
  if (!(await tried('modprobe', '-q', xfrmInterface)) && xfrmModule !== undefined)
    await run('insmod', [xfrmModule]);
  await ip('link', 'add', 'probe0', 'type', 'xfrm', 'dev', 'lo', 'if_id', '4095');
  await ip('link', 'del', 'probe0');
}

/** The bridge with the addresses of both N3IWFs. */
export async function openNwu(): Promise<void> {
  await ip('link', 'add', nwu.bridge, 'type', 'bridge');
  for (const own of [nwu.ours, nwu.theirs])
    await ip('addr', 'add', `${own}/${nwu.prefix}`, 'dev', nwu.bridge);
  await ip('link', 'set', nwu.bridge, 'up');
}

/** A network namespace for UE `number` with one interface on the bridge; one that is there goes first. */
export async function freshUe(number: number): Promise<void> {
  const name = namespaceOf(number);
  await closeUe(number);
  await ip('netns', 'add', name);
  const outer = outerOf(number);
  await ip('link', 'add', outer, 'type', 'veth', 'peer', 'name', nwu.ueInterface, 'netns', name);
  await ip('link', 'set', outer, 'master', nwu.bridge, 'up');
  await ip('-n', name, 'link', 'set', 'lo', 'up');
  await ip('-n', name, 'addr', 'add', `${nwu.ue(number)}/${nwu.prefix}`, 'dev', nwu.ueInterface);
  await ip('-n', name, 'link', 'set', nwu.ueInterface, 'up');
}

/** The end of a UE's link that is on the bridge. */
function outerOf(number: number): string {
  return `${nwu.bridge}-${namespaceOf(number)}`;
}

/** Takes the network namespace away with everything in it; its link at once, as the kernel takes its time for the rest. */
export async function closeUe(number: number): Promise<void> {
  await tried('ip', 'link', 'del', outerOf(number));
  await tried('ip', 'netns', 'del', namespaceOf(number));
}
