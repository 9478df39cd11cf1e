import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readTunnel, writeTunnel } from '../../../n3iwf/n2/tunnels.ts';

const v4 = [192, 0, 2, 9];
const v6 = [0x20, 1, 0xd, 0xb8, ...new Array<number>(11).fill(0), 9];
const named = (octets: readonly number[], teid = 5, length = octets.length * 8) =>
  ({
    choice: 'gTPTunnel',
    value: {
      transportLayerAddress: { bits: Uint8Array.from(octets), length },
      gtpTeid: Uint8Array.of(0, 0, 0, teid),
    },
  }) as const;

describe('tunnel ends', () => {
  it('[TS38414 5.3] picks the address of our family out of one, or of both', () => {
    expect(readTunnel(named(v4), '192.0.2.1')).toEqual({ address: '192.0.2.9', teid: 5 });
    expect(readTunnel(named(v6), '2001:db8::1')).toEqual({ address: '2001:db8::9', teid: 5 });
    expect(readTunnel(named([...v4, ...v6]), '192.0.2.1')?.address).toBe('192.0.2.9');
    expect(readTunnel(named([...v4, ...v6]), '2001:db8::1')?.address).toBe('2001:db8::9');
  });

  const unusable = [
    ['of the other family', named(v6)],
    ['of a length that no address has', named([192, 0, 2, 9, 1])],
    ['of all zeros', named([0, 0, 0, 0])],
    ['of fewer bits than octets', named(v4, 5, 31)],
  ] as const;
  for (const [what, information] of unusable) {
    it(`takes no address ${what}`, () => {
      expect(readTunnel(information, '192.0.2.1')).toBeUndefined();
    });
  }

  it('[TS29281 5.1] takes no TEID 0', () => {
    expect(readTunnel(named(v4, 0), '192.0.2.1')).toBeUndefined();
  });

  it('takes no transport that is not GTP', () => {
    const unknown = { choice: '(9)', value: Uint8Array.of(0) } as unknown as Parameters<typeof readTunnel>[0];
    expect(readTunnel(unknown, '192.0.2.1')).toBeUndefined();
  });

  it('reads what it writes', () => {
    const octet = fc.integer({ min: 1, max: 254 });
    fc.assert(
      fc.property(
        fc.tuple(octet, octet, octet, octet),
        fc.integer({ min: 1, max: 0xffffffff }),
        (parts, teid) => {
          const end = { address: parts.join('.'), teid };
          expect(readTunnel(writeTunnel(end), '192.0.2.1')).toEqual(end);
        },
      ),
    );
  });
});
