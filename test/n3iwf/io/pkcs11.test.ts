// needs: softhsm
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type KeyEncryption, KeyStore } from '#qkd';
import { readKeyPolicy } from '../../../n3iwf/cli/key-storage.ts';
import { readConfig } from '../../../n3iwf/config.ts';
import { monotonicMs, randomOctets } from '../../../n3iwf/io/machine.ts';
import { openToken, type TokenKey } from '../../../n3iwf/io/pkcs11.ts';
import { SqliteKeyStorage } from '../../../n3iwf/io/sqlite-key-storage.ts';
import { FakeKme } from '../../qkd/store/fixtures.ts';
import { SoftHsm, softHsmModule } from '../../support/soft-hsm.ts';

const octets = (text: string) => new TextEncoder().encode(text);
const key = new Uint8Array(32).fill(7);
let hsm: SoftHsm;

/** The token's key with some of its place changed. */
function opened(changes: Partial<TokenKey> = {}): KeyEncryption {
  const place = { module: softHsmModule ?? '', token: hsm.token, key: 'kek', pin: octets(hsm.pin) };
  return openToken({ ...place, random: randomOctets, ...changes });
}

beforeAll(() => {
  hsm = new SoftHsm();
  hsm.addKey('kek', 1);
  hsm.addKey('other', 2);
  hsm.addKey('twin', 3);
  hsm.addKey('twin', 4);
});

afterAll(() => hsm.remove());

describe('a key-encryption key in a token of SoftHSM', () => {
  it('wraps and unwraps, each time otherwise', () => {
    const token = opened();
    const [one, two] = [token.wrap(key, octets('a')), token.wrap(key, octets('a'))];
    expect(one).toHaveLength(1 + 12 + 32 + 16);
    expect(one).not.toEqual(two);
    expect(Buffer.from(one).includes(Buffer.from(key))).toBe(false);
    expect(token.unwrap(one, octets('a'))).toEqual(key);
    expect(token.unwrap(two, octets('a'))).toEqual(key);
    token.close();
  });

  it('gives nothing for other data, a changed octet, another key, or half of it', () => {
    const token = opened();
    const wrapped = token.wrap(key, octets('a'));
    expect(token.unwrap(wrapped, octets('b'))).toBeUndefined();
    for (const at of [0, 5, 20, wrapped.length - 1]) {
      const changed = Uint8Array.from(wrapped);
      changed[at]! ^= 1;
      expect(token.unwrap(changed, octets('a'))).toBeUndefined();
    }
    expect(token.unwrap(wrapped.subarray(0, 20), octets('a'))).toBeUndefined();
    const other = opened({ key: 'other' });
    expect(other.unwrap(wrapped, octets('a'))).toBeUndefined();
    other.close();
    expect(token.unwrap(wrapped, octets('a'))).toEqual(key);
    token.close();
  });

  it.each([
    ['no module', { module: '/nowhere/module.so' }, /module cannot be loaded/],
    ['no token', { token: 'nobody' }, /no token of that label/],
    ['no key', { key: 'nothing' }, /no secret key with the label nothing/],
    ['two keys', { key: 'twin' }, /more than one secret key with the label twin/],
    ['a wrong PIN', { pin: octets('4321') }, /C_Login: CKR_PIN_INCORRECT/],
  ])('says so where there is %s', (_, changes, message) => {
    expect(() => opened(changes)).toThrow(message);
  });
});

describe('a key-encryption key in a token of SoftHSM, over time', () => {
  it('is an error of the module, not a key that is lost, once the session is gone', () => {
    const token = opened();
    const wrapped = token.wrap(key, octets('a'));
    token.close();
    expect(() => token.unwrap(wrapped, octets('a'))).toThrow(/C_DecryptInit: CKR_SESSION_HANDLE_INVALID/);
    expect(() => token.wrap(key, octets('a'))).toThrow(/C_EncryptInit: CKR_SESSION_HANDLE_INVALID/);
  });

  it('keeps the keys of a store over a restart, by the configuration of a node, and no other does', async () => {
    const at = (name: string) => join(hsm.folder, name);
    writeFileSync(at('pin'), `${hsm.pin}\n`);
    const example = parse(
      readFileSync(new URL('../../../deploy/n3iwf.example.yaml', import.meta.url), 'utf8'),
    );
    const stored = async (label: string) => {
      const pkcs11 = { module: softHsmModule, token: hsm.token, key: label, pin: { file: at('pin') } };
      const section = { ...example.qkd, store: at('keys.db'), keyEncryptionKey: { pkcs11 } };
      const { qkd } = readConfig({ ...example, qkd: section }, 'test');
      const storage = new SqliteKeyStorage(at('keys.db'));
      const clock = { wallMs: Date.now, monotonicMs };
      const source = new FakeKme(1);
      const parts = { source, storage, clock, random: randomOctets, pool: { low: 2, high: 4 } };
      const store = await KeyStore.open({ ...parts, ...readKeyPolicy(qkd!) });
      return { store, storage, source };
    };
    const first = await stored('kek');
    first.store.prefetch('peer');
    for (let tries = 0; tries < 100 && (await first.store.counts()).stored < 4; tries++)
      await new Promise((resolve) => setTimeout(resolve, 10));
    first.store.close();
    first.storage.close();
    const again = await stored('kek');
    expect(await again.store.counts()).toMatchObject({ stored: 4, burnt: 0 });
    expect((await again.store.obtain('peer')).status).toBe('ok');
    again.store.close();
    again.storage.close();
    const foreign = await stored('other');
    expect((await foreign.store.counts()).burnt).toBeGreaterThanOrEqual(3);
    foreign.store.close();
    foreign.storage.close();
  });
});
