import { z } from 'zod';
import { parseDocument } from '../config.ts';
import { randomOctets } from '../io/machine.ts';
import { type KernelAssociation, listenSctp } from '../io/sctp-kernel.ts';
import { UdpSocket } from '../io/udp.ts';
import { readYaml } from './configuration-file.ts';
import { untilSignal } from './signals.ts';
import { plmnSchema, sliceSchema, subscriberSchema } from './subscriber-schema.ts';

const coreSchema = z.strictObject({
  n2: z.strictObject({ addresses: z.array(z.string()).nonempty(), port: z.number().int().default(38412) }),
  n3: z.strictObject({ address: z.string(), port: z.number().int().default(2152) }),
  plmn: plmnSchema,
  slices: z.array(sliceSchema).nonempty(),
  subscribers: z.array(subscriberSchema).nonempty(),
  ciphering: z.union([z.literal(0), z.literal(2)]).default(0),
  sessionPrefix: z.tuple([z.number(), z.number(), z.number()]).default([10, 60, 0]),
  dnn: z.string().default('internet'),
});

/**
 * The command `n3iwf core`: the simulated AMF, SMF and UPF on kernel SCTP and UDP, until SIGINT or SIGTERM.
 *
 * @throws OperatorError for a wrong configuration, a busy port, or a kernel without SCTP
 */
export async function runCore(path: string): Promise<number> {
  const { n2, n3, subscribers, ...rest } = parseDocument(coreSchema, readYaml(path), path);
  const { SimulatedCore } = await import('#peers');
  let association: KernelAssociation | undefined;
  const say = (message: string) => process.stdout.write(`${message}\n`);
  const upf = await UdpSocket.open(n3, (data, remote) => core.receiveGtpu(data, remote));
  const identity = { amfName: 'simulated-amf', amfRegionId: 0xca, amfSetId: 1016, amfPointer: 0 };
  const withSqn = subscribers.map((subscriber) => ({
    ...subscriber,
    sqn: 32 * Math.floor(Date.now() / 1000),
  }));
  const core = new SimulatedCore({ ...rest, ...identity, subscribers: withSqn }, n3.address, {
    random: randomOctets,
    sendN2: (stream, data) => association?.send(stream, data),
    sendGtpu: (datagram, remote) => upf.send(datagram, remote),
    event: (event) => say(JSON.stringify(event)),
  });
  const listener = listenSctp({ local: n2.addresses, localPort: n2.port }, (accepted) => {
    association = accepted;
    accepted.onMessage((data) => core.receiveN2(data));
    accepted.onClosed((reason) => say(JSON.stringify({ type: 'associationClosed', reason })));
  });
  say(JSON.stringify({ type: 'listening', n2: n2.addresses, n3: n3.address }));
  await untilSignal();
  association?.close();
  listener.close();
  await upf.close();
  return 0;
}
