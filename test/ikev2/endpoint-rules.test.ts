import { describe, expect, it } from 'vitest';
import {
  createCipher,
  decodeMessage,
  EXCHANGE,
  type IkeCipher,
  type MessageHeader,
  NOTIFY,
  type NotifyPayload,
  openMessage,
  type Payload,
  sealMessage,
} from '#ikev2';
import { Pair, seededRandom } from '../support/pair.ts';

interface Forge {
  readonly pair: Pair;
  /** Seals as the UE and delivers; gives the node's answer, opened. */
  send(
    exchange: number,
    payloads: readonly Payload[],
    changes?: Partial<MessageHeader>,
  ): readonly Payload[] | undefined;
}

/** A UE that is attached and then turns malicious: it has the keys and writes what it likes. */
function forge(): Forge {
  const pair = new Pair({ config: { exposeKeys: true } }).attach();
  const [keys] = pair.events('node', 'ikeKeysDerived');
  if (keys === undefined) throw new Error('no keys');
  const suite = { encr: 'aes256-gcm16', integ: 'none' } as const;
  const outgoing = createCipher(suite, keys.skEi, keys.skAi);
  const incoming = createCipher(suite, keys.skEr, keys.skAr);
  let messageId = 2;
  return {
    pair,
    send(exchange, payloads, changes = {}) {
      const { spiInitiator, spiResponder } = keys;
      const header = {
        spiInitiator,
        spiResponder,
        exchange,
        initiator: true,
        response: false,
        messageId,
        ...changes,
      };
      const iv = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, messageId++);
      pair.take(
        'node',
        pair.node.receive(0, sealMessage(header, payloads, outgoing, iv), pair.nodeAddress, pair.ueAddress),
      );
      const answer = pair.wire.shift();
      return answer === undefined ? undefined : open(answer.data, incoming);
    },
  };
}

function open(data: Uint8Array, cipher: IkeCipher): readonly Payload[] {
  const message = decodeMessage(data);
  if (!message.ok) throw message.error;
  const payloads = openMessage(data, message.value, cipher);
  if (!payloads.ok) throw payloads.error;
  return payloads.value;
}

const notifies = (answer: readonly Payload[] | undefined) =>
  answer?.filter((each): each is NotifyPayload => each.type === 'Notify').map(({ notifyType }) => notifyType);
const state = (pair: Pair) => [...pair.node.ikeSas()][0]?.state;

describe('a peer with keys that breaks the rules', () => {
  it('[RFC7296 2.5] a critical payload that nobody knows is named in the answer; the SA lives', () => {
    const { pair, send } = forge();
    const unknown = { type: 'Unknown', payloadType: 200, critical: true, data: new Uint8Array(3) } as const;
    const answer = send(EXCHANGE.INFORMATIONAL, [unknown]);
    expect(answer).toMatchObject([
      { notifyType: NOTIFY.UNSUPPORTED_CRITICAL_PAYLOAD, data: Uint8Array.of(200) },
    ]);
    expect(state(pair)).toBe('established');
    expect(send(EXCHANGE.INFORMATIONAL, [{ ...unknown, critical: false }])).toEqual([]);
  });

  it('[RFC7296 2.21.3] a payload that does not parse is answered by INVALID_SYNTAX and ends the SA alone', () => {
    const { pair, send } = forge();
    const broken = {
      type: 'Unknown',
      payloadType: 42,
      critical: false,
      data: Uint8Array.of(3, 4, 0, 9, 1),
    } as const;
    expect(notifies(send(EXCHANGE.INFORMATIONAL, [broken]))).toEqual([NOTIFY.INVALID_SYNTAX]);
    expect(pair.events('node', 'ikeSaClosed')).toMatchObject([
      { cause: 'protocol', notifyType: NOTIFY.INVALID_SYNTAX },
    ]);
    expect(state(pair)).toBeUndefined();
  });

  it.each([
    ['IKE_AUTH once more', EXCHANGE.IKE_AUTH, [{ type: 'AUTH', method: 2, data: new Uint8Array(32) }]],
    ['a payload where it may not be', EXCHANGE.INFORMATIONAL, [{ type: 'Nonce', data: new Uint8Array(32) }]],
    ['an exchange that nobody knows', 99, []],
  ] as [string, number, Payload[]][])(
    '[RFC7296 2.21.3] %s is answered by INVALID_SYNTAX',
    (_, exchange, payloads) => {
      const { pair, send } = forge();
      expect(notifies(send(exchange, payloads))).toEqual([NOTIFY.INVALID_SYNTAX]);
      expect(pair.events('node', 'ikeSaClosed')).toHaveLength(1);
    },
  );
});

describe('what nobody can act on', () => {
  it('[RFC7296 2.25] REKEY_SA for a Child SA that is not there is answered by CHILD_SA_NOT_FOUND', () => {
    const { pair, send } = forge();
    const selectors = pair.events('node', 'childSaEstablished')[0]!.child.trafficSelectorsRemote;
    const answer = send(EXCHANGE.CREATE_CHILD_SA, [
      {
        type: 'Notify',
        protocol: 3,
        spi: Uint8Array.of(9, 9, 9, 9),
        notifyType: NOTIFY.REKEY_SA,
        data: new Uint8Array(0),
      },
      {
        type: 'SA',
        proposals: [
          {
            number: 1,
            protocol: 3,
            spi: Uint8Array.of(1, 2, 3, 4),
            transforms: [
              { type: 1, id: 20, keyLength: 256 },
              { type: 5, id: 0 },
            ],
          },
        ],
      },
      { type: 'Nonce', data: new Uint8Array(32) },
      { type: 'TSi', selectors },
      { type: 'TSr', selectors },
    ]);
    expect(notifies(answer)).toEqual([NOTIFY.CHILD_SA_NOT_FOUND]);
    expect(state(pair)).toBe('established');
  });
});

describe('what is dropped, or ends one SA', () => {
  it('[RFC7296 2.2] message IDs outside the window and flags of the other side are dropped', () => {
    const { pair, send } = forge();
    expect(send(EXCHANGE.INFORMATIONAL, [], { messageId: 7 })).toBeUndefined();
    expect(send(EXCHANGE.INFORMATIONAL, [], { messageId: 0 })).toBeUndefined();
    expect(send(EXCHANGE.INFORMATIONAL, [], { messageId: 2, response: true })).toBeUndefined();
    expect(send(EXCHANGE.INFORMATIONAL, [], { messageId: 2 })).toEqual([]);
    expect(pair.events('node', 'messageRejected').length).toBeGreaterThanOrEqual(3);
  });

  it('Deletes of unknown Child SAs are answered by nothing', () => {
    const { pair, send } = forge();
    const deletion = { type: 'Delete', protocol: 3, spis: [Uint8Array.of(1, 2, 3, 4)] } as const;
    expect(send(EXCHANGE.INFORMATIONAL, [deletion])).toEqual([]);
    expect(pair.events('node', 'childSaDeleted')).toEqual([]);
  });

  it('a fault inside an owner’s port ends that SA alone', () => {
    let fault = true;
    const authorize = () => {
      if (fault) throw new Error('boom');
      return { refuse: 38 };
    };
    const pair = new Pair({ nodePorts: { authorize } }).attach();
    expect(pair.events('node', 'ikeSaClosed')).toMatchObject([{ cause: 'fault', reason: 'boom' }]);
    fault = false;
    pair.attach();
    expect(pair.events('node', 'ikeSaEstablished')).toHaveLength(1);
  });
});

describe('a fault before there is an SA', () => {
  it('reaches nobody but the sender of the request, who gets no answer', () => {
    let broken = true;
    const random = seededRandom(5);
    const pair = new Pair({
      nodePorts: {
        random: (length) => {
          if (broken) throw new Error('no entropy');
          return random(length);
        },
      },
    });
    pair.attach();
    expect(pair.events('node', 'messageRejected')).toMatchObject([{ reason: 'fault: Error: no entropy' }]);
    expect([...pair.node.ikeSas()]).toEqual([]);
    broken = false;
    pair.attach();
    expect(pair.events('node', 'ikeSaEstablished')).toHaveLength(1);
  });
});

describe('the engine’s own octets', () => {
  it('[RFC5282 3.1] no two messages under one key share an IV', () => {
    const sent: string[] = [];
    const pair = new Pair({
      network: (packet) => {
        if (packet.data[18] !== EXCHANGE.IKE_SA_INIT) {
          sent.push(`${packet.sender} ${Buffer.from(packet.data.subarray(32, 40)).toString('hex')}`);
        }
        return [packet];
      },
    }).attach();
    for (let i = 0; i < 20; i++) {
      pair.take('ue', pair.ue.checkLiveness(0, pair.ueSa));
      pair.take('node', pair.node.checkLiveness(0, pair.nodeSa));
      pair.run();
    }
    expect(sent.length).toBeGreaterThan(40);
    expect(new Set(sent).size).toBe(sent.length);
  });

  it('exposes keys only where that was asked for', () => {
    expect(new Pair().attach().events('node', 'ikeKeysDerived')).toEqual([]);
    const pair = new Pair({ config: { exposeKeys: true }, ueConfig: { exposeKeys: true } }).attach();
    const [node] = pair.events('node', 'ikeKeysDerived');
    const [ue] = pair.events('ue', 'ikeKeysDerived');
    expect(node).toMatchObject({ skEi: ue?.skEi, skEr: ue?.skEr, encr: 'aes256-gcm16', integ: 'none' });
  });

  it('lists its SAs', () => {
    const pair = new Pair().attach();
    expect([...pair.ue.ikeSas()]).toMatchObject([
      { role: 'initiator', state: 'established', childSas: [{}] },
    ]);
  });
});
