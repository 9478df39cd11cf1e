import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { shellConfigOf } from '../../../n3iwf/cli/shell-config.ts';
import { readConfig } from '../../../n3iwf/config.ts';

const folder = mkdtempSync(join(tmpdir(), 'shell-config-'));
const at = (name: string) => join(folder, name);
const example = parse(
  readFileSync(new URL('../../../deploy/n3iwf.example.yaml', import.meta.url), 'utf8'),
) as Record<string, Record<string, unknown>>;

/** The kinds of keys that openssl makes here, by the words for it. */
const kinds = {
  rsa: ['rsa:2048'],
  p256: ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  p384: ['ec', '-pkeyopt', 'ec_paramgen_curve:P-384'],
  p521: ['ec', '-pkeyopt', 'ec_paramgen_curve:P-521'],
  ed25519: ['ed25519'],
} as const;

beforeAll(() => {
  for (const [name, words] of Object.entries(kinds)) {
    const files = ['-keyout', at(`${name}.key`), '-out', at(`${name}.pem`)];
    const subject = ['-subj', '/CN=n3iwf.example.org', '-days', '2', '-nodes'];
    execFileSync('openssl', ['req', '-x509', '-newkey', ...words, ...files, ...subject], { stdio: 'ignore' });
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

const withCertificate = (chain: string, key: string) => {
  const certificate = { chain: at(`${chain}.pem`), key: at(`${key}.key`) };
  const document = { ...example, ike: { ...example.ike, auth: 'certificate', certificate } };
  return shellConfigOf(readConfig(document, 'test'), false).gateway.ike.certificate;
};

describe('the certificate of the node', () => {
  it.each(['rsa', 'p256', 'p384'])('may have a key of %s', (kind) => {
    expect(withCertificate(kind, kind)?.chain).toHaveLength(1);
  });

  it.each(['p521', 'ed25519'])('has no key of %s, with which nothing here signs', (kind) => {
    expect(() => withCertificate(kind, kind)).toThrow(
      /ike\.certificate.*must be RSA, or EC on P-256 or P-384/,
    );
  });

  it('has the key of its first certificate', () => {
    expect(() => withCertificate('rsa', 'p256')).toThrow(/the key is not that of the first certificate/);
  });
});
