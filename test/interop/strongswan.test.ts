// needs: charon, root
import { describe, expect, test } from 'vitest';
import { connectionText } from './connections.ts';
import { stage } from './interop.ts';
import { OurPeer } from './our-peer.ts';
import { KeyPair } from './quantum-pair.ts';

const interop = stage();
const theyStart = 'the peer starts';

describe('suites and authentication, charon starts', () => {
  const suites = {
    gcm: 'AES-GCM, X25519, virtual IP',
    cbc: 'AES-CBC, HMAC-SHA-256, ECP-256',
    modp: 'AES-CBC, HMAC-SHA-512, MODP-2048',
    group: 'INVALID_KE_PAYLOAD, again with our group',
  } as const;
  test.for(Object.keys(suites) as (keyof typeof suites)[])(
    '[RFC7296 1.2] PSK, virtual IP and a Child SA with the suite of %s',
    async (name, context) => {
      interop.claims(context, theyStart, suites[name], 'PSK');
      await interop.open();
      expect(await interop.initiate(name)).toContain('initiate completed successfully');
      expect(await interop.charon.swanctl('--list-sas')).toMatch(/local {2}10\.60\.0\.9\/32/);
      await interop.terminate(name);
      await interop.untilGone();
      expect(interop.count('childSaEstablished')).toBe(1);
    },
  );

  const keys = [
    ['ecdsa-p256', 'cert'],
    ['ecdsa-p384', 'cert'],
    ['rsa-2048', 'cert'],
    ['rsa-2048', 'certec'],
  ] as const;
  test.for(keys)('[RFC7427 3] certificates on both sides, ours with %s', async ([key, name], context) => {
    const theirs = name === 'cert' ? 'RSA-2048' : 'ECDSA P-256';
    interop.claims(context, theyStart, `certificates, ours ${key}, theirs ${theirs}`);
    await interop.open(await interop.certificate('n3iwf.test', key));
    expect(await interop.initiate(name)).toContain('initiate completed successfully');
    await interop.terminate(name);
  });

  test('[RFC7296 2.6] charon shows the cookie that we demand', async (context) => {
    interop.claims(context, theyStart, 'cookie');
    await interop.open(undefined, { halfOpen: { cookiesAbove: 0 } });
    expect(await interop.initiate('gcm')).toContain('initiate completed successfully');
    expect(interop.charon.log()).toMatch(/parsed IKE_SA_INIT response 0 \[ N\(COOKIE\) \]/);
    await interop.terminate('gcm');
  });

  test('[RFC6023 3] charon sets up an IKE SA without a Child SA and adds one later', async (context) => {
    interop.claims(context, theyStart, 'childless, Child SA later');
    await interop.open(undefined, { childless: true });
    expect(await interop.initiate('childless')).toContain('initiate completed successfully');
    expect(interop.charon.log()).toMatch(/CREATE_CHILD_SA request \d+ \[ SA No TSi TSr \]/);
    expect(interop.count('childSaEstablished')).toBe(1);
    await interop.terminate('childless');
  });
});

describe('PPK', () => {
  test('[RFC8784 3] a PPK that both know protects the SA, and one that we lack is done without', async (context) => {
    interop.claims(context, theyStart, 'PPK known (RFC 8784)', 'PPK unknown, optional');
    await interop.open();
    await interop.initiate('ppk');
    expect(await interop.charon.swanctl('--list-sas')).toMatch(/CURVE_25519\/PPK/);
    await interop.terminate('ppk');
    await interop.initiate('stranger');
    expect(await interop.charon.swanctl('--list-sas')).not.toMatch(/\/PPK/);
    await interop.terminate('stranger');
  });

  test('[ETSI014 5.3] charon names a key of its KME, and we take it from ours by that ID', async (context) => {
    interop.claims(context, theyStart, 'PPK is a QKD key of an ETSI 014 KME');
    const pair = await KeyPair.start();
    try {
      const { keyId, secret } = await pair.draw();
      const connection = {
        ike: 'aes256gcm16-prfsha256-x25519',
        esp: 'aes256gcm16',
        more: `ppk_id = ${keyId}\n ppk_required = yes`,
      };
      const hex = Buffer.from(secret).toString('hex');
      await interop.charon.add(`connections { ${connectionText('quantum', connection)} }
        secrets { ppk-q { id = ${keyId}
          secret = 0x${hex} } }`);
      interop.ours = new OurPeer({ responderAuth: 'psk', initiatorAuth: 'psk', ppk: 'required' });
      interop.ours.lookUpPpk = (named) => pair.find(named);
      await interop.ours.open();
      expect(await interop.initiate('quantum')).toContain('initiate completed successfully');
      expect(await interop.charon.swanctl('--list-sas')).toMatch(/CURVE_25519\/PPK/);
      await interop.terminate('quantum');
    } finally {
      await pair.close();
    }
  });
});

describe('we start, charon answers', () => {
  test.for(['off', 'required'] as const)('[RFC7296 1.2] PSK, PPK %s', async (ppk, context) => {
    interop.claims(
      context,
      'we start',
      'PSK',
      ppk === 'off' ? 'AES-GCM, X25519, virtual IP' : 'PPK known (RFC 8784)',
    );
    await interop.open();
    interop.ours.connect(ppk, { remoteAuth: 'psk', localAuth: 'psk' });
    await interop.until(() => interop.count('childSaEstablished') >= 1);
    const sas = await interop.charon.swanctl('--list-sas');
    expect(sas).toMatch(/remote 'our-ue\.test' @ 10\.77\.\d+\.2\[4500\] \[10\.60\.0\.1[23]\d\]/);
    expect(/\/PPK/.test(sas)).toBe(ppk === 'required');
    interop.ours.command((engine, now, ikeSa, child) => engine.rekeyChildSa(now, ikeSa, child));
    await interop.until(() => interop.count('childSaEstablished') >= 2);
    await interop.until(() => interop.count('childSaDeleted') >= 1);
    await interop.charon.swanctl('--rekey', '--ike', 'answer');
    await interop.until(() => interop.count('ikeSaRekeyed') >= 1);
    await interop.terminate('answer');
    await interop.untilGone();
  });

  test.for(['rsa-2048', 'ecdsa-p256'] as const)(
    '[RFC7427 3] certificates on both sides, ours with %s',
    async (key, context) => {
      interop.claims(context, 'we start', `certificates, ours ${key}, theirs RSA-2048`);
      const certificate = await interop.certificate('our-cert.test', key);
      await interop.open(certificate);
      const ends = { local: 'our-cert.test', remote: 'gateway.test' };
      interop.ours.connect('off', { remoteAuth: 'certificate', localAuth: 'certificate', certificate }, ends);
      await interop.until(() => interop.count('childSaEstablished') >= 1);
      await interop.terminate('certanswer');
      await interop.untilGone();
    },
  );
});
