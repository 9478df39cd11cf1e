import { format, inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Secret } from '#qkd';

const octets = fc.uint8Array({ minLength: 4, maxLength: 64 });

describe('a secret', () => {
  it('shows its bytes in no kind of text', () => {
    const bytes = Uint8Array.from([0xde, 0xad, 0xbe, 0xef, 222, 173, 190, 239]);
    const secret = Secret.copyOf(bytes);
    const error = new Error(`failed with ${secret}`, { cause: { secret } });
    const texts = [
      String(secret),
      `${secret}`,
      JSON.stringify({ secret }),
      inspect(secret, { depth: 9, showHidden: true }),
      inspect({ deep: [{ secret }] }, { depth: 9 }),
      format('%s %j %o', secret, secret, secret),
      inspect(error, { depth: 9 }),
      String(Object.values(secret)),
    ];
    for (const text of texts) expect(text).not.toMatch(/dead|222|173|3q2-|3q2\+/i);
  });

  it('is zeroed in its own buffer by wipe, and unusable after it', () => {
    fc.assert(
      fc.property(octets, (bytes) => {
        const own = Uint8Array.from(bytes);
        const secret = Secret.own(own);
        secret.wipe();
        secret.wipe();
        expect(own.every((octet) => octet === 0)).toBe(true);
        expect(secret.length).toBe(0);
        expect(secret.wiped).toBe(true);
        expect(() => secret.use(() => 0)).toThrow('wiped');
      }),
    );
  });

  it('copies into a buffer that is part of no pool', () => {
    const secret = Secret.copyOf(Buffer.from('0123456789abcdef0123456789abcdef'));
    secret.use((bytes) => {
      expect(bytes.byteOffset).toBe(0);
      expect(bytes.buffer.byteLength).toBe(32);
    });
  });

  it('equals a secret of the same bytes and no other', () => {
    fc.assert(
      fc.property(octets, octets, (a, b) => {
        const same = Buffer.compare(a, b) === 0;
        expect(Secret.copyOf(a).equals(Secret.copyOf(b))).toBe(same);
        expect(Secret.copyOf(a).equals(Secret.copyOf(a))).toBe(true);
      }),
    );
  });

  it('equals nothing once it is wiped', () => {
    const [a, b] = [Secret.copyOf(Uint8Array.of(0)), Secret.copyOf(Uint8Array.of(0))];
    a.wipe();
    expect(a.equals(b)).toBe(false);
    expect(b.equals(a)).toBe(false);
  });
});
