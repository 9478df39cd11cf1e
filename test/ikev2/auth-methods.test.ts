import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { decodeMessage, encodeMessage, NOTIFY, type Notify, type Payload, parseIkeProposal } from '#ikev2';
import { encodeAnnouncements } from '../../ikev2/crypto/auth-methods.ts';
import { EXCHANGE } from '../../ikev2/wire/registry.ts';
import { insideOf, requestTypes } from '../support/ike-raw.ts';
import { type InTransit, type KeyObjectLike, Pair, type PairOptions, utf8 } from '../support/pair.ts';

const { SUPPORTED_AUTH_METHODS } = NOTIFY;
const announcing: PairOptions = {
  config: { announceAuthMethods: true },
  profile: { announceAuthMethods: true },
};

function certificates(kind: 'rsa' | 'ec', more: PairOptions = {}): PairOptions {
  const { privateKey, publicKey } =
    kind === 'ec'
      ? generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
      : generateKeyPairSync('rsa', { modulusLength: 2048 });
  const certificate = { chain: [utf8('leaf')], privateKey };
  const verifyCertificate = (): KeyObjectLike => publicKey;
  return {
    config: {
      responderAuth: 'certificate',
      initiatorAuth: 'certificate',
      certificate,
      ...announcing.config,
      ...more.config,
    },
    profile: {
      remoteAuth: 'certificate',
      localAuth: 'certificate',
      certificate,
      ...announcing.profile,
      ...more.profile,
    },
    uePorts: { verifyCertificate },
    nodePorts: { verifyCertificate },
  };
}

const announcement = (list: Parameters<typeof encodeAnnouncements>[0]): Payload => ({
  type: 'Notify',
  protocol: 0,
  spi: new Uint8Array(0),
  notifyType: SUPPORTED_AUTH_METHODS,
  data: encodeAnnouncements(list),
});

/** A responder that announces `list` in its IKE_SA_INIT, whatever ours would. */
function responderWith(list: Payload) {
  return (packet: InTransit): InTransit[] => {
    const message = decodeMessage(packet.data);
    if (!message.ok || packet.sender !== 'node' || message.value.header.exchange !== EXCHANGE.IKE_SA_INIT)
      return [packet];
    return [{ ...packet, data: encodeMessage(message.value.header, [...message.value.payloads, list]) }];
  };
}

/** SUPPORTED_AUTH_METHODS in the IKE_SA_INIT answer, as length, and the exchanges of the UE. */
function watched(options: PairOptions) {
  const lengths: number[] = [];
  const packets: InTransit[] = [];
  const pair = new Pair({
    ...options,
    network: (packet) => {
      packets.push(packet);
      const message = decodeMessage(packet.data);
      for (const each of message.ok ? message.value.payloads : []) {
        if (each.type === 'Notify' && each.notifyType === SUPPORTED_AUTH_METHODS)
          lengths.push(each.data.length);
      }
      return [packet];
    },
  }).attach();
  return { pair, lengths, types: requestTypes(packets, 'ue') };
}

const announced = (notifies: readonly Notify[] | undefined) =>
  notifies?.some(({ notifyType }) => notifyType === SUPPORTED_AUTH_METHODS) === true;

describe('authentication methods that peers announce', () => {
  it.each(['rsa', 'ec'] as const)(
    '[RFC9593 3.1] go with IKE_SA_INIT and IKE_AUTH, and AUTH goes by them: %s',
    (kind) => {
      const { pair, lengths } = watched(certificates(kind));
      expect(lengths).toHaveLength(1);
      expect(lengths[0]).toBeGreaterThan(100);
      const [up] = pair.events('node', 'ikeSaEstablished');
      expect(announced(up?.notifies)).toBe(true);
      expect(pair.events('ue', 'childSaEstablished')).toHaveLength(1);
    },
  );

  it('[RFC9593 3.1] the responder’s comes with IKE_INTERMEDIATE where there is one', () => {
    const parsed = parseIkeProposal('aes256gcm16-prfsha256-x25519-ke1_mlkem768');
    if (!parsed.ok) throw new Error(parsed.error);
    const proposals = { proposals: [parsed.value] };
    const { pair, lengths } = watched(certificates('ec', { config: proposals, profile: proposals }));
    expect(lengths).toEqual([0]);
    expect(announced(pair.events('node', 'ikeSaEstablished')[0]?.notifies)).toBe(true);
    expect(insideOf(pair, 'ue').peerAuthMethods?.length).toBe(12);
  });

  it('[RFC9593 3.1] an initiator keeps its own to itself where the responder announces none', () => {
    const { pair, lengths } = watched(certificates('ec', { config: { announceAuthMethods: false } }));
    expect(lengths).toEqual([]);
    expect(announced(pair.events('node', 'ikeSaEstablished')[0]?.notifies)).toBe(false);
  });

  it('[RFC9593 3.1] an empty one is asked for by an IKE_INTERMEDIATE of its own', () => {
    const parsed = parseIkeProposal('aes256gcm16-prfsha256-x25519-ke1_mlkem768-ke1_none');
    const plain = parseIkeProposal('aes256gcm16-prfsha256-x25519');
    if (!parsed.ok || !plain.ok) throw new Error('no proposal');
    const packets: InTransit[] = [];
    const pair = new Pair({
      config: { proposals: [plain.value] },
      profile: { proposals: [parsed.value] },
      network: (packet) => {
        packets.push(packet);
        return responderWith(announcement([]))(packet);
      },
    }).attach();
    expect(requestTypes(packets, 'ue')).toContain(EXCHANGE.IKE_INTERMEDIATE);
    // This responder had not agreed to one.
    expect(pair.events('ue', 'ikeSaClosed')).toHaveLength(1);
  });
});

describe('a peer that takes nothing of ours', () => {
  it('[RFC9593 3.1] as responder hears of no identity from an initiator with a shared key', () => {
    const packets: InTransit[] = [];
    const pair = new Pair({
      network: (packet) => {
        packets.push(packet);
        return responderWith(announcement([{ method: 14, algorithm: Uint8Array.of(1) }]))(packet);
      },
    }).attach();
    expect(pair.events('ue', 'ikeSaClosed')).toMatchObject([{ cause: 'authentication' }]);
    expect(requestTypes(packets, 'ue')).not.toContain(EXCHANGE.IKE_AUTH);
  });

  it('[RFC9593 3.1] as responder hears of no identity from an initiator with a certificate', () => {
    const packets: InTransit[] = [];
    const list = announcement([{ method: 2 }, { method: 1 }]);
    const pair = new Pair({
      ...certificates('ec', { config: { announceAuthMethods: false } }),
      network: (packet) => {
        packets.push(packet);
        return responderWith(list)(packet);
      },
    }).attach();
    expect(pair.events('ue', 'ikeSaClosed')).toHaveLength(1);
    expect(requestTypes(packets, 'ue')).not.toContain(EXCHANGE.IKE_AUTH);
  });

  it('[RFC9593 3.1] as initiator is refused before the responder signs anything', () => {
    const notifies = [announcement([{ method: 14, algorithm: Uint8Array.of(1) }]) as Payload & Notify];
    const pair = new Pair({ profile: { notifies } }).attach();
    expect(pair.events('ue', 'ikeSaClosed')).toMatchObject([{ notifyType: NOTIFY.AUTHENTICATION_FAILED }]);
    expect(pair.events('node', 'ikeSaClosed')[0]?.reason).toContain('takes no shared key');
  });

  it('[RFC9593 3.2] one that cannot be read binds nobody', () => {
    const bad = { ...announcement([]), data: Uint8Array.of(9, 2) } as Payload & Notify;
    const pair = new Pair({ profile: { notifies: [bad] }, network: responderWith(bad) }).attach();
    // The change on the way is not what this is about: the node's own view of it is.
    expect(insideOf(pair, 'ue').peerAuthMethods).toBeUndefined();
    const only = new Pair({ profile: { notifies: [bad] } }).attach();
    expect(only.events('node', 'ikeSaEstablished')).toHaveLength(1);
  });

  it('[RFC9593 3.1] EAP goes on, whatever the list says of signatures', () => {
    const pair = new Pair({
      config: { responderAuth: 'eap-only', initiatorAuth: 'eap', announceAuthMethods: true },
      profile: { remoteAuth: 'eap-only', localAuth: 'eap', announceAuthMethods: true },
    }).attach();
    expect(pair.events('node', 'ikeSaEstablished')).toHaveLength(1);
  });
});
