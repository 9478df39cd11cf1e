import { describe, expect, it } from 'vitest';
import { NOTIFY, type Payload, parseEspProposal } from '#ikev2';
import type { IkeSa } from '../../../ikev2/sa/ike-sa.ts';
import { KeyRounds } from '../../../ikev2/sa/tasks/key-rounds.ts';
import { seededRandom, utf8 } from '../../support/pair.ts';

const sa = { node: { random: seededRandom(1) } } as unknown as IkeSa;
const empty = new Uint8Array(0);
const uuid = '5f2b9d0e-8a43-4a7b-9d7e-0123456789ab';

function rounds(...texts: string[]) {
  return new KeyRounds(
    texts.map((text) => {
      const parsed = parseEspProposal(text);
      if (!parsed.ok) throw new Error(parsed.error);
      return parsed.value;
    }),
  );
}

const link = (data: Uint8Array): Payload => ({
  type: 'Notify',
  protocol: 0,
  spi: empty,
  notifyType: NOTIFY.ADDITIONAL_KEY_EXCHANGE,
  data,
});
const ke = (method: number, data: Uint8Array): Payload => ({ type: 'KE', method, data });
const suite = { ke: 'x25519', additional: [{ slot: 6, ke: 'ecp256' }] } as const;
const curve = ke(
  31,
  Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 9 : 0)),
);

describe('the key exchanges of one CREATE_CHILD_SA', () => {
  it('[RFC9370 2.2.4] go on by the link of the last answer', () => {
    const own = rounds('aes256gcm16-x25519-ke1_ecp256');
    expect(own.payloads(sa)).toMatchObject([{ type: 'KE', method: 31 }]);
    expect(own.underWay).toBe(false);
    expect(own.open(suite, [curve, link(Uint8Array.of(7, 8))])).toBeUndefined();
    expect(own.underWay).toBe(true);
    expect(own.build(sa)).toMatchObject([
      { type: 'KE', method: 19 },
      { notifyType: NOTIFY.ADDITIONAL_KEY_EXCHANGE, data: Uint8Array.of(7, 8) },
    ]);
  });

  it('[RFC9370 2.2.4] end where the peer gives no link, or answers by another method, or by no value of it', () => {
    const opened = (...payloads: Payload[]) => {
      const own = rounds('aes256gcm16-x25519-ke1_ecp256');
      own.payloads(sa);
      const breach = own.open(suite, payloads);
      expect(own.underWay).toBe(false);
      return breach?.message;
    };
    expect(opened(curve)).toContain('how the key exchanges go on');
    expect(opened(ke(19, new Uint8Array(64)), link(empty))).toContain('another key exchange');
    expect(opened(link(empty))).toContain('another key exchange');
    expect(opened(ke(31, new Uint8Array(31)), link(empty))).toContain('31 octets');
    const later = rounds('aes256gcm16-x25519-ke1_ecp256');
    later.payloads(sa);
    later.open(suite, [curve, link(Uint8Array.of(1))]);
    later.build(sa);
    expect(later.take([curve])?.message).toContain('another key exchange');
    expect(rounds('aes256gcm16').take([curve])?.message).toContain('no round');
  });
});

describe('the key exchanges of one CREATE_CHILD_SA, where they turn or end', () => {
  it('[RFC7296 1.3] take up a group that the peer prefers once, if it is ours', () => {
    const own = rounds('aes256gcm16-x25519', 'aes256gcm16-ecp256');
    own.payloads(sa);
    expect(own.retry(sa, Uint8Array.of(0, 20))).toBe(false);
    expect(own.retry(sa, empty)).toBe(false);
    expect(own.retry(sa, Uint8Array.of(0, 19))).toBe(true);
    expect(own.payloads(sa)).toMatchObject([{ method: 19 }]);
    expect(own.retry(sa, Uint8Array.of(0, 31))).toBe(false);
  });

  it('zero what the owner handed in and what was agreed on', () => {
    const [one, other] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
    const own = rounds('aes256gcm16-qkd');
    expect(own.wantsKey).toBe(true);
    const identity = (text: string) => ({ type: 2, data: utf8(text) });
    expect(
      own.settleKey([
        { secret: other, identity: identity('no key ID') },
        { secret: one, identity: identity(uuid) },
      ]),
    ).toBe(true);
    expect(other.every((octet) => octet === 0)).toBe(true);
    own.payloads(sa);
    expect(own.open({ ke: 'qkd' }, [ke(1025, empty)])).toBeUndefined();
    expect(own.secrets).toMatchObject({ first: one, key: identity(uuid) });
    own.wipe();
    expect(one.every((octet) => octet === 0)).toBe(true);
  });
});
