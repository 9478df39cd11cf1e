import { describe, expect, it } from 'vitest';
import { keyId, Pair, type PairOptions } from '../support/pair.ts';

const qkdKey = keyId('0f0e0d0c-0b0a-4908-8706-050403020100');
const eap = { initiatorAuth: 'eap' } as const;
const ueEap = { localAuth: 'eap' } as const;

const modes: [string, PairOptions][] = [
  ['psk', {}],
  ['psk with EAP', { config: eap, profile: ueEap }],
  [
    'eap-only',
    { config: { ...eap, responderAuth: 'eap-only' }, profile: { ...ueEap, remoteAuth: 'eap-only' } },
  ],
  ['qkd', { config: { responderAuth: 'qkd' }, profile: { remoteAuth: 'qkd', expectedRemoteId: qkdKey } }],
  [
    'qkd with EAP',
    {
      config: { ...eap, responderAuth: 'qkd' },
      profile: { ...ueEap, remoteAuth: 'qkd', expectedRemoteId: qkdKey },
    },
  ],
];

describe.each(modes)('set-up by %s', (_, options) => {
  it.each(['off', 'optional', 'required'] as const)(
    '[RFC7296 2.15] [RFC8784 3] ends established on both sides with PPK %s',
    (ppk) => {
      const pair = new Pair({
        ...options,
        config: { ...options.config, ppk },
        profile: { ...options.profile, ppk },
      }).attach();
      const [ueUp] = pair.events('ue', 'ikeSaEstablished');
      const [nodeUp] = pair.events('node', 'ikeSaEstablished');
      expect(pair.nodeEvents.filter(({ type }) => type === 'ikeSaClosed')).toEqual([]);
      expect(ueUp, JSON.stringify(pair.ueEvents.map((each) => each.type))).toBeDefined();
      expect(nodeUp).toBeDefined();
      expect(ueUp?.ppkIdentity === undefined).toBe(ppk === 'off');
      const [ueChild] = pair.events('ue', 'childSaEstablished');
      const [nodeChild] = pair.events('node', 'childSaEstablished');
      expect(ueChild?.child.keysIn).toEqual(nodeChild?.child.keysOut);
      expect(ueChild?.child.keysOut).toEqual(nodeChild?.child.keysIn);
      expect(ueChild?.child.spiIn).toBe(nodeChild?.child.spiOut);
    },
  );
});
