// needs: charon, root
/**
 * ML-KEM and additional key exchanges need strongSwan 6, which Debian has not yet. By hand, with one that was built apart:
 * INTEROP_CHARON=…/libexec/ipsec/charon INTEROP_SWANCTL=…/sbin/swanctl INTEROP_RUN=…/run npm run test:interop
 */
import { describe, expect, test } from 'vitest';
import { connectionText } from './connections.ts';
import { stage } from './interop.ts';
import { esps, ike, ppkId } from './our-peer.ts';

const interop = stage();
const esp = 'aes256gcm16';
const hybrid = 'aes256gcm16-prfsha256-x25519-ke1_mlkem768';

/** What each proposal is called in the table. */
const proposals = {
  'aes256gcm16-prfsha256-mlkem768': 'ML-KEM-768 in IKE_SA_INIT',
  'aes256gcm16-prfsha256-x25519-ke1_mlkem512': 'X25519 and ML-KEM-512 (RFC 9370)',
  [hybrid]: 'X25519 and ML-KEM-768 (RFC 9370)',
  'aes256gcm16-prfsha256-x25519-ke1_mlkem768-ke2_mlkem1024': 'X25519, ML-KEM-768 and -1024 (RFC 9370)',
  'aes256-sha256-ecp256-ke1_mlkem768': 'ECP-256 and ML-KEM-768, AES-CBC',
};

describe.runIf(process.env.INTEROP_CHARON !== undefined)('strongSwan 6 and we', () => {
  test.for(Object.entries(proposals))(
    '[RFC9370 2.2.2] charon starts with %s',
    async ([words, name], context) => {
      interop.claims(context, 'the peer starts', name);
      await interop.charon.add(`connections { ${connectionText('pq', { ike: words, esp })} }`);
      await interop.open(undefined, { proposals: ike([words]) });
      expect(await interop.initiate('pq')).toContain('initiate completed successfully');
      expect(interop.count('childSaEstablished')).toBe(1);
      await interop.terminate('pq');
      await interop.untilGone();
    },
  );

  test.for(Object.entries(proposals))('[RFC9370 2.2.2] we start with %s', async ([words, name], context) => {
    interop.claims(context, 'we start', name);
    await interop.open(undefined, { proposals: ike([words]) });
    interop.ours.connect('off', { remoteAuth: 'psk', localAuth: 'psk' });
    await interop.until(() => interop.count('childSaEstablished') >= 1);
    await interop.terminate('answer');
    await interop.untilGone();
  });

  test('[RFC9370 2.2.4] Child SA and IKE SA are rekeyed with ML-KEM from either side', async (context) => {
    const rekeys = [
      'Child SA rekey with ML-KEM (IKE_FOLLOWUP_KE)',
      'IKE SA rekey with ML-KEM (IKE_FOLLOWUP_KE)',
    ];
    interop.claims(context, 'the peer starts', ...rekeys);
    interop.claims(context, 'we start', ...rekeys);
    const hybridEsp = 'aes256gcm16-x25519-ke1_mlkem768';
    await interop.charon.add(`connections { ${connectionText('pq', { ike: hybrid, esp: hybridEsp })} }`);
    await interop.open(undefined, { proposals: ike([hybrid]), childProposals: esps([hybridEsp]) });
    await interop.initiate('pq');
    await interop.charon.swanctl('--rekey', '--child', 'pqc');
    await interop.until(
      () => interop.count('childSaEstablished') === 2 && interop.count('childSaDeleted') === 1,
    );
    await interop.charon.swanctl('--rekey', '--ike', 'pq');
    await interop.until(() => interop.count('ikeSaRekeyed') >= 1);
    interop.ours.command((engine, now, ikeSa, child) => engine.rekeyChildSa(now, ikeSa, child));
    await interop.until(
      () => interop.count('childSaEstablished') === 3 && interop.count('childSaDeleted') === 2,
    );
    interop.ours.command((engine, now, ikeSa) => engine.rekeyIkeSa(now, ikeSa));
    await interop.until(() => interop.count('ikeSaRekeyed') >= 2);
    interop.ours.command((engine, now, ikeSa) => engine.checkLiveness(now, ikeSa));
    await interop.until(() => interop.count('livenessConfirmed') >= 1);
    expect(await interop.charon.swanctl('--list-sas')).toMatch(/ML_KEM_768/);
    await interop.terminate('pq');
    await interop.untilGone();
  });

  test('[RFC9242 3.3.2] certificates and a PPK beside an additional key exchange', async (context) => {
    interop.claims(context, 'the peer starts', 'IntAuth with certificates', 'PPK (RFC 8784) with ML-KEM');
    const cert = { ike: hybrid, esp, auth: 'pubkey', certificate: 'rsa.pem' } as const;
    const ppk = { ike: hybrid, esp, more: `ppk_id = ${ppkId}\n ppk_required = yes` };
    await interop.charon.add(
      `connections { ${connectionText('pqcert', cert)}\n${connectionText('pqppk', ppk)} }`,
    );
    const more = { proposals: ike([hybrid]), datagramSize: 800 };
    await interop.open(await interop.certificate('n3iwf.test', 'ecdsa-p256'), more);
    expect(await interop.initiate('pqcert')).toContain('initiate completed successfully');
    await interop.terminate('pqcert');
    await interop.ours.close();
    await interop.open(undefined, more);
    expect(await interop.initiate('pqppk')).toContain('initiate completed successfully');
    expect(await interop.charon.swanctl('--list-sas')).toMatch(/ML_KEM_768\/PPK|KE1_ML_KEM_768.*\/PPK/);
    await interop.terminate('pqppk');
  });
});
