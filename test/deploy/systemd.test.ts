import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it, test } from 'vitest';
import { parse } from 'yaml';
import { checks } from '../../n3iwf/doctor/checks.ts';
import { exitCodes } from '../../n3iwf/errors.ts';

const deploy = (path: string) => new URL(`../../deploy/${path}`, import.meta.url);
const text = readFileSync(deploy('systemd/n3iwf.service'), 'utf8');
const guide = readFileSync(deploy('guides/first-attach.md'), 'utf8');
const example = parse(readFileSync(deploy('n3iwf.example.yaml'), 'utf8'));

/** Values by `Section.Key`, in the order of the file. Throws for a line that is none of systemd's forms. */
function parseUnit(unit: string): Map<string, string[]> {
  const values = new Map<string, string[]>();
  let section = '';
  for (const line of unit.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const head = /^\[(\w+)\]$/.exec(line);
    if (head !== null) {
      section = head[1]!;
      continue;
    }
    const pair = /^([A-Z][A-Za-z]+)=(\S.*)$/.exec(line);
    if (pair === null || section === '') throw new Error(`no line of a unit: ${line}`);
    const key = `${section}.${pair[1]}`;
    values.set(key, [...(values.get(key) ?? []), pair[2]!]);
  }
  return values;
}

const unit = parseUnit(text);
const service = (key: string): string[] => unit.get(`Service.${key}`) ?? [];

describe('the systemd unit', () => {
  it('has three sections and names nothing twice but lists', () => {
    expect(new Set([...unit.keys()].map((key) => key.split('.')[0]))).toEqual(
      new Set(['Unit', 'Service', 'Install']),
    );
    const repeated = [...unit].filter(([, all]) => all.length > 1).map(([key]) => key);
    expect(repeated).toEqual(['Service.LoadCredential', 'Service.SystemCallFilter']);
  });

  it('runs a program that is there, by the Node that npm brings', () => {
    const [node, main, ...words] = service('ExecStart')[0]!.split(' ');
    expect(node).toBe('/opt/qn3iwf/node_modules/.bin/node');
    expect(existsSync(new URL(`../../${main!.replace('/opt/qn3iwf/', '')}`, import.meta.url))).toBe(true);
    expect(words).toEqual(['run', '-c', '/etc/n3iwf/n3iwf.yaml']);
    expect(service('ExecReload')).toEqual(['/bin/kill -HUP $MAINPID']);
  });

  it('is not root and has the one capability that the ports of the example need', () => {
    expect(service('User')).toEqual(['n3iwf']);
    expect(service('DynamicUser')).toEqual(['yes']);
    expect([example.ike.port, example.ike.natTraversalPort].some((port) => port < 1024)).toBe(true);
    for (const key of ['AmbientCapabilities', 'CapabilityBoundingSet'])
      expect(service(key)).toEqual(['CAP_NET_BIND_SERVICE']);
    expect(service('NoNewPrivileges')).toEqual(['yes']);
  });

  it('has a drop-in with what the kernel plane needs, and nothing more', () => {
    const dropIn = parseUnit(readFileSync(deploy('systemd/kernel-plane.conf'), 'utf8'));
    const capabilities = ['CAP_NET_ADMIN CAP_NET_RAW'];
    expect([...dropIn]).toEqual([
      ['Service.AmbientCapabilities', capabilities],
      ['Service.CapabilityBoundingSet', capabilities],
    ]);
    expect(guide).toContain('/etc/systemd/system/n3iwf.service.d/kernel-plane.conf');
  });

  it.each([
    'PrivateDevices',
    'PrivateTmp',
    'ProtectClock',
    'ProtectControlGroups',
    'ProtectHome',
    'ProtectHostname',
    'ProtectKernelLogs',
    'ProtectKernelModules',
    'ProtectKernelTunables',
    'RestrictNamespaces',
    'RestrictRealtime',
    'RestrictSUIDSGID',
    'LockPersonality',
  ])('says %s', (key) => {
    expect(service(key)).toEqual(['yes']);
  });
});

describe('the systemd unit and what it lets the node have', () => {
  it('leaves what the program needs: its sockets, the code that Node writes, the tables under /proc/net', () => {
    expect(service('RestrictAddressFamilies')).toEqual(['AF_INET AF_INET6 AF_UNIX AF_NETLINK']);
    expect(service('MemoryDenyWriteExecute')).toEqual([]);
    expect(service('PrivateNetwork')).toEqual([]);
    expect(service('ProcSubset')).toEqual([]);
  });

  it('lets the node write where the example writes, and nowhere else', () => {
    expect(service('ProtectSystem')).toEqual(['strict']);
    expect(service('ReadWritePaths')).toEqual([]);
    const writable = [`/var/lib/${service('StateDirectory')[0]}/`, `/run/${service('RuntimeDirectory')[0]}/`];
    for (const path of [example.qkd.store, example.control.path])
      expect(writable.some((folder) => path.startsWith(folder))).toBe(true);
    expect(service('LimitCORE')).toEqual(['0']);
  });

  it('hands over the secrets that the guide names, and no private key lies open to the service', () => {
    const names = service('LoadCredential').map((value) => value.split(':')[0]);
    expect(names).toEqual(['sae.key', 'kek']);
    expect(service('LoadCredential').every((value) => /^[\w.]+:\/etc\/n3iwf\/[\w.]+$/.test(value))).toBe(
      true,
    );
    expect(guide).toContain('key: /run/credentials/n3iwf.service/sae.key');
    expect(guide).toContain('credential: kek');
  });

  it('starts again after a fault, but not with a wrong configuration', () => {
    expect(service('Restart')).toEqual(['on-failure']);
    expect(service('RestartPreventExitStatus')).toEqual([String(exitCodes.N3IWF_E_CONFIG)]);
    expect(unit.get('Unit.StartLimitIntervalSec')).toEqual(['0']);
    expect(Number(service('TimeoutStopSec')[0])).toBeGreaterThan(example.timers.drainSeconds + 5);
    expect(service('Type')).toEqual(['notify']);
    expect(Number(service('WatchdogSec')[0])).toBeGreaterThan(0);
    expect(unit.get('Unit.After')![0]).toContain('modprobe@sctp.service');
  });

  it('is read strictly', () => {
    expect(() => parseUnit('[Service]\nUser')).toThrow('no line of a unit');
    expect(() => parseUnit('User=x')).toThrow('no line of a unit');
  });
});

test('the guide names every check of the doctor, in its order', () => {
  const rows = [...guide.matchAll(/^ {3}\| (\w[\w ]*) \| (.+) \|$/gm)].map(([, name, looksAt]) => ({
    name,
    looksAt,
  }));
  expect(rows.slice(1)).toEqual(checks.map(({ name, looksAt }) => ({ name, looksAt })));
});

test('what the guide points at is there', () => {
  for (const path of ['n3iwf.example.yaml', 'systemd/n3iwf.service', 'free5gc/README.md', 'free5gc/ue.yaml'])
    expect(existsSync(deploy(path))).toBe(true);
  expect(guide).toContain(`:${example.admin.port}/readyz`);
});
