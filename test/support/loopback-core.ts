import { type CoreConfig, SimulatedCore } from '#peers';
import { monotonicMs, randomOctets } from '../../n3iwf/io/machine.ts';
import { MemoryAssociation } from '../../n3iwf/io/sctp-memory.ts';
import { UdpSocket } from '../../n3iwf/io/udp.ts';
import { WakeTimer } from '../../n3iwf/io/wake-timer.ts';

const gtpuPort = 2152;

/** A simulated core whose UPF has a socket; N2 goes through memory. */
export interface LoopbackCore {
  readonly core: SimulatedCore;
  /** The N3IWF's end of N2. */
  readonly far: MemoryAssociation;
  close(): Promise<void> | undefined;
}

/** Opens one with its UPF at port 2152 of `upf`. */
export async function openLoopbackCore(config: CoreConfig, upf: string): Promise<LoopbackCore> {
  const [far, near] = MemoryAssociation.pair();
  const sockets: UdpSocket[] = [];
  const core = new SimulatedCore(config, upf, {
    random: randomOctets,
    sendN2: (stream, data) => near.send(stream, data),
    sendGtpu: (datagram, remote) => sockets[0]?.send(datagram, remote),
    event: () => {},
    now: monotonicMs,
  });
  const timer = new WakeTimer(core, monotonicMs);
  sockets.push(
    await UdpSocket.open({ address: upf, port: gtpuPort }, (data, remote) => {
      core.receiveGtpu(data, remote);
      timer.rearm();
    }),
  );
  near.onMessage((data) => {
    core.receiveN2(data);
    timer.rearm();
  });
  const close = () => {
    timer.stop();
    return sockets[0]?.close();
  };
  return { core, far, close };
}
