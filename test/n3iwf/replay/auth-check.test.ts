import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AuthChecker, type AuthKeys, readAuthKeys } from '../../../n3iwf/replay/auth-check.ts';
import { readCapture } from '../../../n3iwf/replay/capture-file.ts';
import { CaptureReader, type IkeReport } from '../../../n3iwf/replay/capture-reader.ts';
import { datagramsOf } from '../../../n3iwf/replay/datagrams.ts';
import { readKeyTable } from '../../../n3iwf/replay/key-table.ts';

const folder = new URL('../../captures/strongswan6/', import.meta.url);
const file = (name: string) => new Uint8Array(readFileSync(fileURLToPath(new URL(name, folder))));
const text = (name: string) => new TextDecoder().decode(file(name));
const { keys } = readKeyTable(text('ikev2_decryption_table'));
const authKeys = readAuthKeys(text('ikev2_auth_keys'));

/** The messages of a capture with AUTH payloads, as a checker with these keys judges them. */
function authOf(name: string, checkedWith = authKeys, psk?: string): IkeReport[] {
  const capture = readCapture(file(`${name}.pcap`));
  if (!capture.ok) throw capture.error;
  const secret = psk === undefined ? undefined : new TextEncoder().encode(psk);
  const reader = new CaptureReader(keys, new AuthChecker(checkedWith, secret));
  const reports = [...datagramsOf(capture.value.frames)].map((datagram) => reader.read(datagram));
  return reports.filter((report) => report?.kind === 'ike').filter(({ payloads }) => / AUTH /.test(payloads));
}

/** The same keys with one octet of each SK_p turned. */
function turned(): Map<string, AuthKeys[]> {
  const turn = (octets: Uint8Array) => octets.map((octet, at) => (at === 0 ? octet ^ 1 : octet));
  return new Map(
    [...authKeys].map(([spis, rows]) => [
      spis,
      rows.map(({ prf, skPi, skPr }) => ({ prf, skPi: turn(skPi), skPr: turn(skPr) })),
    ]),
  );
}

describe('AUTH in a capture', () => {
  it('[RFC9242 3.3.2] signatures cover the identity, both nonces and the IKE_INTERMEDIATE exchange', () => {
    const reports = authOf('pq-cert');
    expect(reports.map(({ verdict }) => verdict)).toEqual(['ok', 'ok']);
    for (const { notes } of reports) expect(notes).toContain('AUTH fits');
    for (const { verdict, notes } of authOf('pq-cert', turned())) {
      expect(verdict).toBe('badAuth');
      expect(notes).toContain('AUTH does not fit');
    }
  });

  it('[RFC8784 3] a PPK changes what is proved, in the keys of the last line', () => {
    const psk = 'sesame-sesame-sesame';
    for (const { notes } of authOf('pq-ppk', authKeys, psk)) expect(notes).toContain('AUTH fits');
    const withoutLast = new Map([...authKeys].map(([spis, rows]) => [spis, rows.slice(0, -1)]));
    for (const { verdict } of authOf('pq-ppk', withoutLast, psk)) expect(verdict).toBe('badAuth');
  });

  it('stays open without the pre-shared key, and without keys', () => {
    for (const { verdict, notes } of [...authOf('pq-hybrid'), ...authOf('pq-cert', new Map())]) {
      expect(verdict).toBe('ok');
      expect(notes.join()).not.toContain('AUTH');
    }
  });
});

describe('the table of keys for AUTH', () => {
  it('has a row for each time that the keys changed', () => {
    expect([...authKeys.values()].some((rows) => rows.length > 1)).toBe(true);
  });

  it('leaves aside what is no row', () => {
    fc.assert(fc.property(fc.string(), (noise) => readAuthKeys(noise).size === 0));
    const rows = readAuthKeys('# comment\n0102030405060708,1112131415161718,hmac-sha2-256,aa,bb\nno row');
    expect([...rows.keys()]).toEqual(['0102030405060708 1112131415161718']);
  });
});
