import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeKeyFile, encodeKeyFile, type KeyFile, KeyFileSource, Secret } from '#qkd';
import { bytesOf, keyIdOf, keyOf } from '../store/fixtures.ts';

const TRANSPORT = Secret.copyOf(new Uint8Array(32).fill(9));
const entropy = (length: number) => new Uint8Array(randomBytes(length));

function fileOf(count: number): KeyFile {
  const keys = Array.from({ length: count }, (_, index) => keyOf(keyIdOf(index + 1)));
  return { masterSaeId: 'ue-1', slaveSaeId: 'n3iwf', keys };
}

function opened(bytes: Uint8Array, key = TRANSPORT): KeyFile {
  const file = decodeKeyFile(bytes, key);
  if (!file.ok) throw new Error(file.error);
  return file.value;
}

describe('a key file', () => {
  it('comes back as it went', () => {
    const key = fc.record({ keyId: fc.uuid(), bytes: fc.uint8Array({ minLength: 32, maxLength: 32 }) });
    const keys = fc.uniqueArray(key, { selector: (entry) => entry.keyId, maxLength: 20 });
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string(), keys, (masterSaeId, slaveSaeId, entries) => {
        const made = entries.map(({ keyId, bytes }) => ({ keyId, secret: Secret.copyOf(bytes) }));
        const file = opened(encodeKeyFile({ masterSaeId, slaveSaeId, keys: made }, TRANSPORT, entropy));
        expect([file.masterSaeId, file.slaveSaeId]).toEqual([masterSaeId, slaveSaeId]);
        expect(file.keys.map((entry) => entry.keyId)).toEqual(entries.map((entry) => entry.keyId));
        for (const [index, entry] of file.keys.entries())
          expect(entry.secret.equals(made[index]!.secret)).toBe(true);
      }),
    );
  });

  it('does not open when any bit of it is another one, or the transport key is', () => {
    const bytes = encodeKeyFile(fileOf(3), TRANSPORT, entropy);
    for (let at = 0; at < bytes.length; at++) {
      const changed = Uint8Array.from(bytes);
      changed[at] = changed[at]! ^ 1;
      expect(decodeKeyFile(changed, TRANSPORT).ok, `octet ${at}`).toBe(false);
    }
    expect(decodeKeyFile(bytes, Secret.copyOf(new Uint8Array(32)))).toEqual({
      ok: false,
      error: 'the transport key is another one, or the file was changed',
    });
  });

  it('does not open when it is cut short anywhere, and any octets are no key file', () => {
    const bytes = encodeKeyFile(fileOf(2), TRANSPORT, entropy);
    for (let length = 0; length < bytes.length; length++)
      expect(decodeKeyFile(bytes.subarray(0, length), TRANSPORT).ok).toBe(false);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        expect(decodeKeyFile(noise, TRANSPORT).ok).toBe(false);
        expect(decodeKeyFile(Buffer.concat([Buffer.from('QNK1'), noise]), TRANSPORT).ok).toBe(false);
      }),
    );
  });

  it('shows no key, and takes no keys of two lengths or one ID twice', () => {
    const bytes = Buffer.from(encodeKeyFile(fileOf(3), TRANSPORT, entropy));
    expect(bytes.includes(Buffer.from(bytesOf(keyIdOf(1))))).toBe(false);
    const odd = { keyId: keyIdOf(9), secret: Secret.copyOf(new Uint8Array(16)) };
    expect(() => encodeKeyFile({ ...fileOf(1), keys: [keyOf(keyIdOf(1)), odd] }, TRANSPORT, entropy)).toThrow(
      'one length',
    );
    const twice = { ...fileOf(0), keys: [keyOf(keyIdOf(1)), keyOf(keyIdOf(1))] };
    expect(decodeKeyFile(encodeKeyFile(twice, TRANSPORT, entropy), TRANSPORT)).toEqual({
      ok: false,
      error: 'a key ID stands twice',
    });
  });
});

describe('a key file as a source', () => {
  it('gives its keys in order, and none a second time after a restart', async () => {
    const bytes = encodeKeyFile(fileOf(5), TRANSPORT, entropy);
    const used = new Set<string>();
    for (let life = 0; life < 3; life++) {
      const source = new KeyFileSource(opened(bytes), (keyId) => Promise.resolve(used.has(keyId)));
      expect(await source.remaining()).toBe(5 - used.size);
      const keys = await source.encKeys('n3iwf', 2);
      if (!keys.ok) throw new Error(keys.error.detail);
      for (const key of keys.value) {
        expect(key.secret.equals(keyOf(key.keyId).secret)).toBe(true);
        used.add(key.keyId);
      }
      source.wipe();
    }
    expect([...used]).toEqual([1, 2, 3, 4, 5].map(keyIdOf));
    const source = new KeyFileSource(opened(bytes), (keyId) => used.has(keyId));
    expect(await source.encKeys('n3iwf', 1)).toMatchObject({
      error: { kind: 'unavailable', mayHaveBurnt: false },
    });
  });

  it('gives no key to two who ask at once', async () => {
    const source = new KeyFileSource(fileOf(4), async () => false);
    const answers = await Promise.all([source.encKeys('n3iwf', 2), source.encKeys('n3iwf', 2)]);
    const ids = answers.flatMap((answer) => (answer.ok ? answer.value.map((key) => key.keyId) : []));
    expect(new Set(ids).size).toBe(4);
  });

  it('serves the slave by IDs, all or none, once', async () => {
    const source = new KeyFileSource(fileOf(3), () => false);
    expect((await source.decKeys('ue-1', [keyIdOf(1), keyIdOf(7)])).ok).toBe(false);
    expect((await source.decKeys('ue-2', [keyIdOf(1)])).ok).toBe(false);
    const keys = await source.decKeys('ue-1', [keyIdOf(2).toUpperCase(), keyIdOf(1)]);
    expect(keys.ok && keys.value.map((key) => key.keyId)).toEqual([keyIdOf(2), keyIdOf(1)]);
    expect(await source.decKeys('ue-1', [keyIdOf(1)])).toMatchObject({ error: { kind: 'unknown-key' } });
    expect(await source.encKeys('elsewhere', 1)).toMatchObject({ error: { kind: 'bad-request' } });
    expect(await source.remaining()).toBe(1);
  });
});
