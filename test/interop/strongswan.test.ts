// needs: charon, root
import { isDeepStrictEqual } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { EndpointConfig } from '#ikev2';
import { type IssuedCertificate, TestAuthority } from '../../n3iwf/io/test-authority.ts';
import { certificateVerifier } from '../../n3iwf/nwu/certificate-trust.ts';
import { addOwnAddress, Charon, charonAddress, ownAddress, pathNetwork } from './charon.ts';
import { OurPeer, ppkId, ppkSecret, sharedSecret } from './our-peer.ts';

interface Connection {
  readonly ike: string;
  readonly esp: string;
  readonly auth?: 'psk' | 'pubkey';
  readonly more?: string;
  /** Charon's own address. */
  readonly from?: string;
}

/** What charon proposes in each connection; its child has the connection's name with a `c` behind. */
const connections: Readonly<Record<string, Connection>> = {
  gcm: { ike: 'aes256gcm16-prfsha256-x25519', esp: 'aes256gcm16' },
  cbc: { ike: 'aes256-sha256-ecp256', esp: 'aes256-sha256-ecp256' },
  modp: { ike: 'aes128-sha512-modp2048', esp: 'aes128-sha512' },
  group: { ike: 'aes256gcm16-prfsha256-ecp384-x25519', esp: 'aes256gcm16' },
  ppk: {
    ike: 'aes256gcm16-prfsha256-x25519',
    esp: 'aes256gcm16',
    more: `ppk_id = ${ppkId}\n ppk_required = yes`,
  },
  stranger: { ike: 'aes256gcm16-prfsha256-x25519', esp: 'aes256gcm16', more: 'ppk_id = ppk-9999' },
  roam: { ike: 'aes256gcm16-prfsha256-x25519', esp: 'aes256gcm16', from: '%any' },
  childless: { ike: 'aes256gcm16-prfsha256-x25519', esp: 'aes256gcm16', more: 'childless = force' },
  cert: { ike: 'aes256gcm16-prfsha256-x25519', esp: 'aes256gcm16', auth: 'pubkey' },
};

function connection(
  name: string,
  { ike, esp, auth = 'psk', more = '', from = charonAddress }: Connection,
): string {
  return `${name} { version = 2
    local_addrs = ${from}
    remote_addrs = ${ownAddress}
    vips = 0.0.0.0
    proposals = ${ike}
    ${more}
    local { auth = ${auth}
      id = ue1.test
      ${auth === 'pubkey' ? 'certs = ue.pem' : ''} }
    remote { auth = ${auth}
      id = n3iwf.test }
    children { ${name}c { remote_ts = 10.55.0.0/24
      esp_proposals = ${esp} } } }`;
}

/** What charon answers with when we start; the PPK is looked up by the ID that we name. */
const asResponder = `answer { version = 2
    local_addrs = ${charonAddress}
    remote_addrs = ${ownAddress}
    pools = inner
    proposals = aes256gcm16-prfsha256-x25519
    local { auth = psk
      id = charon.test }
    remote { auth = psk
      id = our-ue.test }
    children { answerc { local_ts = 10.55.0.0/24
      esp_proposals = aes256gcm16 } } }`;

function swanctlConf(): string {
  const hex = Buffer.from(ppkSecret).toString('hex');
  return `connections { ${Object.entries(connections)
    .map(([name, each]) => connection(name, each))
    .join('\n')}
${asResponder} }
pools { inner { addrs = 10.60.0.128/28 } }
secrets { ike-1 { secret = "${sharedSecret}" }
  ppk-1 { id = ${ppkId}
    secret = 0x${hex} }
  ppk-2 { id = ppk-9999
    secret = 0x${hex} } }
`;
}

describe('strongSwan and we', () => {
  let charon: Charon;
  let authority: TestAuthority;
  let ours: OurPeer;

  beforeAll(async () => {
    authority = await TestAuthority.create();
    const ue = await authority.issue({ commonName: 'ue1.test', dnsNames: ['ue1.test'], key: 'rsa-2048' });
    charon = await Charon.start({
      'swanctl.conf': swanctlConf(),
      'x509ca/authority.pem': authority.pem,
      'x509/ue.pem': ue.pem.certificate,
      'private/ue.pem': ue.pem.privateKey,
    });
  });
  afterAll(() => charon.stop());
  afterEach(async () => {
    // What a failed test left would fail the next ones, too.
    const left = (await charon.swanctl('--list-sas')).matchAll(/^\S+: #(\d+),/gm);
    for (const [, id = ''] of left)
      await charon.swanctl('--terminate', '--ike-id', id, '--force').catch(() => {});
    await ours.close();
  });

  const open = async (certificate?: IssuedCertificate, more: Partial<EndpointConfig> = {}) => {
    ours =
      certificate === undefined
        ? new OurPeer({ responderAuth: 'psk', initiatorAuth: 'psk', ...more })
        : new OurPeer(
            { responderAuth: 'certificate', initiatorAuth: 'certificate', certificate, ...more },
            certificateVerifier([authority.pem], Date.now),
          );
    await ours.open();
  };
  const initiate = (name: string) => charon.swanctl('--initiate', '--ike', name, '--child', `${name}c`);
  const terminate = (name: string) => charon.swanctl('--terminate', '--ike', name);
  const count = (type: string) => ours.events.filter((event) => event.type === type).length;
  const until = async (holds: () => boolean | Promise<boolean>) => {
    for (let tries = 0; !(await holds()) && tries < 100; tries++)
      await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await holds()).toBe(true);
  };

  test.each(['gcm', 'cbc', 'modp', 'group'])(
    '[RFC7296 1.2] PSK, virtual IP and a Child SA with the suite of %s',
    async (name) => {
      await open();
      expect(await initiate(name)).toContain('initiate completed successfully');
      expect(await charon.swanctl('--list-sas')).toMatch(/local {2}10\.60\.0\.9\/32/);
      await terminate(name);
      await until(() => ours.ikeSaCount === 0);
      expect(count('childSaEstablished')).toBe(1);
    },
  );

  test('[RFC8784 3] a PPK that both know protects the SA, and one that we lack is done without', async () => {
    await open();
    await initiate('ppk');
    expect(await charon.swanctl('--list-sas')).toMatch(/CURVE_25519\/PPK/);
    await terminate('ppk');
    await initiate('stranger');
    expect(await charon.swanctl('--list-sas')).not.toMatch(/\/PPK/);
    await terminate('stranger');
  });

  test.each(['ecdsa-p256', 'ecdsa-p384', 'rsa-2048'] as const)(
    '[RFC7427 3] certificates on both sides, ours with %s',
    async (key) => {
      await open(await authority.issue({ commonName: 'n3iwf.test', dnsNames: ['n3iwf.test'], key }));
      expect(await initiate('cert')).toContain('initiate completed successfully');
      await terminate('cert');
    },
  );

  test('[RFC7296 2.8] Child SA and IKE SA are rekeyed from either side', async () => {
    await open();
    await initiate('cbc');
    await charon.swanctl('--rekey', '--child', 'cbcc');
    await until(() => count('childSaEstablished') === 2 && count('childSaDeleted') === 1);
    await charon.swanctl('--rekey', '--ike', 'cbc');
    await until(() => count('ikeSaRekeyed') === 1);
    ours.command((engine, now, ikeSa, child) => engine.rekeyChildSa(now, ikeSa, child));
    await until(() => count('childSaEstablished') === 3 && count('childSaDeleted') === 2);
    ours.command((engine, now, ikeSa) => engine.rekeyIkeSa(now, ikeSa));
    await until(() => count('ikeSaRekeyed') === 2);
    await charon.swanctl('--rekey', '--child', 'cbcc');
    await until(() => count('childSaEstablished') === 4);
    ours.command((engine, now, ikeSa) => engine.checkLiveness(now, ikeSa));
    await until(() => count('livenessConfirmed') >= 1);
    ours.command((engine, now, ikeSa) => engine.deleteIkeSa(now, ikeSa));
    await until(() => ours.ikeSaCount === 0);
    expect(await charon.swanctl('--list-sas')).toBe('');
  });

  test.each(['off', 'required'] as const)('[RFC7296 1.2] we start, charon answers, PPK %s', async (ppk) => {
    await open();
    ours.connect(ppk, { remoteAuth: 'psk', localAuth: 'psk' });
    await until(() => count('childSaEstablished') === 1);
    const sas = await charon.swanctl('--list-sas');
    expect(sas).toMatch(/remote 'our-ue\.test' @ 10\.77\.\d+\.2\[4500\] \[10\.60\.0\.1[23]\d\]/);
    expect(/\/PPK/.test(sas)).toBe(ppk === 'required');
    ours.command((engine, now, ikeSa, child) => engine.rekeyChildSa(now, ikeSa, child));
    await until(() => count('childSaEstablished') === 2 && count('childSaDeleted') === 1);
    await charon.swanctl('--rekey', '--ike', 'answer');
    await until(() => count('ikeSaRekeyed') === 1);
    await charon.swanctl('--terminate', '--ike', 'answer');
    await until(() => ours.ikeSaCount === 0);
  });

  test('[RFC7383 2.5] [RFC7383 2.6] fragments go both ways where the datagrams have to be short', async () => {
    const certificate = await authority.issue({
      commonName: 'n3iwf.test',
      dnsNames: ['n3iwf.test'],
      key: 'rsa-2048',
    });
    await open(certificate, { datagramSize: 576 });
    const before = charon.log().length;
    expect(await initiate('cert')).toContain('initiate completed successfully');
    const said = charon.log().slice(before);
    expect(said).toMatch(/splitting IKE message \(\d+ bytes\) into \d+ fragments/);
    expect(said).toMatch(/received fragment #1 of \d+|reassembled fragmented IKE message/);
    await terminate('cert');
  });

  test('[RFC7296 2.6] charon shows the cookie that we demand', async () => {
    await open(undefined, { halfOpen: { cookiesAbove: 0 } });
    expect(await initiate('gcm')).toContain('initiate completed successfully');
    expect(charon.log()).toMatch(/parsed IKE_SA_INIT response 0 \[ N\(COOKIE\) \]/);
    await terminate('gcm');
  });

  test('[RFC6023 3] charon sets up an IKE SA without a Child SA and adds one later', async () => {
    await open(undefined, { childless: true });
    expect(await initiate('childless')).toContain('initiate completed successfully');
    expect(charon.log()).toMatch(/CREATE_CHILD_SA request \d+ \[ SA No TSi TSr \]/);
    expect(count('childSaEstablished')).toBe(1);
    await terminate('childless');
  });

  test('[RFC7296 2.8] keys whose life ends are rekeyed by us, with charon following', async () => {
    const lifetimes = { child: { softMs: 300, jitter: 0 }, ike: { softMs: 1_000, jitter: 0 } };
    await open(undefined, { lifetimes });
    await initiate('cbc');
    await until(() => count('childSaEstablished') >= 4 && count('ikeSaRekeyed') >= 1);
    await until(() => count('childSaDeleted') >= 2);
    expect(count('childSaFailed')).toBeLessThan(3);
    await terminate('cbc');
    await until(() => ours.ikeSaCount === 0);
  });

  test('[RFC7296 2.8.1] both rekey the Child SA at the same time: one is left, the same on both sides', async () => {
    await open();
    await initiate('gcm');
    const agreed = async () => {
      const listed = (await charon.swanctl('--list-sas', '--ike', 'gcm')).split(/^ {2}gcmc: /m);
      const installed = listed.filter((each) => each.includes('INSTALLED'));
      const spis = installed.map((each) =>
        [/out ([0-9a-f]{8})/, /in {2}([0-9a-f]{8})/].map((at) => at.exec(each)?.[1]),
      );
      return spis.length === 1 && isDeepStrictEqual(ours.childSpis, spis);
    };
    // Where charon is done before it reads ours, it refuses ours and nothing has crossed: once more then.
    let crossed = 0;
    for (let round = 0; round < 20 && crossed < 3; round++) {
      const before = count('childSaEstablished');
      // Charon's request is here and not yet read: ours crosses its answer.
      ours.ahead = () => ours.command((engine, now, ikeSa, child) => engine.rekeyChildSa(now, ikeSa, child));
      await charon.swanctl('--rekey', '--child', 'gcmc');
      await until(async () => count('childSaEstablished') > before && (await agreed()));
      if (count('childSaEstablished') === before + 2) crossed++;
    }
    expect(crossed).toBeGreaterThan(0);
    await terminate('gcm');
  }, 60_000);

  test('[RFC7296 2.8.2] both rekey the IKE SA at the same time: one is left, the same on both sides', async () => {
    await open();
    await initiate('gcm');
    for (let round = 1; round <= 6; round++) {
      ours.ahead = () => ours.command((engine, now, ikeSa) => engine.rekeyIkeSa(now, ikeSa));
      await charon.swanctl('--rekey', '--ike', 'gcm');
      await until(() => count('ikeSaRekeyed') === round);
      await until(async () => {
        const listed = await charon.swanctl('--list-sas', '--ike', 'gcm');
        const [, ...spis] = /ESTABLISHED, IKEv2, ([0-9a-f]{16})_i\*? ([0-9a-f]{16})_r/.exec(listed) ?? [];
        return isDeepStrictEqual(ours.ikeSpis, [spis]);
      });
      ours.command((engine, now, ikeSa) => engine.checkLiveness(now, ikeSa));
      await until(() => count('livenessConfirmed') === round);
    }
    expect(count('ikeSaClosed')).toBe(0);
    await terminate('gcm');
  }, 60_000);

  test('[RFC5685 3] charon goes to the gateway that we name', async () => {
    const gateway = { type: 'ipv4', name: `${pathNetwork}.23` } as const;
    const auth = { responderAuth: 'psk', initiatorAuth: 'psk' } as const;
    ours = new OurPeer(auth, undefined, {
      redirect: (_, from) => (from === undefined ? gateway : undefined),
    });
    addOwnAddress(gateway.name);
    await ours.open();
    await ours.open(gateway.name);
    expect(await initiate('gcm')).toContain('initiate completed successfully');
    expect(await charon.swanctl('--list-sas')).toMatch(/remote 'n3iwf\.test' @ 10\.77\.\d+\.23\[4500\]/);
    await terminate('gcm');
  });

  test('[RFC4555 3.5] charon moves to another address and takes its SAs along', async () => {
    await open();
    await initiate('roam');
    charon.ip('addr', 'add', `${pathNetwork}.9/24`, 'dev', 'ike0');
    charon.ip('addr', 'del', `${charonAddress}/24`, 'dev', 'ike0');
    try {
      await until(() =>
        ours.events.some(
          (event) => event.type === 'addressChanged' && event.remote.address === `${pathNetwork}.9`,
        ),
      );
      ours.command((engine, now, ikeSa) => engine.checkLiveness(now, ikeSa));
      await until(() => count('livenessConfirmed') >= 1);
      await terminate('roam');
    } finally {
      charon.ip('addr', 'add', `${charonAddress}/24`, 'dev', 'ike0');
      charon.ip('addr', 'del', `${pathNetwork}.9/24`, 'dev', 'ike0');
    }
  });

  test('[RFC4555 3.5] we move, charon follows', async () => {
    await open();
    addOwnAddress(`${pathNetwork}.22`);
    await ours.open(`${pathNetwork}.22`);
    ours.connect('off', { remoteAuth: 'psk', localAuth: 'psk', mobike: true });
    await until(() => count('childSaEstablished') === 1);
    const local = { address: `${pathNetwork}.22`, port: 4500 };
    ours.command((engine, now, ikeSa) => engine.changeAddress(now, ikeSa, local));
    await until(() => count('addressChanged') >= 1);
    expect(await charon.swanctl('--list-sas')).toMatch(/remote 'our-ue\.test' @ 10\.77\.\d+\.22\[4500\]/);
    await charon.swanctl('--terminate', '--ike', 'answer');
    await until(() => ours.ikeSaCount === 0);
  });
});
