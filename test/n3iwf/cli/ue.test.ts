import { describe, expect, it } from 'vitest';
import { ueSchema } from '../../../n3iwf/cli/ue.ts';
import { NwuSockets } from '../../../n3iwf/cli/ue-sockets.ts';
import { parseDocument } from '../../../n3iwf/config.ts';
import { ipv4Of } from '../../../n3iwf/io/host-facts.ts';
import { UdpSocket } from '../../../n3iwf/io/udp.ts';

const least = {
  subscriber: {
    imsi: '208930000000001',
    k: '465b5ce8b199b49faa5f0a2ee238a6bc',
    opc: 'cd63cb71954a9f4e48a5994e37a02baf',
  },
  plmn: { mcc: '208', mnc: '93' },
  slice: { sst: 1 },
};
const named = { address: '192.0.2.5', n3iwf: { address: '192.0.2.1', identity: 'n3iwf.example' } };
const read = (document: object) => parseDocument(ueSchema, { ...least, ...document }, 'ue.yaml');

describe('the configuration of a UE', () => {
  it('names its address and its N3IWF, or an interface and how to find one', () => {
    expect(read(named)).toMatchObject(named);
    const found = read({ interface: 'wlan0', find: {}, keepPinging: {} });
    expect(found).toMatchObject({ interface: 'wlan0', find: {}, patienceMs: 15_000 });
    expect(found.keepPinging).toEqual({ everyMs: 500, limitMs: 2000 });
  });

  it.each([
    ['neither address nor interface', { n3iwf: named.n3iwf }, 'address'],
    ['both', { ...named, interface: 'wlan0' }, 'address'],
    ['no way to an N3IWF', { address: '192.0.2.5' }, 'n3iwf'],
    ['two ways', { ...named, find: {} }, 'n3iwf'],
    ['a country of two digits', { address: '192.0.2.5', find: { country: '33' } }, 'find.country'],
    ['a TAC of five digits', { address: '192.0.2.5', find: { tac: '00001' } }, 'find.tac'],
  ])('with %s is refused by the name of the key', (_, document, key) => {
    expect(() => read(document)).toThrow(new RegExp(`\\b${key.replace('.', '\\.')}\\b`));
  });
});

describe('the sockets of a UE', () => {
  it('move to another address and keep their ports; the old address hears nothing any more', async () => {
    const heard: string[] = [];
    const far = await UdpSocket.open({ address: '127.0.0.1', port: 0 }, (data, { address }) =>
      heard.push(`${new TextDecoder().decode(data)} from ${address}`),
    );
    const got: string[] = [];
    const sockets = new NwuSockets((data, _, local) => got.push(`${data[0]} at ${local.address}`));
    const [ike, nat] = [28_500 + (process.pid % 1000), 30_500 + (process.pid % 1000)];
    const at = (address: string, port: number) => ({ address, port });
    await sockets.bind(at('127.7.0.1', ike), at('127.7.0.1', nat));
    const send = (text: string, port: number) =>
      sockets.send(new TextEncoder().encode(text), at('127.7.0.1', port), far.local);
    send('first', ike);
    await sockets.moveTo('127.7.0.2');
    send('second', nat);
    far.send(Uint8Array.of(1), at('127.7.0.1', nat));
    far.send(Uint8Array.of(2), at('127.7.0.2', nat));
    for (let tries = 0; tries < 100 && (heard.length < 2 || got.length < 1); tries++)
      await new Promise((resolve) => setTimeout(resolve, 10));
    expect(heard).toEqual(['first from 127.7.0.1', 'second from 127.7.0.2']);
    expect(got).toEqual(['2 at 127.7.0.2']);
    await sockets.close();
    await far.close();
  });

  it('stay as they are when the other address cannot be had', async () => {
    const sockets = new NwuSockets(() => {});
    const port = 32_500 + (process.pid % 1000);
    await sockets.bind({ address: '127.7.1.1', port }, { address: '127.7.1.1', port: port + 1000 });
    await expect(sockets.moveTo('203.0.113.77')).rejects.toThrow(
      '203.0.113.77 is no address of this machine',
    );
    await expect(UdpSocket.open({ address: '127.7.1.1', port }, () => {})).rejects.toThrow('is taken');
    await sockets.close();
  });
});

it('an interface has its IPv4 address, or none', () => {
  expect(ipv4Of('lo')).toBe('127.0.0.1');
  expect(ipv4Of('none such')).toBeUndefined();
});
