import { describe, expect, it } from 'vitest';
import { type NetlinkCalls, NetlinkSocket } from '../../../n3iwf/io/netlink.ts';
import { encodeStruct } from '../../../n3iwf/kernel/layout.ts';
import { encodeMessage, type NetlinkMessage, NLM_F, NLMSG } from '../../../n3iwf/kernel/netlink.ts';
import { decodeLink, deleteLink, getLinks } from '../../../n3iwf/kernel/rtnetlink.ts';

const request = () =>
  encodeMessage({ type: 0x12, flags: NLM_F.REQUEST | NLM_F.ACK, sequence: 0 }, new Uint8Array(24));
const sequenceOf = (octets: Uint8Array, at = 0) =>
  new DataView(octets.buffer, octets.byteOffset + at).getUint32(8, true);

function verdict(sequence: number, errno: number): Uint8Array {
  const quoted = request();
  const body = Buffer.concat([encodeStruct({ code: 'i32' }, { code: -errno }), quoted]);
  return encodeMessage({ type: NLMSG.ERROR, flags: 0, sequence }, Uint8Array.from(body));
}

const part = (sequence: number, octet: number) =>
  encodeMessage({ type: 0x10, flags: NLM_F.MULTI, sequence }, new Uint8Array(8).fill(octet));
const done = (sequence: number) =>
  encodeMessage({ type: NLMSG.DONE, flags: NLM_F.MULTI, sequence }, new Uint8Array(4));

/** A socket whose reads a test puts in: octets, or an errno as a negative number. */
function socket(answer: (sent: Uint8Array) => (Uint8Array | number)[]) {
  const reads: (Uint8Array | number)[] = [];
  const sent: Uint8Array[] = [];
  const buffers: Uint8Array[] = [];
  const calls: string[] = [];
  let ready = () => {};
  const kernel: NetlinkCalls = {
    send: (_fd, data) => {
      sent.push(Uint8Array.from(data));
      reads.push(...answer(data));
      return data.length;
    },
    receive: (_fd, buffer) => {
      const read = reads.shift() ?? -11;
      if (typeof read === 'number') return read;
      buffer.set(read);
      buffers.push(buffer);
      return read.length;
    },
    watch: (_fd, listener) => {
      ready = listener;
    },
    close: () => void calls.push('close'),
  };
  const one = new NetlinkSocket(7, kernel);
  return { one, sent, reads, buffers, calls, ready: () => ready() };
}

const firstOctet = ({ body }: NetlinkMessage) => body[0];

describe('requests by netlink', () => {
  it('get the verdict of their own sequence number, whatever else comes before', () => {
    const { one } = socket((sent) => [verdict(99, 1), verdict(sequenceOf(sent), 3)]);
    expect(one.exchange([request()])).toEqual([{ errno: 3, text: undefined, values: [] }]);
  });

  it('several in one datagram are told apart, in their order', () => {
    const { one, sent } = socket((octets) => {
      const [first, second] = [sequenceOf(octets), sequenceOf(octets, 40)];
      return [Buffer.concat([verdict(second, 17), verdict(first, 0)])];
    });
    expect(one.exchange([request(), request()]).map(({ errno }) => errno)).toEqual([0, 17]);
    expect(sent).toHaveLength(1);
  });

  it('a list ends with its last part, over several reads', () => {
    const { one } = socket((octets) => {
      const sequence = sequenceOf(octets);
      return [Buffer.concat([part(sequence, 1), part(sequence, 2)]), part(sequence, 3), done(sequence)];
    });
    expect(one.exchange([request()], firstOctet)[0]?.values).toEqual([1, 2, 3]);
  });

  it('leave nothing of an answer in memory: it may hold keys', () => {
    const { one, buffers } = socket((octets) => [part(sequenceOf(octets), 9), done(sequenceOf(octets))]);
    one.exchange([request()], firstOctet);
    expect(buffers.every((buffer) => buffer.every((octet) => octet === 0))).toBe(true);
  });

  it.each([
    ['no answer', []],
    ['an answer that is cut off', [new Uint8Array(7)]],
    ['an empty answer', [new Uint8Array(0)]],
    ['a fault of the socket', [-105]],
  ])('%s is an exception and not a wait', (_what, answers) => {
    const { one } = socket(() => answers);
    expect(() => one.exchange([request()])).toThrow('netlink request');
  });

  it('a verdict without form is a refusal', () => {
    const { one } = socket((octets) => [
      encodeMessage({ type: NLMSG.ERROR, flags: 0, sequence: sequenceOf(octets) }, new Uint8Array(4)),
    ]);
    expect(one.exchange([request()])[0]?.errno).toBe(22);
  });
});

describe('events by netlink', () => {
  it('are handed over one by one; lost ones and faults are told without an end', () => {
    const { one, reads, ready, calls } = socket(() => []);
    const told: unknown[] = [];
    one.listen(
      (message) => told.push(message.body[0]),
      () => told.push('overrun'),
    );
    reads.push(Buffer.concat([part(0, 1), part(0, 2)]), new Uint8Array(5), part(0, 3));
    ready();
    reads.push(-105);
    ready();
    expect(told).toEqual([1, 2, 3, 'overrun']);
    one.close();
    one.close();
    expect(calls).toEqual(['close']);
  });
});

describe('the machine’s own netlink', () => {
  it('lists interfaces and refuses to delete one that is not there', () => {
    const route = NetlinkSocket.open('route');
    try {
      const [links] = route.exchange([getLinks()], decodeLink);
      expect(links?.values.find(({ name }) => name === 'lo')).toEqual({
        index: 1,
        name: 'lo',
        alias: undefined,
      });
      const [refused] = route.exchange([deleteLink(0x7ffffff0)]);
      expect([1, 19]).toContain(refused?.errno); // not permitted, or no such device
    } finally {
      route.close();
    }
  });
});
