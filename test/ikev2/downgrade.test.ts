import { describe, expect, it } from 'vitest';
import {
  decodeMessage,
  encodeMessage,
  NOTIFY,
  type Payload,
  parseIkeProposal,
  type TranscriptAuth,
} from '#ikev2';
import { authInputs } from '../../ikev2/sa/tasks/auth.ts';
import type { InitResult } from '../../ikev2/sa/tasks/init.ts';
import { EXCHANGE } from '../../ikev2/wire/registry.ts';
import { type InTransit, Pair, type PairOptions, type Side } from '../support/pair.ts';

const both = (transcriptAuth: TranscriptAuth, more: PairOptions = {}): PairOptions => ({
  ...more,
  config: { transcriptAuth, ...more.config },
  profile: { transcriptAuth, ...more.profile },
});

function hybrid(): PairOptions {
  const parsed = parseIkeProposal('aes256gcm16-prfsha256-x25519-ke1_mlkem768');
  if (!parsed.ok) throw new Error(parsed.error);
  return { config: { proposals: [parsed.value] }, profile: { proposals: [parsed.value] } };
}

const withEap: PairOptions = {
  config: { responderAuth: 'psk', initiatorAuth: 'eap' },
  profile: { remoteAuth: 'psk', localAuth: 'eap' },
};
const eapOnly: PairOptions = {
  config: { responderAuth: 'eap-only', initiatorAuth: 'eap' },
  profile: { remoteAuth: 'eap-only', localAuth: 'eap' },
};

/** Somebody on the path who changes the IKE_SA_INIT messages of one side. */
function tampering(sender: Side, change: (payloads: readonly Payload[]) => Payload[]) {
  return (packet: InTransit): InTransit[] => {
    const message = decodeMessage(packet.data);
    if (!message.ok || packet.sender !== sender || message.value.header.exchange !== EXCHANGE.IKE_SA_INIT)
      return [packet];
    return [{ ...packet, data: encodeMessage(message.value.header, change(message.value.payloads)) }];
  };
}

const without = (notifyType: number) => (payloads: readonly Payload[]) =>
  payloads.filter((each) => each.type !== 'Notify' || each.notifyType !== notifyType);
const withoutTranscript = without(NOTIFY.IKE_SA_INIT_FULL_TRANSCRIPT_AUTH);

/** Whether each side said that it proves the whole of IKE_SA_INIT. */
function announced(options: PairOptions): { pair: Pair; said: Record<Side, boolean> } {
  const said = { ue: false, node: false };
  const pair = new Pair({
    ...options,
    network: (packet) => {
      const message = decodeMessage(packet.data);
      const init =
        message.ok && message.value.header.exchange === EXCHANGE.IKE_SA_INIT ? message.value.payloads : [];
      said[packet.sender] ||= init.some(
        (each) => each.type === 'Notify' && each.notifyType === NOTIFY.IKE_SA_INIT_FULL_TRANSCRIPT_AUTH,
      );
      return (options.network ?? ((one) => [one]))(packet);
    },
  }).attach();
  return { pair, said };
}

describe('AUTH over the whole of IKE_SA_INIT', () => {
  it.each([
    ['PSK', {}],
    ['EAP after a PSK', withEap],
    ['EAP alone', eapOnly],
    ['key exchanges in IKE_INTERMEDIATE', hybrid()],
  ] as [string, PairOptions][])('[draft-ikev2-downgrade-prevention octets] works with %s', (_, options) => {
    const { pair, said } = announced(both('on', options));
    expect(said).toEqual({ ue: true, node: true });
    expect(pair.events('node', 'ikeSaEstablished')).toHaveLength(1);
    expect(pair.events('ue', 'childSaEstablished')).toHaveLength(1);
    pair.take('ue', pair.ue.rekeyIkeSa(pair.now, pair.ueSa));
    pair.run();
    expect(pair.events('node', 'ikeSaRekeyed')).toHaveLength(1);
  });

  it('[draft-ikev2-downgrade-prevention notify] is announced by each side that can, and needs both', () => {
    for (const ue of ['off', 'on'] as const) {
      for (const node of ['off', 'on'] as const) {
        const { pair, said } = announced({
          profile: { transcriptAuth: ue },
          config: { transcriptAuth: node },
        });
        expect(said).toEqual({ ue: ue === 'on', node: node === 'on' });
        expect(pair.events('node', 'ikeSaEstablished')).toHaveLength(1);
      }
    }
  });

  it('[draft-ikev2-downgrade-prevention octets] are eight zeros, what was received, what was sent', () => {
    const init = {
      requestOctets: Uint8Array.of(1, 2),
      responseOctets: Uint8Array.of(3, 4),
      intAuth: { octets: () => undefined },
    } as unknown as InitResult;
    const id = { type: 2, data: new Uint8Array(1) };
    const message = (signer: 'initiator' | 'responder', fullTranscript: boolean) => [
      ...authInputs({ ...init, fullTranscript }, signer, id).message,
    ];
    const zeros = [0, 0, 0, 0, 0, 0, 0, 0];
    expect(message('initiator', true)).toEqual([...zeros, 3, 4, 1, 2]);
    expect(message('responder', true)).toEqual([...zeros, 1, 2, 3, 4]);
    expect(message('initiator', false)).toEqual([1, 2]);
    expect(message('responder', false)).toEqual([3, 4]);
  });
});

describe('somebody in the middle', () => {
  it.each(['ue', 'node'] as const)(
    '[draft-ikev2-downgrade-prevention notify] who hides that the %s can do it is found out',
    (side) => {
      const { pair } = announced({ ...both('on'), network: tampering(side, withoutTranscript) });
      expect(pair.events('ue', 'ikeSaClosed')).toMatchObject([{ notifyType: NOTIFY.AUTHENTICATION_FAILED }]);
      expect(pair.events('node', 'ikeSaEstablished')).toEqual([]);
    },
  );

  it('[draft-ikev2-downgrade-prevention octets] who shows the node another request is found out by the first AUTH of the node', () => {
    const network = tampering('ue', without(NOTIFY.IKEV2_FRAGMENTATION_SUPPORTED));
    const unproven = new Pair({ ...both('off', withEap), network }).attach();
    // The UE sends its EAP packets through somebody who chose what was negotiated, until its own AUTH comes at the end.
    expect(unproven.events('ue', 'eapReceived').length).toBeGreaterThan(1);
    const proven = new Pair({ ...both('on', withEap), network }).attach();
    expect(proven.events('ue', 'eapReceived')).toEqual([]);
    expect(proven.events('ue', 'ikeSaClosed')).toMatchObject([{ cause: 'authentication' }]);
    for (const pair of [unproven, proven]) expect(pair.events('node', 'ikeSaEstablished')).toEqual([]);
  });

  it('[draft-ikev2-downgrade-prevention octets] who weakens the offer does not get the weaker keys', () => {
    const [strong, weak] = ['aes256gcm16-prfsha256-x25519-ke1_mlkem768', 'aes256gcm16-prfsha256-x25519'].map(
      (text) => {
        const parsed = parseIkeProposal(text);
        if (!parsed.ok) throw new Error(parsed.error);
        return parsed.value;
      },
    );
    const proposals = [strong!, weak!];
    // The first proposal goes; the second is numbered as it was, so the answer fits what the UE sent.
    const network = tampering('ue', (payloads) =>
      payloads.map((each) => (each.type === 'SA' ? { ...each, proposals: each.proposals.slice(1) } : each)),
    );
    const pair = new Pair({
      ...both('on', { config: { proposals }, profile: { proposals } }),
      network,
    }).attach();
    expect(pair.events('ue', 'ikeSaInitCompleted')[0]?.suite).not.toContain('mlkem');
    expect(pair.events('ue', 'ikeSaClosed')).toMatchObject([{ cause: 'authentication' }]);
    expect(pair.events('node', 'ikeSaEstablished')).toEqual([]);
  });
});

describe('a side that insists', () => {
  it('[draft-ikev2-downgrade-prevention notify] as responder refuses others at once', () => {
    const pair = new Pair({ config: { transcriptAuth: 'required' } }).attach();
    pair.advance(200_000);
    expect(pair.events('ue', 'ikeSaClosed')).toMatchObject([{ notifyType: NOTIFY.NO_PROPOSAL_CHOSEN }]);
    expect([...pair.node.ikeSas()]).toEqual([]);
  });

  it('[draft-ikev2-downgrade-prevention notify] as initiator takes no answer without it, and waits for a better one', () => {
    const pair = new Pair({ profile: { transcriptAuth: 'required' } }).attach();
    expect(pair.events('ue', 'messageRejected')).toHaveLength(1);
    pair.advance(300_000);
    expect(pair.events('ue', 'ikeSaClosed')).toMatchObject([{ cause: 'timeout' }]);
    const forged = new Pair({ ...both('required') });
    forged.connect();
    const request = forged.wire.shift()!;
    forged.deliver(request);
    const answer = forged.wire.shift()!;
    const [stripped] = tampering('node', withoutTranscript)(answer);
    forged.deliver(stripped!);
    expect(forged.events('ue', 'messageRejected')).toHaveLength(1);
    forged.deliver(answer);
    forged.run();
    expect(forged.events('node', 'ikeSaEstablished')).toHaveLength(1);
  });
});
