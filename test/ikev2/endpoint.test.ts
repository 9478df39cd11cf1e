import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  fqdn,
  type KeyObjectLike,
  keyId,
  Pair,
  type PairOptions,
  ppkIdentity,
  utf8,
} from '../support/pair.ts';

const qkdKey = keyId('0f0e0d0c-0b0a-4908-8706-050403020100');
/** The responder has to prove its name by that key. */
const named = {
  remoteAuth: 'qkd',
  expectedRemoteId: fqdn('n3iwf.example'),
  authKeyId: qkdKey.data,
} as const;
const eap = { initiatorAuth: 'eap' } as const;
const ueEap = { localAuth: 'eap' } as const;

/** A certificate is what `verifyCertificate` says that it is: its octets name a key here. */
function certificateMode(kind: 'ec' | 'rsa'): PairOptions {
  const { privateKey, publicKey } =
    kind === 'ec'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: 2048 });
  const certificate = { chain: [utf8('leaf'), utf8('authority')], privateKey };
  const verifyCertificate = (chain: readonly Uint8Array[]): KeyObjectLike =>
    chain.length === 2 ? publicKey : undefined;
  return {
    config: { responderAuth: 'certificate', initiatorAuth: 'certificate', certificate },
    profile: { remoteAuth: 'certificate', localAuth: 'certificate', certificate },
    nodePorts: { verifyCertificate },
    uePorts: { verifyCertificate },
  };
}

const ec = certificateMode('ec');
const modes: [string, PairOptions][] = [
  ['psk', {}],
  ['certificate, ECDSA', ec],
  ['certificate, RSA', certificateMode('rsa')],
  [
    'certificate with EAP',
    { ...ec, config: { ...ec.config, ...eap }, profile: { remoteAuth: 'certificate', ...ueEap } },
  ],
  ['psk with EAP', { config: eap, profile: ueEap }],
  [
    'eap-only',
    { config: { ...eap, responderAuth: 'eap-only' }, profile: { ...ueEap, remoteAuth: 'eap-only' } },
  ],
  ['qkd', { config: { responderAuth: 'qkd' }, profile: { remoteAuth: 'qkd', expectedRemoteId: qkdKey } }],
  ['qkd with a name', { config: { responderAuth: 'qkd' }, profile: named }],
  ['qkd with a name and EAP', { config: { ...eap, responderAuth: 'qkd' }, profile: { ...ueEap, ...named } }],
  [
    'qkd with EAP',
    {
      config: { ...eap, responderAuth: 'qkd' },
      profile: { ...ueEap, remoteAuth: 'qkd', expectedRemoteId: qkdKey },
    },
  ],
];

describe.each(modes)('set-up by %s', (_, options) => {
  const withPpk = (ppk: 'off' | 'optional' | 'required', more: PairOptions = {}) =>
    new Pair({
      ...options,
      ...more,
      config: { ...options.config, ppk },
      profile: { ...options.profile, ppk },
    }).attach();

  it.each(['off', 'optional', 'required'] as const)(
    '[RFC7296 1.2] [RFC7296 2.16] ends with equal keys on both sides, PPK %s',
    (ppk) => {
      const pair = withPpk(ppk);
      expectAttached(pair);
      const [up] = pair.events('ue', 'ikeSaEstablished');
      expect(up?.ppkIdentity).toEqual(ppk === 'off' ? undefined : ppkIdentity);
      expect(up?.attributes).toEqual([{ type: 1, value: Uint8Array.of(10, 0, 0, 2) }]);
      expect(up?.notifies.some(({ notifyType }) => notifyType === 55502)).toBe(true);
    },
  );

  it('[RFC8784 3] does without a PPK that the responder lacks when neither side insists', () => {
    const pair = withPpk('optional', { secrets: { nodePpk: undefined } });
    expectAttached(pair);
    expect(pair.events('node', 'ikeSaEstablished')[0]?.ppkIdentity).toBeUndefined();
    expect(pair.events('ue', 'ikeSaEstablished')[0]?.ppkIdentity).toBeUndefined();
  });

  it.each([
    ['an unknown PPK', { nodePpk: undefined }],
    ['another PPK under that identity', { nodePpk: new Uint8Array(32).fill(1) }],
    ['no PPK at the initiator', { uePpk: undefined }],
  ])('[RFC8784 3] refuses %s when a PPK is required', (_case, secrets) => {
    const pair = withPpk('required', { secrets });
    expect(pair.events('node', 'ikeSaEstablished')).toEqual([]);
    expect(pair.events('ue', 'ikeSaEstablished')).toEqual([]);
    expect(pair.events('ue', 'ikeSaClosed')[0]).toMatchObject({
      cause: 'authentication',
      established: false,
    });
    pair.advance(200_000);
    expect([...pair.node.ikeSas(), ...pair.ue.ikeSas()]).toEqual([]);
    expect(pair.node.deadline()).toBeUndefined();
  });
});

describe('authentication that must fail', () => {
  const failing: [string, PairOptions][] = [
    ['another PSK', { secrets: { nodeSecret: new Uint8Array(32) } }],
    ['no PSK', { secrets: { nodeSecret: undefined } }],
    ['another MSK', { config: eap, profile: ueEap, secrets: { nodeMsk: new Uint8Array(64) } }],
    [
      'another QKD key',
      {
        config: { responderAuth: 'qkd' },
        profile: { remoteAuth: 'qkd', expectedRemoteId: qkdKey },
        secrets: { nodeSecret: new Uint8Array(32) },
      },
    ],
    [
      'another QKD key behind the right name',
      {
        config: { responderAuth: 'qkd' },
        profile: named,
        secrets: { nodeSecret: new Uint8Array(32) },
      },
    ],
    [
      'the right QKD key behind another name',
      { config: { responderAuth: 'qkd' }, profile: { ...named, expectedRemoteId: fqdn('other.example') } },
    ],
    [
      'a name to be proved by a QKD key that nobody has',
      { config: { responderAuth: 'qkd' }, profile: named, secrets: { nodeSecret: undefined } },
    ],
    ['no QKD key named', { config: { responderAuth: 'qkd' }, profile: { remoteAuth: 'qkd' } }],
    ['a certificate that nobody trusts', { ...ec, nodePorts: {} }],
    ['a responder that is somebody else', { profile: { expectedRemoteId: keyId('other') } }],
    ['EAP where none is offered', { profile: ueEap }],
    ['no EAP where it is required', { config: eap }],
    ['a PPK that only the responder requires', { config: { ppk: 'required' } }],
    ['a PPK that only the initiator requires', { profile: { ppk: 'required' } }],
  ];

  it.each(failing)('[RFC7296 2.21.2] %s: closed on both sides, nothing left', (_, options) => {
    const pair = new Pair(options).attach();
    expect(pair.events('ue', 'ikeSaEstablished')).toEqual([]);
    expect(pair.events('ue', 'childSaEstablished')).toEqual([]);
    expect(pair.events('ue', 'ikeSaClosed')).toMatchObject([{ cause: 'authentication' }]);
    pair.advance(100_000);
    expect(pair.events('node', 'ikeSaClosed')).toHaveLength(1);
    expect([...pair.node.ikeSas(), ...pair.ue.ikeSas()]).toEqual([]);
    pair.advance(100_000);
    expect([pair.node.deadline(), pair.ue.deadline()]).toEqual([undefined, undefined]);
  });
});

describe('the QKD key of an AUTH', () => {
  it.each([
    [{ expectedRemoteId: qkdKey }, qkdKey],
    [named, named.expectedRemoteId],
  ])('is asked for by its ID on both sides, whatever name it proves', (profile, identity) => {
    const pair = new Pair({
      config: { responderAuth: 'qkd' },
      profile: { remoteAuth: 'qkd', ...profile },
    }).attach();
    expect(pair.events('node', 'sharedSecretRequested')).toMatchObject([
      { keyId: qkdKey.data, localId: identity },
    ]);
    expect(pair.events('ue', 'sharedSecretRequested')).toMatchObject([{ keyId: qkdKey.data }]);
    expect(pair.events('ue', 'ikeSaEstablished')).toMatchObject([{ peerId: identity, auth: 'qkd/psk' }]);
  });

  it('is none for a PSK', () => {
    const pair = new Pair().attach();
    expect(pair.events('node', 'sharedSecretRequested')[0]).not.toHaveProperty('keyId');
    expect(pair.events('ue', 'sharedSecretRequested')[0]).not.toHaveProperty('keyId');
  });
});

describe('set-ups that end otherwise', () => {
  it('[RFC5998 3] a responder does not leave its proof to EAP without the initiator’s consent', () => {
    const config = { ...eap, responderAuth: 'eap-only' } as const;
    const refused = new Pair({ config, profile: ueEap }).attach();
    expect(refused.events('ue', 'ikeSaClosed')[0]?.cause).toBe('authentication');
    const { certificate } = ec.config ?? {};
    const fallback = new Pair({
      config: { ...config, ...(certificate === undefined ? {} : { certificate }) },
      profile: { ...ueEap, remoteAuth: 'certificate' },
      ...(ec.uePorts === undefined ? {} : { uePorts: ec.uePorts }),
    }).attach();
    expectAttached(fallback);
  });

  it('ends with the owner’s notify when the owner refuses EAP, and with EAP-Failure when EAP fails', () => {
    const eapOnly = {
      config: { ...eap, responderAuth: 'eap-only' },
      profile: { ...ueEap, remoteAuth: 'eap-only' },
      silent: true,
    } as const;
    const refused = new Pair(eapOnly);
    refused.attach();
    refused.take('node', refused.node.failEap(0, refused.nodeSa, 15500));
    refused.run();
    expect(refused.events('ue', 'ikeSaClosed')).toMatchObject([
      { cause: 'authentication', notifyType: 15500 },
    ]);
    const failed = new Pair(eapOnly);
    failed.attach();
    failed.take('node', failed.node.sendEap(0, failed.nodeSa, Uint8Array.of(4, 1, 0, 4)));
    failed.run();
    expect(failed.events('ue', 'eapReceived')).toMatchObject([{ packet: Uint8Array.of(4, 1, 0, 4) }]);
    expect(failed.events('node', 'ikeSaClosed')).toMatchObject([{ cause: 'authentication' }]);
  });

  it('[RFC7296 2.4] closes a responder whose owner never answers, by its set-up timer', () => {
    const pair = new Pair({
      config: eap,
      profile: ueEap,
      silent: true,
      ueConfig: { timers: { retransmitTries: 20, retransmitFactor: 1 } },
    });
    pair.attach();
    pair.advance(120_000);
    expect(pair.events('node', 'ikeSaClosed')).toMatchObject([{ cause: 'timeout' }]);
    expect(pair.events('ue', 'ikeSaClosed')).toHaveLength(1);
  });
});

describe('the owner’s say on the first Child SA', () => {
  it('[RFC7296 1.2] a refusal of the Child SA alone leaves the IKE SA', () => {
    const pair = new Pair({ nodePorts: { authorize: () => ({ refuse: 38 }) } }).attach();
    expect(pair.events('ue', 'ikeSaEstablished')).toHaveLength(1);
    expect(pair.events('ue', 'childSaFailed')).toMatchObject([{ notifyType: 38 }]);
    expect(pair.events('node', 'childSaFailed')).toMatchObject([{ notifyType: 38 }]);
  });

  it('any other refusal ends the set-up with that notify', () => {
    const pair = new Pair({ nodePorts: { authorize: () => ({ refuse: 24 }) } }).attach();
    expect(pair.events('ue', 'ikeSaClosed')).toMatchObject([{ cause: 'authentication', notifyType: 24 }]);
    expect(pair.events('node', 'ikeSaEstablished')).toEqual([]);
  });

  it('[RFC7296 1.2] no common ESP proposal leaves the IKE SA without a Child SA', () => {
    const childProposals = [
      { encr: ['aes128-cbc'], integ: ['hmac-sha2-256-128'], ke: [], esn: [false] },
    ] as const;
    const pair = new Pair({ profile: { childProposals } }).attach();
    expect(pair.events('node', 'childSaFailed')).toMatchObject([{ notifyType: 14 }]);
    expect(pair.events('ue', 'ikeSaEstablished')).toHaveLength(1);
  });

  it('is asked once, with the identity and the request of the peer', () => {
    const asked: unknown[] = [];
    const authorize = (request: unknown) => {
      asked.push(request);
      return { refuse: 24 };
    };
    new Pair({ nodePorts: { authorize } }).attach();
    expect(asked).toMatchObject([
      { peerId: keyId('ue-1'), attributes: [{ type: 1 }], remote: { address: '192.0.2.1' } },
    ]);
  });
});

function expectAttached(pair: Pair): void {
  expect(pair.nodeEvents.filter(({ type }) => type === 'ikeSaClosed' || type === 'messageRejected')).toEqual(
    [],
  );
  expect(pair.ueEvents.filter(({ type }) => type === 'ikeSaClosed' || type === 'messageRejected')).toEqual(
    [],
  );
  const [ue] = pair.events('ue', 'childSaEstablished');
  const [node] = pair.events('node', 'childSaEstablished');
  expect(ue?.child.keysIn).toEqual(node?.child.keysOut);
  expect(ue?.child.keysOut).toEqual(node?.child.keysIn);
  expect([ue?.child.spiIn, ue?.child.spiOut]).toEqual([node?.child.spiOut, node?.child.spiIn]);
  expect(ue?.child.trafficSelectorsLocal).toEqual(node?.child.trafficSelectorsRemote);
  expect(pair.events('ue', 'ikeSaEstablished')).toHaveLength(1);
  expect(pair.events('node', 'ikeSaEstablished')).toHaveLength(1);
}
