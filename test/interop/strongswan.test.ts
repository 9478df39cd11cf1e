// needs: charon, root
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type IssuedCertificate, TestAuthority } from '../../n3iwf/io/test-authority.ts';
import { certificateVerifier } from '../../n3iwf/nwu/certificate-trust.ts';
import { Charon, charonAddress, ownAddress } from './charon.ts';
import { OurPeer, ppkId, ppkSecret, sharedSecret } from './our-peer.ts';

interface Connection {
  readonly ike: string;
  readonly esp: string;
  readonly auth?: 'psk' | 'pubkey';
  readonly more?: string;
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
  cert: { ike: 'aes256gcm16-prfsha256-x25519', esp: 'aes256gcm16', auth: 'pubkey' },
};

function connection(name: string, { ike, esp, auth = 'psk', more = '' }: Connection): string {
  return `${name} { version = 2
    local_addrs = ${charonAddress}
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
  afterEach(() => ours.close());

  const open = async (certificate?: IssuedCertificate) => {
    ours =
      certificate === undefined
        ? new OurPeer({ responderAuth: 'psk', initiatorAuth: 'psk' })
        : new OurPeer(
            { responderAuth: 'certificate', initiatorAuth: 'certificate', certificate },
            certificateVerifier([authority.pem], Date.now),
          );
    await ours.open();
  };
  const initiate = (name: string) => charon.swanctl('--initiate', '--ike', name, '--child', `${name}c`);
  const terminate = (name: string) => charon.swanctl('--terminate', '--ike', name);
  const count = (type: string) => ours.events.filter((event) => event.type === type).length;
  const until = async (holds: () => boolean) => {
    for (let tries = 0; !holds() && tries < 100; tries++)
      await new Promise((resolve) => setTimeout(resolve, 50));
    expect(holds()).toBe(true);
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
    expect(sas).toMatch(/remote 'our-ue\.test' @ 10\.77\.0\.2\[4500\] \[10\.60\.0\.1[23]\d\]/);
    expect(/\/PPK/.test(sas)).toBe(ppk === 'required');
    ours.command((engine, now, ikeSa, child) => engine.rekeyChildSa(now, ikeSa, child));
    await until(() => count('childSaEstablished') === 2 && count('childSaDeleted') === 1);
    await charon.swanctl('--rekey', '--ike', 'answer');
    await until(() => count('ikeSaRekeyed') === 1);
    await charon.swanctl('--terminate', '--ike', 'answer');
    await until(() => ours.ikeSaCount === 0);
  });
});
