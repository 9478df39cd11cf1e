/** A load of initiators on real sockets: as many handshakes at a time as asked for, each IKE_SA_INIT and IKE_AUTH with PSK. */
import {
  ID_TYPE,
  IkeEndpoint,
  type IkeEvent,
  type InitiatorProfile,
  type Output,
  parseEspProposal,
} from '#ikev2';
import { monotonicMs, randomOctets } from '../../../n3iwf/io/machine.ts';
import { UdpSocket } from '../../../n3iwf/io/udp.ts';
import { hostSelector } from '../../../n3iwf/nwu/selectors.ts';
import { ike, sharedSecret } from '../../interop/our-peer.ts';

const encode = (name: string) => ({ type: ID_TYPE.FQDN, data: new TextEncoder().encode(name) });
const network = (last: number) => ({
  ...hostSelector(Uint8Array.of(10, 55, 0, 0)),
  end: Uint8Array.of(10, 55, 0, last),
});
const any = { ...hostSelector(new Uint8Array(4)), end: new Uint8Array(4).fill(255) };

/** What the initiators propose and ask for. */
export function profile(words: string): InitiatorProfile {
  const proposal = parseEspProposal('aes256gcm16');
  if (!proposal.ok) throw new Error(proposal.error);
  return {
    localId: encode('our-ue.test'),
    remoteAuth: 'psk',
    localAuth: 'psk',
    proposals: ike([words]),
    childProposals: [proposal.value],
    ppk: 'off',
    attributes: [{ type: 1, value: new Uint8Array(0) }],
    trafficSelectorsLocal: [any],
    trafficSelectorsRemote: [network(255)],
  };
}

/** Opened once for a responder; {@link run} may be called again and again. Its SAs stay, as those of attached UEs do. */
export class IkeLoad {
  private readonly engine: IkeEndpoint;
  private readonly sockets = new Map<number, UdpSocket>();
  private readonly local: string;
  private readonly profile: InitiatorProfile;
  private remote = '';
  private left = 0;
  private open = 0;
  private finished: (() => void) | undefined;
  private failed = '';

  private constructor(local: string, words: string) {
    this.local = local;
    this.profile = profile(words);
    this.engine = new IkeEndpoint(
      {
        ikePort: 500,
        natTraversalPort: 4500,
        responderAuth: 'psk',
        initiatorAuth: 'psk',
        proposals: this.profile.proposals,
        childProposals: this.profile.childProposals,
        localId: this.profile.localId,
        ppk: 'off',
        exposeKeys: false,
        timers: { liveness: 0, keepalive: 0 },
      },
      { random: randomOctets, authorize: () => ({ refuse: 24 }) },
    );
  }

  static async open(local: string, words: string): Promise<IkeLoad> {
    const load = new IkeLoad(local, words);
    for (const port of [500, 4500]) {
      const socket = await UdpSocket.open({ address: local, port }, (data, remote, at) =>
        load.carryOut(load.engine.receive(monotonicMs(), data, at, remote)),
      );
      load.sockets.set(port, socket);
    }
    return load;
  }

  /** `count` handshakes with the responder at `remote`, `atOnce` of them in flight. Rejects when one of them fails. */
  async run(remote: string, count: number, atOnce = 16): Promise<void> {
    this.remote = remote;
    this.left = count;
    this.open = 0;
    this.failed = '';
    const done = new Promise<void>((resolve) => {
      this.finished = resolve;
    });
    const ticking = setInterval(() => this.carryOut(this.engine.tick(monotonicMs())), 200);
    for (let i = 0; i < atOnce; i++) this.begin();
    await done;
    clearInterval(ticking);
    if (this.failed !== '') throw new Error(this.failed);
  }

  async close(): Promise<void> {
    for (const socket of this.sockets.values()) await socket.close();
  }

  private begin(): void {
    if (this.left === 0) {
      if (this.open === 0) this.finished?.();
      return;
    }
    this.left--;
    this.open++;
    const local = { address: this.local, port: 500 };
    const remote = { address: this.remote, port: 500 };
    this.carryOut(this.engine.connect(monotonicMs(), local, remote, this.profile).outputs);
  }

  private carryOut(outputs: readonly Output[]): void {
    for (const output of outputs) {
      if (output.kind === 'transmit') this.sockets.get(output.local.port)?.send(output.data, output.remote);
      else this.onEvent(output.event);
    }
  }

  private onEvent(event: IkeEvent): void {
    if (event.type === 'sharedSecretRequested') {
      const secret = new TextEncoder().encode(sharedSecret);
      this.carryOut(this.engine.provideSharedSecret(monotonicMs(), event.ikeSaId, secret));
    } else if (event.type === 'childSaEstablished' || event.type === 'ikeSaClosed') {
      if (event.type === 'ikeSaClosed') this.failed ||= `a handshake failed: ${JSON.stringify(event)}`;
      this.open--;
      this.begin();
    }
  }
}
