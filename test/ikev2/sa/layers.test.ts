import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Node } from '../../../ikev2/sa/node.ts';
import { RateLimit } from '../../../ikev2/sa/rate-limit.ts';
import { advance, type SaInput, type SaState, TRANSITIONS } from '../../../ikev2/sa/states.ts';
import {
  addressOctets,
  detectNat,
  natDetectionHash,
  natDetectionNotifies,
} from '../../../ikev2/sa/tasks/natd.ts';
import { ppkIdentityNotify, readPpkIdentity } from '../../../ikev2/sa/tasks/ppk.ts';
import { Agenda, DEFAULT_TIMERS, TimerTable } from '../../../ikev2/sa/timers.ts';
import { OwnExchange, PeerWindow } from '../../../ikev2/sa/window.ts';
import { responderConfig, seededRandom } from '../../support/pair.ts';

describe('states', () => {
  const states = Object.keys(TRANSITIONS) as SaState[];
  const inputs: SaInput[] = [
    'initCompleted',
    'authStarted',
    'authenticated',
    'rekeyed',
    'deleteSent',
    'close',
  ];

  it.each(states.flatMap((state) => inputs.map((input) => [state, input] as const)))(
    '%s on %s',
    (state, input) => {
      const next = TRANSITIONS[state][input];
      if (next === undefined) expect(() => advance(state, input)).toThrow(/no transition/);
      else expect(advance(state, input)).toBe(next);
    },
  );

  it('every state but the last can be closed, and none leaves it', () => {
    for (const state of states)
      expect(TRANSITIONS[state].close).toBe(state === 'closed' ? undefined : 'closed');
    expect(TRANSITIONS.closed).toEqual({});
  });
});

describe('the window for requests of the peer', () => {
  const request = (n: number) => Uint8Array.of(n, 1, 2);

  it('[RFC7296 2.2] takes exactly the next message ID, from 0 on', () => {
    const window = new PeerWindow();
    expect(window.judge(1, request(1)).kind).toBe('stale');
    expect(window.judge(0, request(0)).kind).toBe('new');
    window.accept(request(0));
    expect(window.openRequest).toBe(0);
    expect(window.judge(0, request(0)).kind).toBe('pending');
    window.respond({ datagrams: [Uint8Array.of(9)] });
    expect(window.openRequest).toBeUndefined();
    expect(window.judge(1, request(1)).kind).toBe('new');
  });

  it('[RFC7296 2.1] repeats an answer only for the very octets that it answered', () => {
    const window = new PeerWindow();
    window.accept(request(0));
    window.respond({ datagrams: [Uint8Array.of(9)] });
    expect(window.judge(0, request(0))).toEqual({
      kind: 'repeated',
      answer: { datagrams: [Uint8Array.of(9)] },
    });
    expect(window.judge(0, request(7)).kind).toBe('stale');
    window.accept(request(1));
    window.respond({ datagrams: [Uint8Array.of(8)] });
    expect(window.judge(0, request(0)).kind).toBe('stale');
  });

  it('does not move by being asked', () => {
    const window = new PeerWindow();
    fc.assert(
      fc.property(fc.nat(5), fc.uint8Array(), (id, octets) => {
        window.judge(id, octets);
        expect(window.judge(0, request(0)).kind).toBe('new');
      }),
    );
  });
});

describe('our own requests', () => {
  it('[RFC7296 2.4] are repeated as they were, so many times, with growing pauses', () => {
    const own = new OwnExchange();
    const datagrams = [Uint8Array.of(1)];
    own.start(37, { datagrams });
    const pauses = [own.backOff(DEFAULT_TIMERS)];
    for (let again = own.again(DEFAULT_TIMERS); again !== undefined; again = own.again(DEFAULT_TIMERS)) {
      expect(again).toBe(datagrams);
      pauses.push(own.backOff(DEFAULT_TIMERS));
    }
    expect(pauses).toHaveLength(DEFAULT_TIMERS.retransmitTries);
    for (const [i, pause] of pauses.entries()) expect(pause).toBeCloseTo(4000 * 1.8 ** i);
  });

  it('[RFC7296 2.2] count from 0, and only the response with that ID and exchange ends them', () => {
    const own = new OwnExchange();
    own.start(36, { datagrams: [] });
    expect(own.idle).toBe(false);
    expect([own.matches(0, 36), own.matches(0, 37), own.matches(1, 36)]).toEqual([true, false, false]);
    own.finish();
    expect([own.idle, own.nextMessageId, own.matches(0, 36)]).toEqual([true, 1, false]);
    own.start(34, { datagrams: [] });
    own.finish(true);
    expect(own.nextMessageId).toBe(1);
  });
});

describe('timers', () => {
  it('expire in order of time, each once', () => {
    const announced: number[] = [];
    const timers = new TimerTable((at) => announced.push(at));
    timers.set('setUp', 30);
    timers.set('retransmit', 10);
    timers.set('liveness', 20);
    timers.clear('liveness');
    expect(announced).toEqual([30, 10, 20]);
    expect(timers.deadline()).toBe(10);
    expect(timers.expire(9)).toEqual([]);
    expect(timers.expire(40)).toEqual(['retransmit', 'setUp']);
    expect(timers.deadline()).toBeUndefined();
    timers.set('linger', 5);
    timers.clearAll();
    expect(timers.expire(99)).toEqual([]);
  });

  it('of many owners are found as a plain search finds them', () => {
    type Owner = { at: number | undefined };
    const step = fc.record({ owner: fc.nat(9), at: fc.option(fc.nat(100)), now: fc.nat(100) });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const owners: Owner[] = Array.from({ length: 10 }, () => ({ at: undefined }));
        const agenda = new Agenda<Owner>(({ at }) => at);
        for (const { owner, at, now } of steps) {
          owners[owner]!.at = at ?? undefined;
          if (at !== null) agenda.add(at, owners[owner]!);
          const set = owners.flatMap((each) => each.at ?? []);
          expect(agenda.deadline()).toBe(set.length === 0 ? undefined : Math.min(...set));
          const due = owners.filter((each) => each.at !== undefined && each.at <= now);
          expect(new Set(agenda.takeDue(now))).toEqual(new Set(due));
          for (const each of due) each.at = undefined;
        }
      }),
    );
  });

  it('answers to strangers are counted per period', () => {
    const limit = new RateLimit(2, 100);
    expect([0, 1, 2, 99, 100, 101, 102].map((now) => limit.allow(now))).toEqual([
      true,
      true,
      false,
      false,
      true,
      true,
      false,
    ]);
  });
});

describe('SPIs', () => {
  it('[RFC4303 2.1] inbound ESP SPIs stay above the reserved range and are never given twice', () => {
    const low = [Uint8Array.of(0, 0, 0, 255), Uint8Array.of(0, 0, 1, 0), Uint8Array.of(0, 0, 1, 0)];
    const seeded = seededRandom(3);
    const random = (length: number) => low.shift() ?? seeded(length);
    const node = new Node(responderConfig(), { random, authorize: () => ({ refuse: 24 }) }, DEFAULT_TIMERS);
    expect(node.reserveEspSpi()).toBe(256);
    expect(node.reserveEspSpi()).toBeGreaterThan(256);
    node.releaseEspSpi(256);
    const zero = [new Uint8Array(8), new Uint8Array(8).fill(1)];
    const second = new Node(
      responderConfig(),
      { random: () => zero.shift()!, authorize: () => ({ refuse: 24 }) },
      DEFAULT_TIMERS,
    );
    expect(second.newIkeSpi()).toEqual(new Uint8Array(8).fill(1));
  });
});

describe('NAT detection', () => {
  const spiI = new Uint8Array(8).fill(1);
  const spiR = new Uint8Array(8);
  const ue = { address: '192.0.2.1', port: 500 };
  const node = { address: '2001:db8::1', port: 500 };

  it.each([
    ['192.0.2.1', 'c0000201'],
    ['::ffff:192.0.2.1', 'c0000201'],
    ['2001:db8::1', '20010db8000000000000000000000001'],
    ['fe80::1%eth0', 'fe800000000000000000000000000001'],
    ['::', '00000000000000000000000000000000'],
    ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
  ])('[RFC7296 2.23] hashes the octets of %s', (text, hex) => {
    expect(Buffer.from(addressOctets(text)).toString('hex')).toBe(hex);
    expect(natDetectionHash(spiI, spiR, { address: text, port: 1 })).toHaveLength(20);
  });

  it('[RFC7296 2.23] tells which side was rewritten, and nothing without the notifies', () => {
    const sent = natDetectionNotifies(spiI, spiR, ue, node, false);
    const seen = (local: typeof node, remote: typeof ue) => detectNat(sent, spiI, spiR, local, remote);
    expect(seen(node, ue)).toEqual({ local: false, remote: false });
    expect(seen(node, { ...ue, port: 1024 })).toEqual({ local: false, remote: true });
    expect(seen({ ...node, address: '10.0.0.1' }, ue)).toEqual({ local: true, remote: false });
    expect(detectNat([], spiI, spiR, node, ue)).toEqual({ local: false, remote: false });
    const forced = natDetectionNotifies(spiI, spiR, ue, node, true);
    expect(detectNat(forced, spiI, spiR, node, ue)).toEqual({ local: false, remote: true });
  });
});

describe('PPK identities', () => {
  it('[RFC8784 5.1] are one octet of type and the name', () => {
    fc.assert(
      fc.property(fc.nat(255), fc.uint8Array(), (type, data) => {
        const notify = ppkIdentityNotify({ type, data });
        expect(notify.data[0]).toBe(type);
        expect(readPpkIdentity([notify])).toEqual({ type, data });
      }),
    );
    expect(readPpkIdentity([])).toBeUndefined();
  });
});
