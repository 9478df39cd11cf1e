import { describe, expect, test } from 'vitest';
import { decodeNgap, encodeNgap } from '#ngap';
import { MemoryAssociation } from '../../../n3iwf/io/sctp-memory.ts';
import { type Log, silentLog } from '../../../n3iwf/log.ts';
import { N2Link } from '../../../n3iwf/n2/link.ts';
import { ngSetupRequest } from '../../../n3iwf/n2/setup.ts';
import { logTransportEvent, type TransportEvent } from '../../../n3iwf/n2/transport.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A log that keeps level and content. */
function listeningLog() {
  const lines: [string, unknown][] = [];
  const log: Log = {
    ...silentLog,
    info: (content: unknown) => void lines.push(['info', content]),
    warn: (content: unknown) => void lines.push(['warn', content]),
  };
  return { log, lines };
}

describe('events of the transport', () => {
  const path = (state: 'available' | 'unreachable' | 'confirmed' | 'removed') =>
    ({ type: 'pathChanged', address: '192.0.2.7', state }) as const;
  const cases: [TransportEvent, 'info' | 'warn'][] = [
    [{ type: 'established', outboundStreams: 2, inboundStreams: 2 }, 'info'],
    [{ type: 'peerShuttingDown' }, 'info'],
    [path('available'), 'info'],
    [path('confirmed'), 'info'],
    [path('unreachable'), 'warn'],
    [path('removed'), 'warn'],
    [{ type: 'sendFailed', stream: 1, reason: 'not sent' }, 'warn'],
    [{ type: 'messageDropped', stream: 1, reason: 'too long' }, 'warn'],
    [{ type: 'remoteError', causeCode: 1 }, 'warn'],
  ];
  test.each(cases)('%j is logged as %s', (event, level) => {
    const { log, lines } = listeningLog();
    logTransportEvent(log, event);
    expect(lines).toEqual([[level, { sctp: event }]]);
  });
});

test('a link over an association that fails tells it, dials again, and goes on over the next', async () => {
  const plmn = { mcc: '208', mnc: '93' };
  const setup = ngSetupRequest({ name: 'node', n3iwfId: 1, plmn, tac: '000001', slices: [{ sst: 1 }] });
  const far: MemoryAssociation[] = [];
  const heard: string[] = [];
  const happened: string[] = [];
  const { log, lines } = listeningLog();
  let now = 0;
  const dial = () => {
    const [near, other] = MemoryAssociation.pair(4);
    other.onMessage((data, stream) => {
      const pdu = decodeNgap(data);
      heard.push(`${pdu.ok ? pdu.value.message : 'unreadable'} on ${stream}`);
    });
    far.push(near, other);
    return Promise.resolve(near);
  };
  const link = new N2Link(
    { setup },
    {
      now: () => now,
      random: () => 0,
      dial,
      joins: () => false,
      happened: (event) => void happened.push(event.type),
      rearm: () => {},
      tap: () => {},
    },
    log,
  );
  link.start();
  await turn();
  await turn();
  expect(heard).toEqual(['NGSetupRequest on 0']);
  far[0]?.path('192.0.2.7', 'unreachable');
  far[1]?.send(3, encodeNgap({ message: 'OverloadStop', ies: {} }));
  far[1]?.fail();
  expect(happened).toEqual(['associationLost']);
  expect(lines).toContainEqual([
    'warn',
    { sctp: { type: 'pathChanged', address: '192.0.2.7', state: 'unreachable' } },
  ]);
  now = link.deadline() ?? 0;
  link.tick();
  await turn();
  await turn();
  expect(heard).toEqual(['NGSetupRequest on 0', 'NGSetupRequest on 0']);
  link.close();
});
