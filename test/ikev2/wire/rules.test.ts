import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IkeError } from '../../../ikev2/wire/errors.ts';
import { EXCHANGE, FIRST_STATUS_NOTIFY, NOTIFY, nameOf, PAYLOAD } from '../../../ikev2/wire/registry.ts';
import { checkPayloads, type Direction } from '../../../ikev2/wire/rules.ts';
import type { Payload } from '../../../ikev2/wire/types.ts';
import { payloads } from './arbitraries.ts';

const NONE = new Uint8Array(0);
const SAMPLES: Record<string, Payload> = {
  SA: { type: 'SA', proposals: [] },
  KE: { type: 'KE', method: 31, data: NONE },
  IDi: { type: 'IDi', id: { type: 11, data: NONE } },
  IDr: { type: 'IDr', id: { type: 2, data: NONE } },
  CERT: { type: 'CERT', encoding: 4, data: NONE },
  CERTREQ: { type: 'CERTREQ', encoding: 4, data: NONE },
  AUTH: { type: 'AUTH', method: 2, data: NONE },
  No: { type: 'Nonce', data: NONE },
  N: { type: 'Notify', protocol: 0, spi: NONE, notifyType: NOTIFY.INITIAL_CONTACT, data: NONE },
  ERROR: { type: 'Notify', protocol: 0, spi: NONE, notifyType: NOTIFY.NO_PROPOSAL_CHOSEN, data: NONE },
  COOKIE: { type: 'Notify', protocol: 0, spi: NONE, notifyType: NOTIFY.COOKIE, data: NONE },
  D: { type: 'Delete', protocol: 1, spis: [] },
  V: { type: 'VendorId', data: NONE },
  TSi: { type: 'TSi', selectors: [] },
  TSr: { type: 'TSr', selectors: [] },
  CP: { type: 'CP', cfgType: 1, attributes: [] },
  EAP: { type: 'EAP', packet: NONE },
  Unknown: { type: 'Unknown', payloadType: 200, critical: false, data: NONE },
  Critical: { type: 'Unknown', payloadType: 201, critical: true, data: NONE },
};

function check(exchange: keyof typeof EXCHANGE, direction: Direction, words: string) {
  const list = words.split(' ').filter((word) => word !== '');
  const result = checkPayloads(
    EXCHANGE[exchange],
    direction,
    list.map((word) => SAMPLES[word] as Payload),
  );
  return result.ok ? result.value : result.error;
}

describe('[RFC7296 1.3] [RFC7296 1.4] forms of messages', () => {
  it.each([
    ['IKE_SA_INIT', 'request', 'SA KE No N N V', 'any'],
    ['IKE_SA_INIT', 'response', 'SA No KE N CERTREQ', 'any'],
    ['IKE_SA_INIT', 'response', 'COOKIE', 'any'],
    ['IKE_SA_INIT', 'response', 'ERROR', 'any'],
    ['IKE_AUTH', 'request', 'IDi SA TSi TSr', 'first'],
    ['IKE_AUTH', 'request', 'IDi CERT CERT CERTREQ IDr AUTH CP SA TSi TSr N', 'first'],
    ['IKE_AUTH', 'request', 'EAP', 'eap'],
    ['IKE_AUTH', 'request', 'AUTH CP N', 'last'],
    ['IKE_AUTH', 'response', 'IDr CERT AUTH EAP', 'first'],
    ['IKE_AUTH', 'response', 'IDr EAP N', 'first'],
    ['IKE_AUTH', 'response', 'EAP', 'eap'],
    ['IKE_AUTH', 'response', 'AUTH CP SA TSi TSr N N', 'last'],
    ['IKE_AUTH', 'response', 'IDr CERT AUTH SA TSi TSr', 'last'],
  ] as const)('[RFC7296 1.2] %s %s [%s] is %s', (exchange, direction, words, form) => {
    expect(check(exchange, direction, words)).toBe(form);
  });

  it.each([
    ['request', 'SA No KE', 'ike'],
    ['request', 'N SA No KE TSi TSr', 'child'],
    ['response', 'SA No TSi TSr N', 'child'],
  ] as const)('[RFC7296 1.3] CREATE_CHILD_SA %s [%s] is %s', (direction, words, form) => {
    expect(check('CREATE_CHILD_SA', direction, words)).toBe(form);
  });

  it.each(['', 'N D D', 'CP', 'V Unknown'])('[RFC7296 1.4] INFORMATIONAL may hold [%s]', (words) => {
    expect(check('INFORMATIONAL', 'request', words)).toBe('any');
    expect(check('INFORMATIONAL', 'response', words)).toBe('any');
  });

  it('let error answers lack the rest, but not hold what does not belong', () => {
    expect(check('CREATE_CHILD_SA', 'response', 'ERROR')).toBe('ike');
    expect(check('IKE_AUTH', 'response', 'AUTH ERROR')).toBe('last');
    expect(check('IKE_AUTH', 'response', 'ERROR KE')).toBeInstanceOf(IkeError);
    expect(check('CREATE_CHILD_SA', 'request', 'ERROR')).toBeInstanceOf(IkeError);
  });
});

describe('[RFC7296 1.3] [RFC7296 1.4] messages of another form', () => {
  it.each([
    ['IKE_SA_INIT', 'request', 'SA KE', 'lacks Nonce'],
    ['IKE_SA_INIT', 'request', 'SA SA KE No', 'has 2 SA'],
    ['IKE_SA_INIT', 'request', 'SA KE No AUTH', 'has 1 AUTH'],
    ['IKE_SA_INIT', 'request', '', 'lacks SA'],
    ['IKE_AUTH', 'request', '', 'as eap: lacks EAP'],
    ['IKE_AUTH', 'request', 'IDi SA TSi', 'as first: lacks TSr'],
    ['IKE_AUTH', 'request', 'EAP EAP', 'has 2 EAP'],
    ['IKE_AUTH', 'request', 'EAP AUTH', 'as last: has 1 EAP'],
    ['CREATE_CHILD_SA', 'request', 'SA No', 'as child: lacks TSi'],
    ['INFORMATIONAL', 'request', 'SA', 'has 1 SA'],
    ['IKE_SESSION_RESUME', 'request', 'N', 'is not supported'],
  ] as const)('refuse %s %s [%s]: %s', (exchange, direction, words, reason) => {
    const error = check(exchange, direction, words);
    expect(error).toBeInstanceOf(IkeError);
    expect((error as IkeError).message).toContain(reason);
    expect((error as IkeError).notifyType).toBe(NOTIFY.INVALID_SYNTAX);
  });

  it('[RFC7296 2.5] answer an unknown critical payload by its number and skip other unknown ones', () => {
    const error = check('INFORMATIONAL', 'request', 'N Critical') as IkeError;
    expect(error.notifyType).toBe(NOTIFY.UNSUPPORTED_CRITICAL_PAYLOAD);
    expect([...error.notifyData]).toEqual([201]);
    expect(check('IKE_SA_INIT', 'request', 'SA KE No Unknown Unknown')).toBe('any');
  });

  it('judge any payloads of any exchange without a throw', () => {
    const direction = fc.constantFrom<Direction>('request', 'response');
    fc.assert(
      fc.property(fc.nat(255), direction, payloads, (exchange, way, list) => {
        expect(typeof checkPayloads(exchange, way, list).ok).toBe('boolean');
      }),
    );
  });
});

describe('registry', () => {
  it('names what it knows and prints the number of what it does not', () => {
    expect(nameOf('exchange', 43)).toBe('IKE_INTERMEDIATE');
    expect(nameOf('payload', 53)).toBe('SKF');
    expect(nameOf('notify', 55501)).toBe('5G_QOS_INFO');
    expect(nameOf('ke', 36)).toBe('ML_KEM_768');
    expect(nameOf('transform', 12)).toBe('ADDKE7');
    expect(nameOf('notify', 9999)).toBe('9999');
  });

  it('has no number twice', () => {
    for (const table of [EXCHANGE, PAYLOAD, NOTIFY]) {
      const numbers = Object.values(table);
      expect(new Set(numbers).size).toBe(numbers.length);
    }
  });

  it('[RFC7296 3.10.1] keeps errors below and states above the border', () => {
    expect(FIRST_STATUS_NOTIFY).toBe(NOTIFY.INITIAL_CONTACT);
    expect(NOTIFY.CONGESTION).toBeLessThan(FIRST_STATUS_NOTIFY);
    expect(NOTIFY.NAS_TCP_PORT).toBeGreaterThan(FIRST_STATUS_NOTIFY);
  });
});
