import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Secret } from '#qkd';
import {
  decodeErrorMessage,
  decodeKeyContainer,
  decodeKeyIds,
  decodeKeyRequest,
  decodeStatus,
} from '../../../qkd/etsi014/decode.ts';
import {
  encodeError,
  encodeKeyContainer,
  encodeKeyIds,
  encodeKeyRequest,
  encodeStatus,
} from '../../../qkd/etsi014/encode.ts';
import { methodPath } from '../../../qkd/etsi014/types.ts';

const utf8 = new TextEncoder();
const text = fc.string({ unit: 'binary', maxLength: 20 }).filter((value) => value.isWellFormed());
const count = fc.nat();

const status = fc.record({
  sourceKmeId: text,
  targetKmeId: text,
  masterSaeId: text,
  slaveSaeId: text,
  keySizeBits: count,
  storedKeyCount: count,
  maxKeyCount: count,
  maxKeyPerRequest: count,
  maxKeySizeBits: count,
  minKeySizeBits: count,
  maxSaeIdCount: count,
});

describe('the status body of ETSI GS QKD 014', () => {
  it('[ETSI014 6.1] status comes back as it went', () => {
    fc.assert(
      fc.property(status, (value) => {
        expect(decodeStatus(encodeStatus(value))).toEqual({ ok: true, value });
      }),
    );
  });

  it('[ETSI014 6.1] every member of a status is mandatory and typed', () => {
    const value = {
      source_KME_ID: 'a',
      target_KME_ID: 'b',
      master_SAE_ID: 'c',
      slave_SAE_ID: 'd',
      key_size: 256,
      stored_key_count: 1,
      max_key_count: 2,
      max_key_per_request: 3,
      max_key_size: 4,
      min_key_size: 5,
      max_SAE_ID_count: 0,
    };
    expect(decodeStatus(utf8.encode(JSON.stringify({ ...value, status_extension: {} }))).ok).toBe(true);
    for (const [qber, read] of [
      [0.03, 0.03],
      [0.7, undefined],
      ['0.03', undefined],
      [-1, undefined],
    ] as const) {
      const body = utf8.encode(JSON.stringify({ ...value, status_extension: { qn3iwf_qber: qber } }));
      expect(decodeStatus(body)).toMatchObject({ ok: true });
      const status = decodeStatus(body);
      expect(status.ok && status.value.linkQber).toBe(read);
    }
    const link = { qn3iwf_counts_per_second: 1200.5, qn3iwf_availability: 0.75 };
    const told = decodeStatus(utf8.encode(JSON.stringify({ ...value, status_extension: link })));
    expect(told).toMatchObject({ ok: true, value: { linkCountsPerSecond: 1200.5, linkAvailability: 0.75 } });
    const beyond = { qn3iwf_counts_per_second: -1, qn3iwf_availability: 1.1 };
    const strange = decodeStatus(utf8.encode(JSON.stringify({ ...value, status_extension: beyond })));
    expect(strange.ok && Object.keys(strange.value)).not.toContain('linkAvailability');
    for (const name of Object.keys(value)) {
      const without = JSON.stringify({ ...value, [name]: undefined });
      expect(decodeStatus(utf8.encode(without))).toMatchObject({
        ok: false,
        error: expect.stringContaining(name),
      });
      const wrong = JSON.stringify({ ...value, [name]: -0.5 });
      expect(decodeStatus(utf8.encode(wrong)).ok).toBe(false);
    }
  });
});

describe('the key request of ETSI GS QKD 014', () => {
  it('[ETSI014 6.2] a key request comes back as it went, an empty body as the defaults', () => {
    const request = fc.record(
      {
        number: count,
        sizeBits: count,
        additionalSlaveSaeIds: fc.array(text, { maxLength: 3 }),
        extensionMandatory: fc.array(fc.constant(new Map([['abc_max_age', 30_000]])), { maxLength: 2 }),
        extensionOptional: fc.array(fc.constant(new Map([['abc_route', ['direct']]])), { maxLength: 2 }),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(request, (value) => {
        expect(decodeKeyRequest(encodeKeyRequest(value))).toEqual({ ok: true, value });
      }),
    );
    expect(decodeKeyRequest(new Uint8Array(0))).toEqual({ ok: true, value: {} });
  });

  it.each([
    '{"number":"1"}',
    '{"number":-1}',
    '{"size":1.5}',
    '{"additional_slave_SAE_IDs":"x"}',
    '{"additional_slave_SAE_IDs":[1]}',
    '{"extension_mandatory":{}}',
    '{"extension_mandatory":[1]}',
    '{"extension_optional":[[]]}',
    '[]',
    'null',
  ])('[ETSI014 6.2] refuses the key request %s', (body) => {
    expect(decodeKeyRequest(utf8.encode(body)).ok).toBe(false);
  });
});

describe('the key container of ETSI GS QKD 014', () => {
  it('[ETSI014 6.3] a key container comes back as it went', () => {
    const key = fc.record({ keyId: fc.uuid(), bytes: fc.uint8Array({ minLength: 1, maxLength: 64 }) });
    fc.assert(
      fc.property(fc.array(key, { maxLength: 5 }), (keys) => {
        const body = encodeKeyContainer(
          keys.map(({ keyId, bytes }) => ({ keyId, secret: Secret.copyOf(bytes) })),
        );
        expect(JSON.parse(Buffer.from(body).toString())).toEqual({
          keys: keys.map(({ keyId, bytes }) => ({
            key_ID: keyId,
            key: Buffer.from(bytes).toString('base64'),
          })),
        });
        const decoded = decodeKeyContainer(body);
        expect(decoded.fault).toBeUndefined();
        expect(
          decoded.keys.map(({ keyId, secret }) => ({ keyId, bytes: secret.use((own) => own.slice()) })),
        ).toEqual(keys);
      }),
    );
  });

  it('[ETSI014 6.3] the extensions of a key container are left aside', () => {
    const body = utf8.encode(
      '{"keys":[{"key_ID":"BC490419-7D60-487F-ADC1-4DDCC177C139","key_ID_extension":{"key":"x"},"key":"QUJD","key_extension":{}}],"key_container_extension":{"a":[1]}}',
    );
    const { keys, fault } = decodeKeyContainer(body);
    expect(fault).toBeUndefined();
    expect(keys.map(({ keyId }) => keyId)).toEqual(['bc490419-7d60-487f-adc1-4ddcc177c139']);
  });

  it('[ETSI014 6.3] one wrong key is a fault and hides no other', () => {
    const good = '{"key_ID":"bc490419-7d60-487f-adc1-4ddcc177c139","key":"QUJD"}';
    for (const wrong of [
      '{"key_ID":"12-block","key":"QUJD"}',
      '{"key_ID":"bc490419-7d60-487f-adc1-4ddcc177c13a","key":"QUJ"}',
      '{"key_ID":"bc490419-7d60-487f-adc1-4ddcc177c13a","key":7}',
      '{"key_ID":"bc490419-7d60-487f-adc1-4ddcc177c13a"}',
      '7',
    ]) {
      const { keys, fault } = decodeKeyContainer(utf8.encode(`{"keys":[${wrong},${good}]}`));
      expect(fault).toBeDefined();
      expect(keys).toHaveLength(1);
    }
  });

  it.each(['', '{}', '{"Keys":[]}', '{"keys":{}}', '{"message":"no"}', '<html/>', '{"keys":['])(
    '[ETSI014 6.3] the body %s is no key container',
    (body) => {
      expect(decodeKeyContainer(utf8.encode(body)).fault).toBeDefined();
    },
  );
});

describe('key IDs, errors and paths of ETSI GS QKD 014', () => {
  it('[ETSI014 6.4] key IDs are objects, and come back in lower case', () => {
    fc.assert(
      fc.property(fc.array(fc.uuid(), { maxLength: 5 }), (keyIds) => {
        const body = encodeKeyIds(keyIds.map((keyId) => keyId.toUpperCase()));
        expect(decodeKeyIds(body)).toEqual({ ok: true, value: keyIds });
      }),
    );
    expect(decodeKeyIds(utf8.encode('{"key_IDs":["bc490419-7d60-487f-adc1-4ddcc177c139"]}')).ok).toBe(false);
    expect(decodeKeyIds(utf8.encode('{"key_IDs":{}}')).ok).toBe(false);
  });

  it('[ETSI014 6.5] an error carries its message; a body of something else has none', () => {
    fc.assert(
      fc.property(text, (message) => {
        expect(decodeErrorMessage(encodeError(message))).toBe(message);
      }),
    );
    expect(decodeErrorMessage(utf8.encode('{"reason":"no"}'))).toBeUndefined();
    expect(decodeErrorMessage(utf8.encode('{"detail":"no"}'))).toBe('no');
    expect(decodeErrorMessage(utf8.encode(`{"message":"${'x'.repeat(5000)}"}`))).toHaveLength(200);
  });

  it('decoders are total: any octets give a value or a text', () => {
    const body = fc.oneof(
      fc.uint8Array({ maxLength: 80 }),
      fc.json().map((value) => utf8.encode(value)),
      fc.json().map((value) => utf8.encode(`{"keys":[${value}],"key_IDs":[${value}],"number":${value}}`)),
    );
    fc.assert(
      fc.property(body, (bytes) => {
        for (const decode of [decodeStatus, decodeKeyRequest, decodeKeyIds]) decode(bytes.slice());
        decodeErrorMessage(bytes.slice());
        decodeKeyContainer(bytes.slice());
      }),
      { numRuns: 500 },
    );
  });

  it('[ETSI014 5.1] SAE IDs are URL-encoded in paths', () => {
    expect(methodPath('sae/ü 1', 'enc_keys')).toBe('/api/v1/keys/sae%2F%C3%BC%201/enc_keys');
  });
});
