import { beforeAll, describe, expect, test } from 'vitest';
import { ID_TYPE } from '#ikev2';
import { type IssuedCertificate, TestAuthority } from '../../../n3iwf/io/test-authority.ts';
import { certificateVerifier } from '../../../n3iwf/nwu/certificate-trust.ts';

const fqdn = (name: string) => ({ type: ID_TYPE.FQDN, data: new TextEncoder().encode(name) });

describe('[RFC7296 3.6] certificate of an IKE peer', () => {
  let authority: TestAuthority;
  let issued: IssuedCertificate;
  let verify: ReturnType<typeof certificateVerifier>;

  beforeAll(async () => {
    authority = await TestAuthority.create();
    issued = await authority.issue({
      commonName: 'n3iwf',
      dnsNames: ['n3iwf.example'],
      ipAddresses: ['192.0.2.7'],
    });
    verify = certificateVerifier([authority.pem], Date.now);
  });

  test('[RFC4945 3.1] gives its key for a name it carries, and for no other', () => {
    expect(verify(issued.chain, fqdn('n3iwf.example'))?.asymmetricKeyType).toBe('ec');
    expect(
      verify(issued.chain, { type: ID_TYPE.IPV4_ADDR, data: Uint8Array.of(192, 0, 2, 7) }),
    ).toBeDefined();
    expect(verify(issued.chain, fqdn('other.example'))).toBeUndefined();
    expect(
      verify(issued.chain, { type: ID_TYPE.IPV4_ADDR, data: Uint8Array.of(192, 0, 2, 8) }),
    ).toBeUndefined();
    expect(
      verify(issued.chain, { type: ID_TYPE.KEY_ID, data: new TextEncoder().encode('n3iwf.example') }),
    ).toBeUndefined();
  });

  test('is refused from a stranger, out of its time, or as no certificate at all', async () => {
    const stranger = await TestAuthority.create();
    const foreign = await stranger.issue({ commonName: 'n3iwf', dnsNames: ['n3iwf.example'] });
    expect(verify(foreign.chain, fqdn('n3iwf.example'))).toBeUndefined();
    expect(
      verify([...issued.chain.slice(0, 0), stranger.certificate], fqdn('n3iwf.example')),
    ).toBeUndefined();
    const old = await authority.issue({
      commonName: 'x',
      dnsNames: ['n3iwf.example'],
      notAfter: new Date(Date.now() - 1000),
    });
    expect(verify(old.chain, fqdn('n3iwf.example'))).toBeUndefined();
    expect(verify([], fqdn('n3iwf.example'))).toBeUndefined();
    expect(verify([Uint8Array.of(0x30, 0x82, 0xff)], fqdn('n3iwf.example'))).toBeUndefined();
  });

  test('does not let a leaf act as an authority', async () => {
    const leafAsIssuer = [issued.certificate, issued.certificate];
    const stranger = certificateVerifier([(await TestAuthority.create()).pem], Date.now);
    expect(stranger(leafAsIssuer, fqdn('n3iwf.example'))).toBeUndefined();
  });
});
