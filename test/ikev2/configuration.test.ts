import { describe, expect, it } from 'vitest';
import { CP_ATTRIBUTE, type CpAttribute, NOTIFY } from '#ikev2';
import { admission, Pair } from '../support/pair.ts';

const {
  INTERNAL_IP4_ADDRESS,
  INTERNAL_IP4_DNS,
  INTERNAL_IP6_ADDRESS,
  INTERNAL_IP6_DNS,
  INTERNAL_IP6_SUBNET,
  P_CSCF_IP4_ADDRESS,
  P_CSCF_IP6_ADDRESS,
} = CP_ATTRIBUTE;

const address6 = Uint8Array.from([0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
const asked: CpAttribute[] = [
  INTERNAL_IP4_ADDRESS,
  INTERNAL_IP4_DNS,
  INTERNAL_IP6_ADDRESS,
  INTERNAL_IP6_DNS,
  INTERNAL_IP6_SUBNET,
  P_CSCF_IP4_ADDRESS,
  P_CSCF_IP6_ADDRESS,
].map((type) => ({ type, value: new Uint8Array(0) }));

/** An IPv6 address and a subnet go with their prefix length in an octet of its own. */
const given: CpAttribute[] = [
  { type: INTERNAL_IP4_ADDRESS, value: Uint8Array.of(10, 0, 0, 2) },
  { type: INTERNAL_IP4_DNS, value: Uint8Array.of(10, 0, 0, 53) },
  { type: INTERNAL_IP6_ADDRESS, value: Uint8Array.from([...address6, 64]) },
  { type: INTERNAL_IP6_DNS, value: address6 },
  { type: INTERNAL_IP6_SUBNET, value: Uint8Array.from([...address6, 48]) },
  { type: P_CSCF_IP4_ADDRESS, value: Uint8Array.of(10, 0, 0, 60) },
  { type: P_CSCF_IP6_ADDRESS, value: address6 },
];

const eap = {
  config: { responderAuth: 'eap-only', initiatorAuth: 'eap' },
  profile: { remoteAuth: 'eap-only', localAuth: 'eap' },
} as const;

describe('configuration', () => {
  it.each([
    ['PSK', {}],
    ['EAP', eap],
  ] as const)(
    '[RFC7296 3.15.1] of IPv4 and IPv6 goes from owner to owner as it is, with %s',
    (_, { config = {}, profile = {} }: { config?: object; profile?: object }) => {
      let request: readonly CpAttribute[] | undefined;
      const pair = new Pair({
        config,
        profile: { ...profile, attributes: asked },
        nodePorts: {
          authorize: ({ attributes }) => {
            request = attributes;
            return { ...admission, attributes: given };
          },
        },
      }).attach();
      expect(request).toEqual(asked);
      for (const side of ['ue', 'node'] as const) {
        expect(pair.events(side, 'ikeSaEstablished')[0]?.attributes).toEqual(given);
      }
    },
  );

  it('[RFC7296 3.15.4] that cannot be given is refused by the owner, and the initiator hears why', () => {
    const pair = new Pair({
      profile: { attributes: asked },
      nodePorts: { authorize: () => ({ refuse: NOTIFY.INTERNAL_ADDRESS_FAILURE }) },
    }).attach();
    const heard = [...pair.events('ue', 'ikeSaClosed'), ...pair.events('ue', 'childSaFailed')];
    expect(heard.some(({ notifyType }) => notifyType === NOTIFY.INTERNAL_ADDRESS_FAILURE)).toBe(true);
  });

  it('[RFC7296 2.19] that nobody asked for is not given, whatever the owner says', () => {
    const profile = { attributes: undefined } as unknown as { attributes: CpAttribute[] };
    const pair = new Pair({
      profile,
      nodePorts: { authorize: () => ({ ...admission, attributes: given }) },
    }).attach();
    expect(pair.events('node', 'ikeSaEstablished')).toHaveLength(1);
    expect(pair.events('ue', 'ikeSaEstablished')[0]?.attributes).toBeUndefined();
  });
});
