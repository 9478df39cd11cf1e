import { createSocket } from 'node:dgram';
import { describe, expect, test } from 'vitest';
import { runCommand, runLab } from './run-lab.ts';

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

describe('n3iwf lab', () => {
  test('three UEs register with key IDs of their own, and every ping comes back', async () => {
    const { status, summary } = await runLab('--ues', '3');
    expect(summary.errors).toEqual([]);
    expect([status, summary.ok, summary.ues.length]).toEqual([0, true, 3]);
    const keyIds = summary.ues.flatMap((ue) => ue.keyIds);
    expect(new Set(keyIds).size).toBe(15);
    for (const keyId of keyIds) expect(keyId).toMatch(uuid);
    for (const ue of summary.ues) {
      expect(ue.supi).toMatch(/^imsi-20893\d{10}$/);
      expect(ue.pduSessions[0]?.ping).toMatchObject({ sent: 5, received: 5 });
      expect(ue.rekeys).toEqual({ child: 1, ike: 1 });
      expect(ue.suite.ike).toBe('aes256-gcm16/hmac-sha2-256/x25519/ke1_mlkem768');
      const [ike, signalling, ...fresh] = ue.saKeys.map(({ keyId }) => keyId);
      expect(signalling).toBe(ike);
      expect(new Set([ike, ...fresh]).size).toBe(4);
    }
    expect(new Set(summary.ues.map((ue) => ue.innerIp)).size).toBe(3);
    expect(new Set(summary.ues.map((ue) => ue.pduSessions[0]?.ip)).size).toBe(3);
    expect(summary.qkd).toEqual({ delivered: 15, used: 15, burnt: 0 });
    expect(summary.supply).toMatchObject({ seed: expect.stringMatching(/^[0-9a-f]{32}$/) });
    expect(summary.supply?.storedKeys).toBeGreaterThan(3000);
  });

  test('the console has a port of its own, a token, and a place for faults of the link', async () => {
    const { status, summary, stderr } = await runLab('--console', '0', '--policy', 'qkd-preferred');
    expect([status, summary.ok]).toEqual([0, true]);
    expect(stderr).toMatch(/console at http:\/\/127\.0\.0\.1:\d+, token [0-9a-f]{32}/);
    expect(stderr).toMatch(/http:\/\/127\.0\.0\.1:\d+\/links\/all\/fault/);
    for (const port of ['x', '-1', '65536']) {
      const refused = await runCommand('lab', '--once', '--console', port);
      expect(refused.status).not.toBe(0);
      expect(refused.stderr).toMatch(/must be a port from 1 to 65535, or 0 for any/);
    }
  });

  test.each([
    ['certificate', 'none', 0],
    ['psk', 'none', 0],
    ['eap-only', 'rfc8784', 1],
    ['qkd', 'rfc8784', 2],
    ['qkd', 'none', 1],
    ['certificate', 'rfc8784', 1],
    ['certificate', 'rfc9867', 4],
    ['qkd', 'rfc9867', 5],
    ['qkd', 'qkd-ke', 5],
  ])('works with --auth %s --ppk %s, which takes %i keys', async (auth, ppk, keys) => {
    const { status, summary } = await runLab('--auth', auth, '--ppk', ppk);
    expect(summary.errors).toEqual([]);
    expect(status).toBe(0);
    expect(summary.ues[0]).toMatchObject({ auth, ppk, suite: { esp: 'aes256-gcm16' } });
    expect(summary.ues[0]?.keyIds.length).toBe(keys);
    expect(summary.qkd.used).toBe(keys);
  });

  test.each([
    ['qkd-preferred', 'rfc9867', 5],
    ['hybrid-always', 'rfc9867', 5],
    ['pqc-only', 'none', 1],
    ['classical', 'none', 1],
  ])(
    'works with --policy %s, which mixes keys in by %s and takes %i, that of AUTH among them',
    async (policy, ppk, keys) => {
      const { status, summary } = await runLab('--policy', policy);
      expect([status, summary.errors]).toEqual([0, []]);
      expect(summary.ues[0]).toMatchObject({ ppk });
      expect(summary.qkd.used).toBe(keys);
    },
  );

  test('UEs behind one NAT, which maps them anew in the middle of their streams, lose nothing; sessions are of the types asked for', async () => {
    const { status, summary } = await runLab(
      ...['--ues', '2', '--sessions', '2', '--flows', '3', '--nat', '--session-types', 'ipv6,ipv4v6'],
    );
    expect([status, summary.errors]).toEqual([0, []]);
    for (const { pduSessions, stream, rekeys } of summary.ues) {
      expect(pduSessions.map(({ type }) => type)).toEqual(['ipv6', 'ipv4v6']);
      expect(pduSessions.map(({ ip }) => ip.split(' ').length)).toEqual([1, 2]);
      expect(pduSessions.map(({ ping }) => ping.received)).toEqual([15, 30]);
      expect(stream.sent).toBeGreaterThan(0);
      expect([stream.lost, rekeys.child]).toEqual([0, 4]);
    }
  });

  test.each(['rfc9867', 'qkd-ke'])(
    'with --ppk %s each Child SA and each rekey takes a fresh key',
    async (ppk) => {
      const { summary } = await runLab('--ppk', ppk);
      const keys = summary.ues[0]?.saKeys ?? [];
      expect(keys.map(({ sa }) => sa)).toEqual(['ike', 'child', 'child', 'child-rekeyed', 'ike-rekeyed']);
      const [ike, signalling, ...fresh] = keys.map(({ keyId }) => keyId);
      // Nothing is exchanged for the first Child SA: it rests on the key of its IKE SA.
      expect(signalling).toBe(ike);
      expect(new Set([ike, ...fresh]).size).toBe(4);
      for (const keyId of fresh) expect(keyId).toMatch(uuid);
    },
  );

  test('two UEs with the same initiator SPI stand side by side', async () => {
    const { status, summary } = await runLab('--ues', '2', '--same-spi');
    expect([status, summary.errors]).toEqual([0, []]);
    expect(summary.ues.map((ue) => ue.pduSessions[0]?.ping.received)).toEqual([5, 5]);
  });

  test.each([
    ['wrong-res', 1, /imsi-208930000000001: authentication: the network rejected the authentication/],
    ['unknown-key', 1, /imsi-208930000000001: IKE: .*AUTHENTICATION_FAILED/],
    ['kme-down', 1, /QKD key: unreachable: KME kme-ue at https:\/\/127\.0\.0\.1:\d+: .*ECONNREFUSED/],
    ['ng-setup', 5, /the AMF refused NG Setup: misc unknown-PLMN-or-SNPN/],
    ['registration', 1, /registration: the network rejected it, cause 3/],
    ['pdu-session', 1, /PDU session: the network rejected it, cause 26/],
  ])(
    'with --fault %s it ends with status %i and one line that says what and where, and nothing is left',
    async (fault, exit, line) => {
      const { status, summary } = await runLab('--fault', fault);
      expect([status, summary.ok, summary.errors.length]).toEqual([exit, false, 1]);
      expect(summary.errors[0]).toMatch(line);
      expect(summary.qkd.delivered).toBe(summary.qkd.used);
    },
  );

  test('says in plain words what the options are, and refuses others', async () => {
    const help = await runCommand('lab', '--help');
    expect(help.stdout).toMatch(/--keylog/);
    const wrong = await runCommand('lab', '--auth', 'magic');
    expect(wrong.status).not.toBe(0);
    expect(wrong.stderr).toMatch(/magic.*qkd, psk, certificate, eap-only/s);
    const many = await runCommand('lab', '--ues', '0');
    expect(many.stderr).toMatch(/whole number from 1/);
  });
});

describe('n3iwf run', () => {
  test('a configuration that is wrong ends before a socket opens, with every fault named', async () => {
    const { status, stderr } = await runCommand('run', '-c', 'package.json');
    expect(status).toBe(2);
    expect(stderr).toMatch(/package\.json is not usable/);
    expect(stderr).toMatch(/ike/);
    const missing = await runCommand('run', '-c', 'no-such-file.yaml');
    expect(missing.status).toBe(2);
    expect(missing.stderr).toMatch(/no-such-file\.yaml/);
  });
});

test('a busy UDP port is named with its address', async () => {
  const { UdpSocket } = await import('../../n3iwf/io/udp.ts');
  const holder = createSocket('udp4');
  await new Promise<void>((resolve) => holder.bind(0, '127.0.0.1', () => resolve()));
  const { port } = holder.address();
  await expect(UdpSocket.open({ address: '127.0.0.1', port }, () => {})).rejects.toThrow(
    new RegExp(`UDP 127\\.0\\.0\\.1 port ${port} is taken by a socket of user \\d+`),
  );
  await expect(UdpSocket.open({ address: '192.0.2.1', port: 0 }, () => {})).rejects.toThrow(
    /no address of this machine/,
  );
  holder.close();
});
