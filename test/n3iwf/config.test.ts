import { describe, expect, test } from 'vitest';
import { innerConfigOf, lifetimesOf, readConfig } from '../../n3iwf/config.ts';
import { OperatorError } from '../../n3iwf/errors.ts';
import { leastConfig as usable } from '../support/least-config.ts';

function complaint(document: unknown): string {
  try {
    readConfig(document, 'n3iwf.yaml');
  } catch (error) {
    expect(error).toBeInstanceOf(OperatorError);
    return (error as Error).message;
  }
  return 'accepted';
}

describe('configuration: what is left out', () => {
  test('fills the defaults in', () => {
    const config = readConfig(usable, 'n3iwf.yaml');
    expect(config.ike).toMatchObject({
      port: 500,
      natTraversalPort: 4500,
      policy: 'qkd-required',
    });
    expect(config.n2.amfs[0]?.port).toBe(38412);
    expect(config.inner.nasPort).toBe(20000);
  });

  test('keys live as long as is said, and for ever where nothing is', () => {
    const lifetimes = (more: object) =>
      lifetimesOf(readConfig({ ...usable, ike: { ...usable.ike, ...more } }, 'n3iwf.yaml').ike);
    const child = { softPackets: 2 ** 31, hardPackets: 2 ** 32 - 1 };
    expect(lifetimes({})).toEqual({ child });
    expect(lifetimes({ childSaMinutes: 60 })).toEqual({
      child: { ...child, softMs: 3_600_000, hardMs: 4_320_000 },
    });
    expect(lifetimes({ ikeSaMinutes: 1 })).toEqual({ child, ike: { softMs: 60_000, hardMs: 72_000 } });
    expect(complaint({ ...usable, ike: { ...usable.ike, ikeSaMinutes: -1 } })).toMatch(/ike\.ikeSaMinutes/);
  });
});

describe('configuration: what is wrong with it', () => {
  test('names every wrong key with its value and the right form, all at once', () => {
    const message = complaint({
      ...usable,
      ike: { ...usable.ike, address: '192.0.2', auth: 'quantum' },
      n2: { ...usable.n2, plmn: { mcc: 208, mnc: '93' }, n3iwfId: 70_000 },
    });
    expect(message).toContain('n3iwf.yaml is not usable');
    expect(message).toMatch(/ike\.address: must be an IPv4 address.*"192\.0\.2"/);
    expect(message).toMatch(/ike\.auth: .*qkd.*but it is "quantum"/);
    expect(message).toMatch(/n2\.plmn\.mcc: .*string.*but it is 208/);
    expect(message).toMatch(/n2\.n3iwfId: .*65535.*but it is 70000/);
  });

  test.each([
    [{ profile: 'open5gs-gnb-compat' }, /n2\.gnb: is missing/],
    [
      { profile: 'open5gs-gnb-compat', gnb: { id: 2 ** 24, idBits: 24 } },
      /n2\.gnb\.id: does not fit into 24 bits/,
    ],
    [
      { profile: 'open5gs-gnb-compat', gnb: { id: 1, cell: 16 } },
      /n2\.gnb\.cell: does not fit into the 4 bits/,
    ],
    [{ profile: 'open5gs-gnb-compat', gnb: { id: 1, idBits: 21 } }, /n2\.gnb\.idBits/],
    [{ gnb: { id: 1 } }, /n2\.gnb: has no effect/],
    [{ profile: 'open5gs' }, /n2\.profile: .*but it is "open5gs"/],
  ])('a profile has what it needs: %j', (more, finding) => {
    expect(complaint({ ...usable, n2: { ...usable.n2, ...more } })).toMatch(finding);
  });

  test('no profile is in force unless it is asked for', () => {
    expect(readConfig(usable, 'n3iwf.yaml').n2).toMatchObject({ profile: 'standard' });
    const compat = {
      ...usable.n2,
      profile: 'open5gs-gnb-compat',
      gnb: { id: 0x1234, idBits: 24, cell: 4095 },
    };
    expect(complaint({ ...usable, n2: compat })).toBe('accepted');
  });

  test('refuses SCTP times that contradict each other', () => {
    const n2 = { ...usable.n2, sctp: { rtoMinMs: 600 } };
    expect(complaint({ ...usable, n2 })).toMatch(/n2\.sctp: rtoMinMs, rtoInitialMs and rtoMaxMs/);
    expect(complaint({ ...usable, n2: { ...n2, sctp: { streams: 1 } } })).toMatch(/n2\.sctp\.streams/);
  });
});

describe('configuration: what does not fit together', () => {
  test('refuses a key that it does not know', () => {
    expect(complaint({ ...usable, ike: { ...usable.ike, adress: '192.0.2.1' } })).toMatch(/ike: .*"adress"/);
  });

  test.each([
    ['address', ['192.0.2.7', '192.0.2.1']],
    ['name', ['n3iwf.example.org']],
  ])('does not send UEs to itself by its own %s', (_, redirectTo) => {
    const ike = { ...usable.ike, address: '192.0.2.1', identity: 'n3iwf.example.org', redirectTo };
    expect(complaint({ ...usable, ike })).toMatch(/ike\.redirectTo: names this node itself/);
  });

  test.each([
    ['certificate', { auth: 'certificate' }, /ike\.certificate: is missing/],
    ['psk', { auth: 'psk' }, /ike\.preSharedKeyFile: is missing/],
    ['qkd', { auth: 'qkd' }, /qkd: is missing/],
    ['PPK', { ppk: 'rfc8784' }, /qkd: is missing/],
  ])('says what %s needs beside it', (_, ike, wanted) => {
    expect(complaint({ ...usable, ike: { ...usable.ike, ...ike } })).toMatch(wanted);
  });

  test.each([
    [{ pool6: '2001:db8::/64' }, /inner\.address6: goes with inner\.pool6/],
    [{ pool: '10.45.0.0/31' }, /inner: .*is no IPv4 prefix/],
    [{ fixed: { car: '10.46.0.1' } }, /inner: .*10\.46\.0\.1.* of car is not in the pool/],
    [{ dns: ['name.example'] }, /inner\.dns\.0: must be an address.*"name\.example"/],
  ])('refuses an inner network with %o', (inner, wanted) => {
    expect(complaint({ ...usable, inner: { ...usable.inner, ...inner } })).toMatch(wanted);
  });
});

describe('configuration: choices', () => {
  test('takes IPv6 on N3 and inside the tunnels', () => {
    const inner = {
      ...usable.inner,
      pool6: '2001:db8:45::/64',
      address6: '2001:db8:45::1',
      dns: ['2001:db8::53'],
    };
    const config = readConfig({ ...usable, inner, n3: { address: '2001:db8::1' } }, 'n3iwf.yaml');
    expect(innerConfigOf(config)).toMatchObject({ address6: '2001:db8:45::1', dns: ['2001:db8::53'] });
    expect(config.userPlane).toEqual({
      ...{ replayWindow: 1024, padTo: 0, nwuMtu: 1500, n3Mtu: 1500, clampMss: true },
      ...{ childSas: 'session', dscp: {}, gre: 'standard', greOf: {} },
      ...{ plane: 'userspace', interface: 'n3iwf0', interfaceKind: 'auto', marks: 0x4e000000 },
    });
  });

  test('takes the kernel plane by one word, and no window that the kernel does not have', () => {
    expect(readConfig({ ...usable, userPlane: 'kernel' }, 'n3iwf.yaml').userPlane).toMatchObject({
      plane: 'kernel',
      replayWindow: 1024,
    });
    const wide = { plane: 'kernel', replayWindow: 8192 };
    expect(complaint({ ...usable, userPlane: wide })).toContain(
      'userPlane.replayWindow: the kernel has windows',
    );
    expect(complaint({ ...usable, userPlane: { plane: 'kernel', padTo: 1 } })).toContain(
      'userPlane.padTo: has no effect',
    );
    expect(complaint({ ...usable, userPlane: 'both' })).toContain('userPlane.plane');
    expect(complaint({ ...usable, userPlane: { ...wide, interface: '../eth0' } })).toContain(
      'userPlane.interface: must be a name',
    );
  });

  test.each([undefined, null, [], 'text', 7])(
    '%s as a whole document is refused, not thrown on',
    (document) => {
      expect(complaint(document)).toContain('not usable');
    },
  );
});
