import { beforeAll, expect, it } from 'vitest';
import { judgeCertificates } from '../../../n3iwf/doctor/certificates.ts';
import { TestAuthority } from '../../../n3iwf/io/test-authority.ts';

const dayMs = 86_400_000;
const now = Date.now();
let authority: TestAuthority;
beforeAll(async () => {
  authority = await TestAuthority.create();
});

const file = (text: string) => ({ ok: true as const, value: new TextEncoder().encode(text) });
const judge = (text: string, at = now) => judgeCertificates('k', 'f.pem', file(text), at);
const ending = async (commonName: string, days: number) =>
  (await authority.issue({ commonName, notAfter: new Date(now + days * dayMs) })).pem.certificate;

it('takes a chain that lasts, warns within a month, fails after the end and before the beginning', async () => {
  const long = await ending('long', 90);
  expect(judge(long).severity).toBe('ok');
  expect(judge(await ending('short', 10))).toMatchObject({
    severity: 'warn',
    detail: expect.stringMatching(/CN=short expires on .*, in \d+ days/),
  });
  expect(judge(long, now + 91 * dayMs)).toMatchObject({ severity: 'fail', remedy: 'renew it' });
  expect(judge(long, now - 30 * dayMs)).toMatchObject({
    severity: 'fail',
    detail: expect.stringContaining('is valid from'),
  });
});

it('judges a chain by the certificate that ends first, wherever it stands', async () => {
  const [good, bad] = [await ending('good', 90), await ending('bad', -1)];
  for (const chain of [`${good}\n${bad}`, `${bad}\n${good}`])
    expect(judge(chain)).toMatchObject({
      severity: 'fail',
      detail: expect.stringContaining('CN=bad expired'),
    });
});

it('says what is wrong with a file that is none', () => {
  expect(judge('')).toMatchObject({
    severity: 'fail',
    detail: expect.stringContaining('holds no certificate'),
  });
  const garbage = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----';
  expect(judge(garbage).detail).toContain('no readable certificate');
  expect(judgeCertificates('k', 'f', { ok: false, reason: 'EACCES' }, now).detail).toContain('EACCES');
});
