import { describe, expect, test } from 'vitest';
import { addressesOf, addressOf, lookupIpv4 } from '../../../n3iwf/io/host-names.ts';

const book: Readonly<Record<string, readonly string[]>> = {
  'amf.example': ['192.0.2.18', '192.0.2.19'],
  'gone.example': [],
};
const look = (name: string) => {
  const found = book[name];
  return found === undefined ? Promise.reject(new Error(`no ${name}`)) : Promise.resolve(found);
};

describe('host names', () => {
  test('an address is itself, of either family, without a look-up', async () => {
    expect(await addressOf('192.0.2.1', look)).toBe('192.0.2.1');
    expect(await addressOf('2001:db8::1', look)).toBe('2001:db8::1');
    expect(await addressesOf(['192.0.2.1', '192.0.2.1'], look)).toEqual(['192.0.2.1']);
  });

  test('a name is its first address, or all of them', async () => {
    expect(await addressOf('amf.example', look)).toBe('192.0.2.18');
    expect(await addressesOf(['amf.example', '192.0.2.20'], look)).toEqual([
      '192.0.2.18',
      '192.0.2.19',
      '192.0.2.20',
    ]);
  });

  test('of several hosts one that is unknown is no fault while another is known', async () => {
    expect(await addressesOf(['absent.example', 'amf.example'], look)).toHaveLength(2);
    await expect(addressesOf(['absent.example', 'gone.example'], look)).rejects.toThrow(
      'no address is known for absent.example, gone.example',
    );
  });

  test('a name without an address is a fault', async () => {
    await expect(addressOf('gone.example', look)).rejects.toThrow('gone.example has no IPv4 address');
    await expect(addressOf('absent.example', look)).rejects.toThrow('no absent.example');
  });

  test('the system knows localhost', async () => {
    expect(await lookupIpv4('localhost')).toContain('127.0.0.1');
  });
});
