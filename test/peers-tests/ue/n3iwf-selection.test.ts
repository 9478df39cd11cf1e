import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type NameService,
  operatorFqdn,
  selectN3iwf,
  trackingAreaFqdn,
  visitedCountryFqdn,
} from '../../peers/ue/n3iwf-selection.ts';

const home = { mcc: '208', mnc: '93' };
const ownName = 'n3iwf.5gc.mnc093.mcc208.pub.3gppnetwork.org';
const foreignName = 'n3iwf.5gc.mnc012.mcc345.pub.3gppnetwork.org';
const visited = 'n3iwf.5gc.mcc345.visited-country.pub.3gppnetwork.org';

/** A name service with these records; it notes what it was asked. */
function names(addresses: Record<string, string>, replacements: Record<string, readonly string[]> = {}) {
  const asked: string[] = [];
  const service: NameService = {
    addresses: (name) => {
      asked.push(name);
      const address = addresses[name];
      return address === undefined ? Promise.reject(new Error('unknown')) : Promise.resolve([address]);
    },
    replacements: (name) => {
      asked.push(name);
      return Promise.resolve(replacements[name] ?? []);
    },
  };
  return { asked, service };
}

describe('names of N3IWFs', () => {
  it('[TS23003 28.3.2.2.2] by operator, the MNC with three digits', () => {
    expect(operatorFqdn({ mcc: '345', mnc: '12' })).toBe(foreignName);
    expect(operatorFqdn({ mcc: '310', mnc: '410' })).toBe('n3iwf.5gc.mnc410.mcc310.pub.3gppnetwork.org');
  });

  it('[TS23003 28.3.2.2.3] by tracking area, its lowest octet first', () => {
    expect(trackingAreaFqdn({ mcc: '345', mnc: '12' }, '0B1A21')).toBe(
      `tac-lb21.tac-mb1a.tac-hb0b.5gstac.${foreignName}`,
    );
  });

  it('[TS23003 28.3.2.2.4] by the country that the UE visits', () => {
    expect(visitedCountryFqdn('345')).toBe(visited);
  });

  it('all are host names, whatever the digits', () => {
    const digits = (least: number, most: number) =>
      fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: least, maxLength: most });
    const tac = fc.string({ unit: fc.constantFrom(...'0123456789abcdefABCDEF'), minLength: 6, maxLength: 6 });
    fc.assert(
      fc.property(digits(3, 3), digits(2, 3), tac, (mcc, mnc, area) => {
        for (const name of [
          operatorFqdn({ mcc, mnc }),
          trackingAreaFqdn({ mcc, mnc }, area),
          visitedCountryFqdn(mcc),
        ]) {
          expect(name).toMatch(/^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+org$/);
          expect(name.length).toBeLessThan(254);
        }
      }),
    );
  });
});

describe('[TS24502 7.2] the UE takes', () => {
  it('at home the N3IWF of its home PLMN, without asking about the country', async () => {
    const { asked, service } = names({ [ownName]: '192.0.2.10' });
    expect(await selectN3iwf({ home, country: '208' }, service)).toEqual({
      name: ownName,
      address: '192.0.2.10',
    });
    expect(asked).toEqual([ownName]);
  });

  it('the name that its operator gave it', async () => {
    const { service } = names({ [ownName]: '192.0.2.10', 'n3iwf.example.org': '192.0.2.11' });
    const input = { home, country: '208', identifier: 'n3iwf.example.org' };
    expect((await selectN3iwf(input, service)).address).toBe('192.0.2.11');
  });

  it('the one of its tracking area, or that of the operator where the area has none', async () => {
    const area = `tac-lb01.tac-mb00.tac-hb00.5gstac.${ownName}`;
    const input = { home, country: '208', tac: '000001' };
    const both = names({ [ownName]: '192.0.2.10', [area]: '192.0.2.12' });
    expect((await selectN3iwf(input, both.service)).name).toBe(area);
    const one = names({ [ownName]: '192.0.2.10' });
    expect((await selectN3iwf(input, one.service)).name).toBe(ownName);
    expect(one.asked).toEqual([area, ownName]);
  });

  it('none that has no address', async () => {
    await expect(selectN3iwf({ home, country: '208' }, names({}).service)).rejects.toThrow(
      `${ownName}: unknown`,
    );
    const empty = { ...names({}).service, addresses: () => Promise.resolve([]) };
    await expect(selectN3iwf({ home, country: '208' }, empty)).rejects.toThrow(`${ownName} has no address`);
  });
});

describe('[TS24502 7.2] a UE that is not in its home country takes', () => {
  it('abroad that of the PLMN it is registered with over 3GPP access', async () => {
    const { asked, service } = names({ [foreignName]: '198.51.100.1' });
    const input = { home, country: '345', registered: { mcc: '345', mnc: '12' } };
    expect((await selectN3iwf(input, service)).name).toBe(foreignName);
    expect(asked).toEqual([foreignName]);
  });

  it('abroad one of those that the country names, in their order', async () => {
    const gone = 'n3iwf.5gc.mnc013.mcc345.pub.3gppnetwork.org';
    const { asked, service } = names(
      { [foreignName]: '198.51.100.1', [ownName]: '192.0.2.10' },
      { [visited]: [gone, foreignName] },
    );
    expect((await selectN3iwf({ home, country: '345' }, service)).name).toBe(foreignName);
    expect(asked).toEqual([visited, gone, foreignName]);
  });

  it('its home one where the country demands none', async () => {
    const { asked, service } = names({ [ownName]: '192.0.2.10' });
    expect((await selectN3iwf({ home, country: '345' }, service)).name).toBe(ownName);
    expect(asked).toEqual([visited, ownName]);
  });

  it('none without an answer about the country, not even its home one', async () => {
    const { service } = names({ [ownName]: '192.0.2.10' });
    const silent = { ...service, replacements: () => Promise.reject(new Error('timeout')) };
    await expect(selectN3iwf({ home, country: '345' }, silent)).rejects.toThrow(
      `no answer about ${visited}: timeout`,
    );
  });
});
