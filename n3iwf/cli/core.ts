import { z } from 'zod';
import type { SimulatedCore } from '#peers';
import { parseDocument } from '../config.ts';
import { monotonicMs, randomOctets } from '../io/machine.ts';
import { type KernelAssociation, listenSctp } from '../io/sctp-kernel.ts';
import { UdpSocket } from '../io/udp.ts';
import { WakeTimer } from '../io/wake-timer.ts';
import { readYaml } from './configuration-file.ts';
import { untilSignal } from './signals.ts';
import { plmnSchema, sliceSchema, subscriberSchema } from './subscriber-schema.ts';

/** Configuration of the simulated core. */
export const coreSchema = z.strictObject({
  n2: z.strictObject({ addresses: z.array(z.string()).nonempty(), port: z.number().int().default(38412) }),
  n3: z.strictObject({ address: z.string(), port: z.number().int().default(2152) }),
  plmn: plmnSchema,
  slices: z.array(sliceSchema).nonempty(),
  subscribers: z.array(subscriberSchema).nonempty(),
  ciphering: z.union([z.literal(0), z.literal(2)]).default(0),
  sessionPrefix: z.tuple([z.number(), z.number(), z.number()]).default([10, 60, 0]),
  dnn: z.string().default('internet'),
});

/** The file of `n3iwf core`. */
type CoreSettings = z.infer<typeof coreSchema>;

const identity = { amfName: 'simulated-amf', amfRegionId: 0xca, amfSetId: 1016, amfPointer: 0 };
const say = (message: object) => process.stdout.write(`${JSON.stringify(message)}\n`);

/**
 * The command `n3iwf core`: the simulated AMF, SMF and UPF on kernel SCTP and UDP, until SIGINT or SIGTERM.
 *
 * @throws OperatorError for a wrong configuration, a busy port, or a kernel without SCTP
 */
export async function runCore(path: string): Promise<number> {
  const settings = parseDocument(coreSchema, readYaml(path), path);
  const { SimulatedCore } = await import('#peers');
  const shell = new CoreShell(settings, SimulatedCore);
  try {
    await shell.open();
    say({ type: 'listening', n2: settings.n2.addresses, n3: settings.n3.address });
    await untilSignal();
  } finally {
    await shell.close();
  }
  return 0;
}

/** The core's sockets and its timer. One N3IWF at a time has N2: an association that comes later takes it over. */
class CoreShell {
  private readonly settings: CoreSettings;
  private readonly core: SimulatedCore;
  private readonly timer: WakeTimer;
  private association: KernelAssociation | undefined;
  private listener: { close(): void } | undefined;
  private upf: UdpSocket | undefined;

  constructor(settings: CoreSettings, Core: typeof SimulatedCore) {
    const { n2: _n2, n3, subscribers, ...rest } = settings;
    const sqn = 32 * Math.floor(Date.now() / 1000); // above what an earlier run of this core has used
    const config = {
      ...rest,
      ...identity,
      subscribers: subscribers.map((subscriber) => ({ ...subscriber, sqn })),
    };
    this.settings = settings;
    this.core = new Core(config, n3.address, {
      random: randomOctets,
      now: monotonicMs,
      sendN2: (stream, data) => this.association?.send(stream, data),
      sendGtpu: (datagram, remote) => this.upf?.send(datagram, remote),
      event: say,
    });
    this.timer = new WakeTimer(this.core, monotonicMs);
  }

  /** @throws OperatorError when an address cannot be had; `close` then closes what is open */
  async open(): Promise<void> {
    const { n2, n3 } = this.settings;
    this.upf = await UdpSocket.open(n3, (data, remote) => {
      this.core.receiveGtpu(data, remote);
      this.timer.rearm();
    });
    this.listener = listenSctp({ local: n2.addresses, localPort: n2.port }, (accepted) =>
      this.accept(accepted),
    );
  }

  private accept(accepted: KernelAssociation): void {
    const earlier = this.association;
    this.association = accepted;
    if (earlier !== undefined) {
      earlier.close();
      this.core.amf.clear();
    }
    accepted.onMessage((data) => {
      if (this.association !== accepted) return;
      this.core.receiveN2(data);
      this.timer.rearm();
    });
    accepted.onEvent((event) => say({ type: 'sctp', event }));
    accepted.onClosed((reason) => {
      say({ type: 'associationClosed', reason });
      if (this.association !== accepted) return;
      this.association = undefined;
      this.core.amf.clear();
    });
  }

  async close(): Promise<void> {
    this.timer.stop();
    this.association?.close();
    this.listener?.close();
    await this.upf?.close();
  }
}
