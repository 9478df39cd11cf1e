import { beforeAll, describe, expect, it, test } from 'vitest';
import type { NgapPdu } from '#ngap';
import type { Config } from '../../../n3iwf/config.ts';
import { checks, examine } from '../../../n3iwf/doctor/checks.ts';
import { statusOf as exitOf, reportJson, reportText } from '../../../n3iwf/doctor/finding.ts';
import type { Machine, Plan } from '../../../n3iwf/doctor/machine.ts';
import { type IssuedCertificate, TestAuthority } from '../../../n3iwf/io/test-authority.ts';
import {
  amfThat,
  configWith,
  goodProbe,
  healthyMachine,
  nowMs,
  plan,
  setupResponse,
  statusOf,
} from './healthy.ts';

let authority: TestAuthority;
let valid: IssuedCertificate;
let expired: IssuedCertificate;
beforeAll(async () => {
  authority = await TestAuthority.create();
  valid = await authority.issue({ commonName: 'sae-n3iwf', notAfter: new Date(nowMs + 90 * 86_400_000) });
  expired = await authority.issue({ commonName: 'sae-old', notAfter: new Date(nowMs - 86_400_000) });
});

/** What the doctor says of a machine that is healthy but for `faults`. */
async function diagnosed(faults: Partial<Machine>, config: Config = configWith(), of: Plan = plan) {
  const findings = await examine(config, { ...healthyMachine(valid), ...faults }, of);
  return { findings, first: reportText(findings)[0] ?? '', status: exitOf(findings) };
}

const pemOf = (issued: IssuedCertificate) => ({
  ok: true as const,
  value: new TextEncoder().encode(issued.pem.certificate),
});

const refusal = (value: string, choice = 'misc'): NgapPdu =>
  ({ message: 'NGSetupFailure', ies: { cause: { choice, value } } }) as NgapPdu;

test('a machine without a fault passes every check, with status 0', async () => {
  const { findings, first, status } = await diagnosed({});
  expect(findings.filter(({ severity }) => severity !== 'ok')).toEqual([]);
  expect(first).toBe('nothing stands in the way of a start');
  expect(status).toBe(0);
  expect(new Set(findings.map(({ check }) => check))).toEqual(new Set(checks.map(({ name }) => name)));
});

describe('ten broken set-ups, each named in the first line: machine and AMF', () => {
  it('1: a port that strongSwan holds', async () => {
    const holder = { pid: 812, command: '/usr/lib/ipsec/charon --use-syslog' };
    const { first, status, findings } = await diagnosed({
      tryBind: async (_address, port) => (port === 500 ? { kind: 'taken', holder } : { kind: 'free' }),
    });
    expect(first).toMatch(
      /^FAIL ports: UDP 192\.0\.2\.10 port 500 .*strongSwan, process 812.*systemctl disable/,
    );
    expect(status).toBe(1);
    expect(findings.filter(({ severity }) => severity === 'fail')).toHaveLength(1);
  });

  it('2: a kernel without SCTP; no AMF is asked then', async () => {
    const { first, findings } = await diagnosed({
      sctp: () => ({ ok: false, reason: 'this kernel has no SCTP: load it with "modprobe sctp", as root' }),
      connectAmf: () => Promise.reject(new Error('must not be called')),
    });
    expect(first).toMatch(/^FAIL SCTP: .*modprobe sctp/);
    expect(findings.find(({ check }) => check === 'AMF')?.severity).toBe('skip');
  });

  it('3: a PLMN that the AMF does not serve', async () => {
    const { first, status } = await diagnosed({ connectAmf: () => amfThat(refusal('unknown-PLMN-or-SNPN')) });
    expect(first).toMatch(/^FAIL AMF: .*PLMN 208\/93, TAC 000001, misc unknown-PLMN-or-SNPN: .*n2\.plmn/);
    expect(status).toBe(1);
  });

  it('4: an expired certificate', async () => {
    const { first } = await diagnosed({
      readFile: (path) => pemOf(path.endsWith('sae.pem') ? expired : valid),
    });
    expect(first).toMatch(
      /^FAIL certificates: qkd\.certificate: .*sae-old expired on \d{4}-\d\d-\d\d; renew it/,
    );
  });
});

describe('ten broken set-ups, each named in the first line: keys, rights and network', () => {
  it('5: a KME that is down', async () => {
    const reason = 'KME kme-n3iwf at https://192.0.2.30:8443: connect ECONNREFUSED 192.0.2.30:8443';
    const { first, findings } = await diagnosed({ kmeStatus: async () => ({ ok: false, reason }) });
    expect(first).toMatch(/^FAIL KME: .*ECONNREFUSED.*see that it runs/);
    expect(findings.find(({ check }) => check === 'key rate')?.severity).toBe('skip');
  });

  it('6: a KME of another identity', async () => {
    const reason = 'KME kme-n3iwf at https://192.0.2.30:8443: its certificate names kme-b';
    const { first } = await diagnosed({ kmeStatus: async () => ({ ok: false, reason }) });
    expect(first).toMatch(/^FAIL KME: .*names kme-b; make qkd\.kmeId the name in its certificate/);
  });

  it('7: a link that makes too few keys', async () => {
    const { first } = await diagnosed({}, configWith(), { ...plan, ues: 10_000, ikeSeconds: 60 });
    expect(first).toMatch(
      /^FAIL key rate: 10000 UEs need 339 keys\/s, the link makes 100 keys\/s.*fitting lifetimes/,
    );
  });

  it('8: no CAP_NET_RAW where ESP goes bare, no CAP_NET_ADMIN for the kernel plane', async () => {
    const { first } = await diagnosed(
      { capabilities: () => (1n << 10n) | (1n << 12n) },
      configWith({ ike: { forceUdpEncapsulation: false } }),
    );
    expect(first).toMatch(/^FAIL capabilities: CAP_NET_RAW is missing: ike\.forceUdpEncapsulation/);
    const kernel = await diagnosed(
      { capabilities: () => (1n << 10n) | (1n << 13n) },
      configWith({ userPlane: { plane: 'kernel' } }),
    );
    expect(kernel.first).toMatch(/^FAIL capabilities: CAP_NET_ADMIN is missing: userPlane\.plane is kernel/);
  });

  it('9: an AMF that refuses the association', async () => {
    const { first } = await diagnosed({
      connectAmf: () => Promise.reject(new Error('no SCTP association: Connection refused')),
    });
    expect(first).toMatch(/^FAIL AMF: AMF 192\.0\.2\.20 port 38412 cannot be reached: .*Connection refused/);
  });

  it('10: an MTU that is too small', async () => {
    const { first } = await diagnosed({ interfaceOf: () => ({ name: 'wlan0', mtu: 1400 }) });
    expect(first).toMatch(
      /^FAIL MTU: userPlane\.nwuMtu: 1500 octets do not fit wlan0.*1400; set userPlane\.nwuMtu to 1400/,
    );
  });
});

describe('further faults of ports and certificates', () => {
  it.each([
    [{ kind: 'denied' }, /may not bind so low a port; give it CAP_NET_BIND_SERVICE/],
    [{ kind: 'noAddress' }, /ike\.port: 192\.0\.2\.10 is on no interface/],
    [{ kind: 'taken', holder: undefined }, /is taken; find its holder/],
    [{ kind: 'taken', holder: { pid: 7, command: 'dnsmasq -d' } }, /taken by process 7: dnsmasq -d/],
    [{ kind: 'other', reason: 'ENOBUFS' }, /ENOBUFS/],
  ] as const)('binding gives %j', async (outcome, expected) => {
    expect((await diagnosed({ tryBind: async () => outcome })).first).toMatch(expected);
  });

  it('does no NG Setup beside a node that runs', async () => {
    const holder = { pid: 9, command: 'node /opt/n3iwf/main.ts run' };
    const { findings } = await diagnosed({
      tryBind: async () => ({ kind: 'taken', holder }),
      connectAmf: () => Promise.reject(new Error('must not be called')),
    });
    expect(findings.find(({ check }) => check === 'AMF')).toMatchObject({
      severity: 'skip',
      detail: expect.stringContaining('would forget'),
    });
  });

  it('says which capability a low port needs, and none where the system lets everybody have it', async () => {
    const none = { capabilities: () => 0n };
    expect((await diagnosed(none)).first).toMatch(
      /CAP_NET_BIND_SERVICE is missing: ike\.port is 500; start it/,
    );
    expect((await diagnosed({ ...none, unprivilegedPort: () => 0 })).status).toBe(0);
    const told = await diagnosed({ capabilities: () => undefined });
    expect(told.findings.find(({ check }) => check === 'capabilities')?.severity).toBe('skip');
  });

  it.each([0, Date.UTC(2024, 1, 29), Date.UTC(2100, 0, 1), Number.NaN])(
    'does not believe the date %d',
    async (at) => {
      const { findings } = await diagnosed({ wallMs: () => at, readFile: () => pemOf(valid) });
      expect(findings.find(({ check }) => check === 'clock')?.severity).toBe('fail');
    },
  );
});

describe('further faults of paths and key managers', () => {
  it('skips an MTU that it cannot see', async () => {
    for (const found of [undefined, { name: 'eth0', mtu: undefined }]) {
      const { findings } = await diagnosed({ interfaceOf: () => found });
      expect(findings.filter(({ check }) => check === 'MTU').map(({ severity }) => severity)).toEqual([
        'skip',
        'skip',
      ]);
    }
    const everywhere = configWith({ ike: { address: '0.0.0.0' } });
    expect((await diagnosed({}, everywhere)).findings).toContainEqual(
      expect.objectContaining({ check: 'MTU', severity: 'skip' }),
    );
  });

  it('tells a KME that departs from the standard, and one that is merely odd', async () => {
    const report = (verdict: 'warn' | 'fail') => ({
      ...goodProbe,
      findings: [...goodProbe.findings, { check: 'get key', clause: '5.3', verdict, detail: 'no container' }],
    });
    const broken = await diagnosed({ probeKme: async () => report('fail') });
    expect(broken.first).toMatch(/^FAIL KME: .*get key \[5\.3\]: no container; .*kmeKind/);
    const odd = await diagnosed({ probeKme: async () => report('warn') });
    expect(odd.first).toMatch(/^WARN KME: /);
    expect(odd.status).toBe(8);
  });

  it('measures no rate at a full pool, and takes the one that is given', async () => {
    const full = { kmeStatus: async () => ({ ok: true as const, value: statusOf(1000, 1000) }) };
    const { findings } = await diagnosed(full);
    expect(findings.find(({ check }) => check === 'key rate')).toMatchObject({
      severity: 'skip',
      detail: expect.stringContaining('--key-rate'),
    });
    const given = await diagnosed(full, configWith(), { ...plan, keysPerSecond: 0.001 });
    expect(given.first).toMatch(/^FAIL key rate/);
  });

  it('says so when the KME goes away while the rate is measured', async () => {
    let asked = 0;
    const { findings } = await diagnosed({
      kmeStatus: async () => (asked++ < 2 ? { ok: true, value: statusOf(1) } : { ok: false, reason: 'gone' }),
    });
    expect(findings.find(({ check }) => check === 'key rate')?.detail).toContain('stopped answering');
  });
});

describe('a key store that cannot be used', () => {
  it.each([
    ['damaged', 'it is damaged: row 7', 'keep the file for inspection'],
    ['full', 'disk is full', 'make room'],
    ['busy', 'database is locked', 'end what else holds it'],
    ['unreachable', 'connect ECONNREFUSED', 'see that the database server runs'],
    ['failed', 'unable to open database file', 'see that its folder is there'],
  ] as const)('is named with what to do: %s', async (fault, reason, remedy) => {
    const { first, findings, status } = await diagnosed({
      lookAtStore: async () => ({ ok: false, fault, reason }),
    });
    expect(first).toMatch(/^FAIL key store: /);
    expect(first).toContain(reason);
    expect(JSON.stringify(findings.find(({ check }) => check === 'key store'))).toContain(remedy);
    expect(status).toBe(1);
  });
});

describe('further faults', () => {
  it('takes a check that breaks as a finding, and goes on', async () => {
    const { findings } = await diagnosed({
      probeKme: () => Promise.reject(new Error('no file')),
    });
    expect(findings.find(({ check }) => check === 'KME')?.detail).toContain('the check failed: no file');
    expect(findings.at(-1)?.check).toBe('key rate');
  });

  it('needs no KME where no key is used', async () => {
    const config = configWith({ ike: { auth: 'eap-only', ppk: 'none' } });
    const { findings } = await diagnosed({}, { ...config, qkd: undefined });
    expect(findings.find(({ check }) => check === 'KME')?.detail).toBe('none is used');
    expect(findings.find(({ check }) => check === 'certificates')?.detail).toBe('none is used');
    expect(findings.find(({ check }) => check === 'key rate')?.detail).toContain('no SA takes');
  });

  it('counts no PPK under a policy without quantum keys', async () => {
    const tight = { ...plan, keysPerSecond: 0.02 };
    expect((await diagnosed({}, configWith(), tight)).first).toMatch(/^FAIL key rate/);
    const { status } = await diagnosed({}, configWith({ ike: { policy: 'pqc-only' } }), tight);
    expect(status).toBe(0);
  });

  it('looks at the chain of IKE too', async () => {
    const certificate = { chain: '/etc/n3iwf/chain.pem', key: '/etc/n3iwf/key.pem' };
    const config = configWith({ ike: { auth: 'certificate', certificate } });
    const { first } = await diagnosed(
      { readFile: (path) => (path === certificate.chain ? { ok: false, reason: 'ENOENT' } : pemOf(valid)) },
      config,
    );
    expect(first).toMatch(
      /^FAIL certificates: ike\.certificate\.chain: "\/etc\/n3iwf\/chain\.pem" cannot be read: ENOENT/,
    );
  });

  it('warns of an AMF that accepts and lacks the PLMN or a slice', async () => {
    const lacking = (part: object): NgapPdu =>
      ({ ...setupResponse, ies: { ...setupResponse.ies, plmnSupportList: [part] } }) as NgapPdu;
    const sliceSupportList = [{ sNssai: { sst: Uint8Array.of(2) } }];
    const foreign = lacking({ plmnIdentity: Uint8Array.of(0, 0xf1, 0x10), sliceSupportList });
    expect((await diagnosed({ connectAmf: () => amfThat(foreign) })).first).toMatch(
      /^WARN AMF: .*PLMN 208\/93/,
    );
    const poor = lacking({ plmnIdentity: Uint8Array.of(2, 0xf8, 0x39), sliceSupportList });
    expect((await diagnosed({ connectAmf: () => amfThat(poor) })).first).toMatch(/has no slice 1-010203/);
  });
});

test('the object of --json has the status, the worst finding and all of them', async () => {
  const { findings } = await diagnosed({ sctp: () => ({ ok: false, reason: 'none' }) });
  const json = JSON.parse(JSON.stringify(reportJson(findings)));
  expect(json).toMatchObject({ status: 1, worst: { check: 'SCTP', severity: 'fail' } });
  expect(json.findings).toHaveLength(findings.length);
  expect(JSON.parse(JSON.stringify(reportJson([])))).toEqual({ status: 0, worst: null, findings: [] });
});
