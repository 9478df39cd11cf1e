/** Faults that a user meets after the first ten: each is named in the first line. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Config } from '../../../n3iwf/config.ts';
import { examine } from '../../../n3iwf/doctor/checks.ts';
import { statusOf as exitOf, reportText } from '../../../n3iwf/doctor/finding.ts';
import type { Machine, Plan } from '../../../n3iwf/doctor/machine.ts';
import { boundsOf } from '../../../n3iwf/doctor/place-checks.ts';
import { type IssuedCertificate, TestAuthority } from '../../../n3iwf/io/test-authority.ts';
import { configWith, healthyMachine, nowMs, plan } from './healthy.ts';

const notAfter = new Date(nowMs + 90 * 86_400_000);
const name = 'n3iwf.example.org';
let authority: TestAuthority;
let stranger: TestAuthority;
let sae: IssuedCertificate;
let node: IssuedCertificate;
let other: IssuedCertificate;
beforeAll(async () => {
  authority = await TestAuthority.create('authority of UEs');
  stranger = await TestAuthority.create('another authority');
  sae = await authority.issue({ commonName: 'sae-n3iwf', notAfter });
  node = await authority.issue({ commonName: name, dnsNames: [name], notAfter });
  other = await authority.issue({ commonName: name, dnsNames: ['old.example.org'], notAfter });
});

const certificate = { chain: '/etc/n3iwf/chain.pem', key: '/etc/n3iwf/chain.key' };
const withCertificate = () => configWith({ ike: { auth: 'certificate', certificate } });

/** Files by their path, each a text; all others are those of a healthy machine. */
function filesOf(files: Readonly<Record<string, string>>): Pick<Machine, 'readFile'> {
  const healthy = healthyMachine(sae);
  return {
    readFile: (path) => {
      const text = files[path];
      return text === undefined
        ? healthy.readFile(path)
        : { ok: true, value: new TextEncoder().encode(text) };
    },
  };
}

async function diagnosed(faults: Partial<Machine>, config: Config = configWith(), of: Plan = plan) {
  const findings = await examine(config, { ...healthyMachine(sae), ...faults }, of);
  return { findings, first: reportText(findings)[0] ?? '', status: exitOf(findings) };
}

const chainOf = (issued: IssuedCertificate) =>
  filesOf({ [certificate.chain]: issued.pem.certificate, [certificate.key]: issued.pem.privateKey });

describe('the certificate that UEs see, by its names', () => {
  it('of the right name, with its key and an authority that UEs have, is in order', async () => {
    const files = filesOf({
      [certificate.chain]: node.pem.certificate,
      [certificate.key]: node.pem.privateKey,
      '/ue/ca.pem': authority.pem,
    });
    const { status, first } = await diagnosed(files, withCertificate(), {
      ...plan,
      ueAuthority: '/ue/ca.pem',
    });
    expect([status, first]).toEqual([0, 'nothing stands in the way of a start']);
  });

  it('[RFC4945 3.1] without ike.identity among its alternative names', async () => {
    const { first, status } = await diagnosed(chainOf(other), withCertificate());
    expect(first).toMatch(
      /^FAIL certificates: ike\.certificate\.chain: .*CN=n3iwf\.example\.org does not name ike\.identity n3iwf\.example\.org, but DNS:old\.example\.org; issue it with subjectAltName=DNS:n3iwf\.example\.org/,
    );
    expect(status).toBe(1);
  });

  it('[RFC4945 3.1] whose common name alone is ike.identity', async () => {
    const bare = await authority.issue({ commonName: name, notAfter });
    const { first } = await diagnosed(chainOf(bare), withCertificate());
    expect(first).toMatch(/does not name ike\.identity .*but no alternative name at all/);
  });
});

describe('the certificate that UEs see, by its key and chain', () => {
  it('whose private key is that of another, or none', async () => {
    const chain = { [certificate.chain]: node.pem.certificate };
    const wrong = await diagnosed(
      filesOf({ ...chain, [certificate.key]: other.pem.privateKey }),
      withCertificate(),
    );
    expect(wrong.first).toMatch(
      /^FAIL certificates: ike\.certificate\.key: the key in ".*chain\.key" is not that of the certificate of CN=n3iwf/,
    );
    const none = await diagnosed(filesOf({ ...chain, [certificate.key]: 'no key' }), withCertificate());
    expect(none.first).toMatch(/ike\.certificate\.key: .* holds no readable private key/);
    const machine = healthyMachine(sae);
    const unreadable = await diagnosed(
      {
        readFile: (path) =>
          path === certificate.key
            ? { ok: false, reason: 'EACCES' }
            : path === certificate.chain
              ? { ok: true, value: new TextEncoder().encode(node.pem.certificate) }
              : machine.readFile(path),
      },
      withCertificate(),
    );
    expect(unreadable.first).toMatch(/ike\.certificate\.key: .* cannot be read: EACCES/);
  });

  it('[RFC7296 3.6] in a chain of the wrong order', async () => {
    const files = filesOf({
      [certificate.chain]: `${node.pem.certificate}\n${stranger.pem}`,
      [certificate.key]: node.pem.privateKey,
    });
    const { first } = await diagnosed(files, withCertificate());
    expect(first).toMatch(
      /^FAIL certificates: ike\.certificate\.chain: .*CN=n3iwf\.example\.org is not signed by that of CN=another authority behind it/,
    );
    const whole = filesOf({
      [certificate.chain]: `${node.pem.certificate}\n${authority.pem}`,
      [certificate.key]: node.pem.privateKey,
    });
    const { findings } = await diagnosed(whole, withCertificate());
    expect(findings.filter(({ severity }) => severity === 'fail')).toEqual([]);
  });

  it('[RFC7296 3.6] that does not lead to the authority that UEs have', async () => {
    const files = {
      [certificate.chain]: node.pem.certificate,
      [certificate.key]: node.pem.privateKey,
      '/ue/ca.pem': stranger.pem,
    };
    const of = { ...plan, ueAuthority: '/ue/ca.pem' };
    const { first } = await diagnosed(filesOf(files), withCertificate(), of);
    expect(first).toMatch(
      /^FAIL certificates: ike\.certificate\.chain: it does not lead to the authority of UEs in "\/ue\/ca\.pem", CN=another authority; it ends with one that CN=authority of UEs has signed/,
    );
    const empty = await diagnosed(filesOf({ ...files, '/ue/ca.pem': '' }), withCertificate(), of);
    expect(empty.first).toMatch(/--ue-ca: .* holds no certificate/);
  });
});

describe('the certificate that the KME sees', () => {
  it('with a key that is not its own', async () => {
    const { first } = await diagnosed(filesOf({ '/etc/n3iwf/sae.key': other.pem.privateKey }));
    expect(first).toMatch(/^FAIL certificates: qkd\.key: the key in .*sae\.key" is not that .*CN=sae-n3iwf/);
  });

  it('[ETSI014 5.1] of another SAE is a warning, as KMEs differ in what they go by', async () => {
    const { pem } = await authority.issue({ commonName: 'sae-old', notAfter });
    const files = filesOf({ '/etc/n3iwf/sae.pem': pem.certificate, '/etc/n3iwf/sae.key': pem.privateKey });
    const { first, status } = await diagnosed(files);
    expect(first).toMatch(/^WARN certificates: .*CN=sae-old does not name qkd\.saeId sae-n3iwf/);
    expect(status).toBe(8);
  });
});

describe('this machine', () => {
  it('has a clock that nothing keeps', async () => {
    const { first, status } = await diagnosed({ clockKept: () => false });
    expect(first).toMatch(/^WARN clock: .*nothing keeps it.*; let chrony or systemd-timesyncd/);
    expect(status).toBe(8);
    expect((await diagnosed({ clockKept: () => undefined })).status).toBe(0);
  });

  it('has an interface in the network of the UEs, which matters where the kernel routes it', async () => {
    const networks = () => [
      { name: 'lo', address: '127.0.0.1', prefixLength: 8 },
      { name: 'docker0', address: '10.45.200.1', prefixLength: 24 },
    ];
    const kernel = configWith({ userPlane: { plane: 'kernel' } });
    const { first } = await diagnosed({ networks }, kernel);
    expect(first).toMatch(
      /^FAIL addresses: inner\.pool: 10\.45\.0\.0\/16 overlaps 10\.45\.200\.1\/24 of docker0/,
    );
    expect((await diagnosed({ networks })).status).toBe(0);
    const ours = () => [{ name: 'n3iwf0', address: '10.45.0.1', prefixLength: 32 }];
    expect((await diagnosed({ networks: ours }, kernel)).status).toBe(0);
  });

  it('has no such address for N2', async () => {
    const config = configWith({ n2: { localAddresses: ['192.0.2.10', '198.51.100.9'] } });
    const tryBind: Machine['tryBind'] = async (address) => ({
      kind: address === '198.51.100.9' ? 'noAddress' : 'free',
    });
    expect((await diagnosed({ tryBind }, config)).first).toMatch(
      /^FAIL addresses: n2\.localAddresses: 198\.51\.100\.9 is on no interface/,
    );
  });

  it('has too few inner addresses for the UEs that are planned', async () => {
    const config = configWith({ inner: { pool: '10.45.0.0/24' } });
    expect((await diagnosed({}, config)).first).toMatch(
      /^FAIL addresses: inner\.pool: 10\.45\.0\.0\/24 has 253 addresses for 1000 UEs/,
    );
    const range = configWith({ inner: { pool: '10.45.0.1-10.45.0.9' } });
    expect((await diagnosed({}, range, { ...plan, ues: 9 })).first).toMatch(/has 8 addresses for 9 UEs/);
    expect((await diagnosed({}, range, { ...plan, ues: 8 })).status).toBe(0);
  });
});

describe('this machine and what the process may do', () => {
  it('does not let this process read what is named', async () => {
    const keyEncryptionKey = { file: '/etc/n3iwf/kek' };
    const config = configWith({ qkd: { keyEncryptionKey }, admin: { tokenFile: '/etc/n3iwf/token' } });
    const machine = healthyMachine(sae);
    const { first, findings } = await diagnosed(
      {
        readFile: (path) =>
          /kek|token/.test(path) ? { ok: false, reason: 'EACCES' } : machine.readFile(path),
      },
      config,
    );
    expect(first).toMatch(
      /^FAIL files: qkd\.keyEncryptionKey\.file: "\/etc\/n3iwf\/kek" cannot be read: EACCES/,
    );
    expect(findings.filter(({ check }) => check === 'files')).toHaveLength(2);
  });

  it('does not let this process write, or lacks the folder', async () => {
    const denied = await diagnosed({ folder: (path) => (path === '/run/n3iwf' ? 'denied' : 'writable') });
    expect(denied.first).toMatch(/^FAIL files: control\.path: this process may not write to "\/run\/n3iwf"/);
    const missing = await diagnosed({ folder: () => 'missing' });
    expect(missing.first).toMatch(/^WARN files: control\.path: there is no folder "\/run\/n3iwf"/);
    expect(missing.status).toBe(8);
    const audit = { signingKey: '/etc/n3iwf/audit.pem', checkpoints: '/mnt/other' };
    const { first } = await diagnosed(
      { folder: (path) => (path === '/mnt/other' ? 'denied' : 'writable') },
      configWith({ qkd: { audit } }),
    );
    expect(first).toMatch(
      /^FAIL files: qkd\.audit\.checkpoints: this process may not write to "\/mnt\/other"/,
    );
  });
});

it('bounds of prefixes and ranges are those of their addresses', () => {
  expect(boundsOf('10.45.0.1/16')).toEqual([0x0a2d0000, 0x0a2dffff]);
  expect(boundsOf('10.45.0.1-10.45.0.9')).toEqual([0x0a2d0001, 0x0a2d0009]);
  expect(boundsOf('2001:db8::/64')).toBeUndefined();
  expect(boundsOf('10.45.0.1')).toBeUndefined();
  fc.assert(
    fc.property(fc.ipV4(), fc.integer({ min: 0, max: 32 }), (address, length) => {
      const [first = 0, last = 0] = boundsOf(`${address}/${length}`) ?? [];
      const at = address.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);
      expect(first).toBeLessThanOrEqual(at);
      expect(last).toBeGreaterThanOrEqual(at);
      expect(last - first + 1).toBe(2 ** (32 - length));
      expect(first % 2 ** (32 - length)).toBe(0);
    }),
  );
});
