import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { configSchema, readConfig } from '../../n3iwf/config.ts';

const path = new URL('../../deploy/n3iwf.example.yaml', import.meta.url);
const document = parse(readFileSync(path, 'utf8')) as Record<string, Record<string, unknown>>;

test('the example configuration is usable as it stands', () => {
  expect(readConfig(document, 'n3iwf.example.yaml').n2.plmn).toEqual({ mcc: '208', mnc: '93' });
});

test('the example names every section, and states each default as it is', () => {
  expect(Object.keys(document).sort()).toEqual(Object.keys(configSchema.shape).sort());
  const { ike, timers, n2, n3, inner, userPlane } = readConfig(
    {
      ...document,
      ike: { address: '192.0.2.10', identity: 'n3iwf.example.org' },
      timers: undefined,
      n2: { ...document.n2, sctp: undefined },
      userPlane: undefined,
      n3: { address: '192.0.2.10' },
      inner: { pool: '10.45.0.0/16', address: '10.45.0.1' },
    },
    'defaults',
  );
  expect({ ike, timers, n2, n3, inner, userPlane }).toEqual({
    ike: document.ike,
    timers: document.timers,
    n2: document.n2,
    n3: document.n3,
    inner: document.inner,
    userPlane: document.userPlane,
  });
});
