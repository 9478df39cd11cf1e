import { endianness } from 'node:os';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readNotification } from '../../../n3iwf/io/sctp-notifications.ts';
import { socketAddress } from '../../../n3iwf/io/sctp-socket.ts';

const little = endianness() === 'LE';

/** A notification of `type`: its own length behind flags, then what `fill` writes. */
function notification(type: number, length: number, fill: (view: DataView) => void, flags = 0): Uint8Array {
  const view = new DataView(new ArrayBuffer(length));
  view.setUint16(0, type, little);
  view.setUint16(2, flags, little);
  view.setUint32(4, length, little);
  fill(view);
  return new Uint8Array(view.buffer);
}

function associationChange(state: number, error = 0): Uint8Array {
  return notification(0x8001, 20, (view) => {
    [state, error, 3, 5].forEach((value, at) => {
      view.setUint16(8 + 2 * at, value, little);
    });
  });
}

function pathChange(address: string, state: number): Uint8Array {
  return notification(0x8002, 148, (view) => {
    new Uint8Array(view.buffer).set(socketAddress(address, 38412), 8);
    view.setInt32(136, state, little);
  });
}

describe('notifications of the kernel', () => {
  it('[RFC6458 6.1] an association comes up with the streams that were granted', () => {
    expect(readNotification(associationChange(0))).toEqual({
      kind: 'event',
      event: { type: 'established', outboundStreams: 3, inboundStreams: 5 },
    });
  });

  it('[RFC6458 6.1] ends of an association are told apart', () => {
    const reasons = [1, 2, 3, 4].map((state) => readNotification(associationChange(state)));
    expect(reasons).toEqual([
      { kind: 'end', reason: 'the association was lost' },
      { kind: 'end', reason: 'the peer started the association anew' },
      { kind: 'end', reason: 'the peer shut the association down' },
      { kind: 'end', reason: 'the association could not be set up' },
    ]);
    expect(readNotification(associationChange(1, 12))).toMatchObject({
      reason: expect.stringContaining('12'),
    });
  });

  it.each([
    ['192.0.2.7', 1, '192.0.2.7', 'unreachable'],
    ['192.0.2.7', 0, '192.0.2.7', 'available'],
    ['2001:db8::7', 5, '2001:db8:0:0:0:0:0:7', 'confirmed'],
    ['::ffff:c000:207', 6, '192.0.2.7', 'potentially-failed'],
  ])('[RFC6458 6.1] the path to %s in state %i', (address, number, text, state) => {
    expect(readNotification(pathChange(address, number))).toEqual({
      kind: 'event',
      event: { type: 'pathChanged', address: text, state },
    });
  });

  it('[RFC6458 6.1] a path state or an address family of a later kernel says nothing', () => {
    expect(readNotification(pathChange('192.0.2.7', 7))).toBeUndefined();
    expect(readNotification(notification(0x8002, 148, () => {}))).toBeUndefined();
  });
});

describe('notifications of the kernel about faults', () => {
  it('[RFC6458 6.1] failed sends, remote errors, shutdown and aborted parts', () => {
    const failed = (flags: number) =>
      notification(
        0x8003,
        48,
        (view) => {
          view.setUint32(8, 9, little);
          view.setUint16(12, 4, little);
        },
        flags,
      );
    expect(readNotification(failed(0))).toMatchObject({
      event: { type: 'sendFailed', stream: 4, reason: 'not sent (SCTP cause 9)' },
    });
    expect(readNotification(failed(1))).toMatchObject({
      event: { reason: expect.stringContaining('not ack') },
    });
    const error = notification(0x8004, 20, (view) => view.setUint16(8, 6));
    expect(readNotification(error)).toEqual({ kind: 'event', event: { type: 'remoteError', causeCode: 6 } });
    expect(readNotification(notification(0x8005, 12, () => {}))).toEqual({
      kind: 'event',
      event: { type: 'peerShuttingDown' },
    });
    expect(readNotification(notification(0x8006, 24, () => {}))).toEqual({ kind: 'partAborted' });
  });

  it('whatever the octets, a value or nothing', () => {
    const types = fc.constantFrom(0x8000, 0x8001, 0x8002, 0x8003, 0x8004, 0x8005, 0x8006, 0x8009);
    fc.assert(
      fc.property(types, fc.uint8Array({ maxLength: 200 }), (type, body) => {
        const octets = Uint8Array.from([...new Uint8Array(Uint16Array.of(type).buffer), ...body]);
        expect(['event', 'end', 'partAborted', undefined]).toContain(readNotification(octets)?.kind);
      }),
    );
  });
});
