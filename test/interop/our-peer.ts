import type { KeyObject } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  type EndpointConfig,
  type EndpointPorts,
  ID_TYPE,
  type Identity,
  IkeEndpoint,
  type IkeEvent,
  type InitiatorProfile,
  type Output,
  PPK_ID_TYPE,
  parseEspProposal,
  parseIkeProposal,
} from '#ikev2';
import { LabCapture } from '../../n3iwf/io/lab-capture.ts';
import { monotonicMs, randomOctets } from '../../n3iwf/io/machine.ts';
import { UdpSocket } from '../../n3iwf/io/udp.ts';
import { WakeTimer } from '../../n3iwf/io/wake-timer.ts';
import { hostSelector } from '../../n3iwf/nwu/selectors.ts';
import { recordingEngine } from '../../n3iwf/replay/engine-record.ts';
import { charonAddress, ownAddress, pathNetwork } from './charon.ts';

/** Addresses of a {@link NatBox}: where it is reached, and from where it passes things on. */
export const natOutside = `${pathNetwork}.30`;
export const natInside = `${pathNetwork}.31`;

export const sharedSecret = 'sesame-sesame-sesame';
export const ppkId = 'ppk-0001';
export const ppkSecret = Uint8Array.from({ length: 32 }, (_, at) => at);
export const virtualIp = Uint8Array.of(10, 60, 0, 9);
const subnet = { ...hostSelector(Uint8Array.of(10, 55, 0, 0)), end: Uint8Array.of(10, 55, 0, 255) };

function all<T>(
  parse: (words: string) => { ok: true; value: T } | { ok: false; error: string },
  words: readonly string[],
): T[] {
  return words.map((each) => {
    const parsed = parse(each);
    if (!parsed.ok) throw new Error(parsed.error);
    return parsed.value;
  });
}

/** ESP proposals by their keywords. */
export const esps = (words: readonly string[]) => all(parseEspProposal, words);

/** IKE proposals by their keywords. */
export const ike = (words: readonly string[]) => all(parseIkeProposal, words);

const CREATE_CHILD_SA = 36;
const RESPONSE = 0x20;

/** By its header's exchange type and flags. */
function isCreateChildSaRequest(message: Uint8Array): boolean {
  return message[18] === CREATE_CHILD_SA && ((message[19] ?? RESPONSE) & RESPONSE) === 0;
}

let captures = 0;
let capturesOf = 'peer';

/** What the captures that follow are called. */
export function nameCaptures(suite: string): void {
  capturesOf = suite;
}

/** With INTEROP_CAPTURE, a folder: traffic, keys and record of each peer, by suite and numbered in the order of the tests. */
function nextCapture(): LabCapture | undefined {
  const folder = process.env.INTEROP_CAPTURE;
  if (folder === undefined) return undefined;
  const name = join(folder, `${capturesOf}-${String(++captures).padStart(2, '0')}`);
  mkdirSync(folder, { recursive: true });
  return new LabCapture({ pcap: `${name}.pcap`, keylog: name, record: `${name}.record` });
}

/** Where we connect to, and the names of both ends. */
export interface ConnectTo {
  readonly address?: string;
  readonly local?: string;
  readonly remote?: string;
}

/** Our endpoint on real sockets: answers for a subnet and gives out one virtual IP, or starts an IKE SA itself. */
export class OurPeer {
  readonly events: IkeEvent[] = [];
  /** Done once, when charon's next request of CREATE_CHILD_SA is here and before it is looked at. */
  ahead: (() => void) | undefined;
  /** Finds the PPK of a name that the peer gave; without it, there is the one that both were configured with. */
  lookUpPpk: ((named: string) => Promise<Uint8Array | undefined>) | undefined;
  private readonly config: EndpointConfig;
  private readonly engine: IkeEndpoint;
  private readonly sockets = new Map<string, UdpSocket>();
  private readonly timer: WakeTimer;
  private readonly capture = nextCapture();

  constructor(
    auth: Pick<EndpointConfig, 'responderAuth' | 'initiatorAuth'> & Partial<EndpointConfig>,
    verifyCertificate?: (chain: readonly Uint8Array[], peerId: Identity) => KeyObject | undefined,
    ports: Partial<EndpointPorts> = {},
  ) {
    const config: EndpointConfig = {
      ikePort: 500,
      natTraversalPort: 4500,
      proposals: all(parseIkeProposal, [
        'aes256gcm16-prfsha256-x25519',
        'aes256-sha256-ecp256',
        'aes128-sha512-modp2048',
      ]),
      childProposals: all(parseEspProposal, ['aes256gcm16', 'aes256-sha256-ecp256', 'aes128-sha512']),
      localId: { type: ID_TYPE.FQDN, data: new TextEncoder().encode('n3iwf.test') },
      ppk: 'optional',
      exposeKeys: this.capture !== undefined,
      ...auth,
    };
    this.config = config;
    const enginePorts: EndpointPorts = {
      random: randomOctets,
      authorize: () => ({
        attributes: [{ type: 1, value: virtualIp }],
        trafficSelectorsInitiator: [hostSelector(virtualIp)],
        trafficSelectorsResponder: [subnet],
      }),
      admitChildSa: ({ trafficSelectorsResponder }) => ({
        trafficSelectorsInitiator: [hostSelector(virtualIp)],
        trafficSelectorsResponder,
      }),
      ...(verifyCertificate === undefined ? {} : { verifyCertificate }),
      ...ports,
    };
    const { recordIke } = this.capture?.observers() ?? {};
    this.engine =
      recordIke === undefined
        ? new IkeEndpoint(config, enginePorts)
        : recordingEngine(config, enginePorts, recordIke);
    const engine = this.engine;
    this.timer = new WakeTimer(
      { tick: () => this.carryOut(engine.tick(monotonicMs())), deadline: () => engine.deadline() },
      monotonicMs,
    );
  }

  /** Listens on both ports of an address of ours. */
  async open(address = ownAddress): Promise<void> {
    for (const port of [500, 4500]) {
      const socket = await UdpSocket.open({ address, port }, (data, remote, local) => {
        const isIke = port === 500 || (data.length > 4 && data.subarray(0, 4).every((octet) => octet === 0));
        if (!isIke) return;
        this.capture?.nwu(data, remote, local);
        if (isCreateChildSaRequest(port === 500 ? data : data.subarray(4))) {
          const { ahead } = this;
          this.ahead = undefined;
          ahead?.();
        }
        this.carryOut(this.engine.receive(monotonicMs(), data, local, remote));
        this.timer.rearm();
      });
      this.sockets.set(`${address} ${port}`, socket);
    }
  }

  /** Starts an IKE SA to charon, asking for a virtual IP. */
  connect(
    ppk: 'off' | 'required',
    auth: Pick<InitiatorProfile, 'remoteAuth' | 'localAuth'> & Partial<InitiatorProfile>,
    { address = charonAddress, local: ours = 'our-ue.test', remote = 'charon.test' }: ConnectTo = {},
  ): void {
    const { proposals, childProposals } = this.config;
    const encode = (name: string) => ({ type: ID_TYPE.FQDN, data: new TextEncoder().encode(name) });
    const any = { ...hostSelector(new Uint8Array(4)), end: new Uint8Array(4).fill(255) };
    const local = { address: ownAddress, port: 500 };
    const { outputs } = this.engine.connect(
      monotonicMs(),
      local,
      { address, port: 500 },
      {
        localId: encode(ours),
        expectedRemoteId: encode(remote),
        proposals,
        childProposals,
        ppk,
        attributes: [{ type: 1, value: new Uint8Array(0) }],
        trafficSelectorsLocal: [any],
        trafficSelectorsRemote: [subnet],
        ...auth,
      },
    );
    this.carryOut(outputs);
    this.timer.rearm();
  }

  /** Runs a command on the only IKE SA that there is. */
  command(act: (engine: IkeEndpoint, now: number, ikeSaId: number, childSaId: number) => Output[]): void {
    const [sa] = this.engine.ikeSas();
    if (sa === undefined) throw new Error('there is no IKE SA');
    this.carryOut(act(this.engine, monotonicMs(), sa.ikeSaId, sa.childSas[0]?.id ?? 0));
    this.timer.rearm();
  }

  get ikeSaCount(): number {
    return [...this.engine.ikeSas()].length;
  }

  get childSaCount(): number {
    return [...this.engine.ikeSas()].flatMap(({ childSas }) => childSas).length;
  }

  /** Of each Child SA the SPIs at which we receive and send, in hexadecimal digits. */
  get childSpis(): [string, string][] {
    const digits = (spi: number) => spi.toString(16).padStart(8, '0');
    return [...this.engine.ikeSas()]
      .flatMap(({ childSas }) => childSas)
      .map(({ spiIn, spiOut }) => [digits(spiIn), digits(spiOut)]);
  }

  /** Of each IKE SA the initiator's and the responder's SPI, in hexadecimal digits. */
  get ikeSpis(): [string, string][] {
    const digits = (spi: Uint8Array) => Buffer.from(spi).toString('hex');
    return [...this.engine.ikeSas()].map((sa) => [digits(sa.spiInitiator), digits(sa.spiResponder)]);
  }

  async close(): Promise<void> {
    this.timer.stop();
    const sockets = [...this.sockets.values()];
    this.sockets.clear();
    await Promise.all(sockets.map((socket) => socket.close()));
    if (sockets.length > 0) this.capture?.close();
  }

  private carryOut(outputs: readonly Output[]): void {
    for (const output of outputs) {
      if (output.kind !== 'transmit') {
        this.onEvent(output.event);
        continue;
      }
      const { address, port } = output.local;
      this.capture?.nwu(output.data, output.local, output.remote);
      this.sockets.get(`${address} ${port}`)?.send(output.data, output.remote);
    }
  }

  private onEvent(event: IkeEvent): void {
    this.events.push(event);
    this.capture?.ikeEvent(event);
    const now = monotonicMs();
    if (event.type === 'sharedSecretRequested') {
      this.carryOut(
        this.engine.provideSharedSecret(now, event.ikeSaId, new TextEncoder().encode(sharedSecret)),
      );
    } else if (event.type === 'ppkRequested') {
      const named = new TextDecoder().decode(event.identity?.data);
      const identity = { type: PPK_ID_TYPE.FIXED, data: new TextEncoder().encode(ppkId) };
      if (event.role === 'initiator') {
        this.carryOut(
          this.engine.providePpk(now, event.ikeSaId, { secret: Uint8Array.from(ppkSecret), identity }),
        );
        return;
      }
      void this.findPpk(named).then((secret) => {
        const ppk = secret === undefined ? undefined : { secret };
        this.carryOut(this.engine.providePpk(monotonicMs(), event.ikeSaId, ppk, event.request));
        this.timer.rearm();
      });
    }
  }

  private async findPpk(named: string): Promise<Uint8Array | undefined> {
    if (this.lookUpPpk !== undefined) return await this.lookUpPpk(named);
    return named === ppkId ? Uint8Array.from(ppkSecret) : undefined;
  }
}
