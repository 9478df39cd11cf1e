import { describe, expect, it } from 'vitest';
import { overriddenBy } from '../../n3iwf/config-environment.ts';

describe('the environment', () => {
  it('goes over the file, key by key, and leaves the file as it was', () => {
    const document = { ike: { address: '192.0.2.1', port: 500 }, log: 'info' };
    const {
      document: result,
      applied,
      unknown,
    } = overriddenBy(document, {
      N3IWF_IKE_PORT: '1500',
      N3IWF_LOG: 'debug',
      N3IWF_QKD_KME: 'https://192.0.2.9:443',
      PATH: '/bin',
    });
    expect(result).toEqual({
      ike: { address: '192.0.2.1', port: 1500 },
      log: 'debug',
      qkd: { kme: 'https://192.0.2.9:443' },
    });
    expect(document.ike.port).toBe(500);
    expect([...applied]).toEqual([
      ['ike.port', 'N3IWF_IKE_PORT'],
      ['log', 'N3IWF_LOG'],
      ['qkd.kme', 'N3IWF_QKD_KME'],
    ]);
    expect(unknown).toEqual([]);
  });

  it('gives lists, maps and switches in YAML, and text as it is', () => {
    const { document } = overriddenBy(undefined, {
      N3IWF_N2_TAC: '000001',
      N3IWF_N2_AMFS: '[{ addresses: [192.0.2.20], port: 1 }]',
      N3IWF_USER_PLANE_DSCP: '{ 1: 46 }',
      N3IWF_USER_PLANE_CLAMP_MSS: 'false',
      N3IWF_IKE_PORT: '[broken',
    });
    expect(document).toEqual({
      n2: { tac: '000001', amfs: [{ addresses: ['192.0.2.20'], port: 1 }] },
      userPlane: { dscp: { 1: 46 }, clampMss: false },
      ike: { port: '[broken' },
    });
  });

  it('names variables of ours that are no key', () => {
    expect(overriddenBy({}, { N3IWF_IKE_PROT: '1', N3IWF_: 'x' })).toMatchObject({
      document: {},
      unknown: ['N3IWF_IKE_PROT', 'N3IWF_'],
    });
  });

  it.each([undefined, null, 'text', []])('begins sections where the document is %j', (document) => {
    expect(overriddenBy(document, { N3IWF_N3_ADDRESS: '::1' }).document).toEqual({ n3: { address: '::1' } });
    expect(overriddenBy(document, {}).document).toBe(document);
  });
});
