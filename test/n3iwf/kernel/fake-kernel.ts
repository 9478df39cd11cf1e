import { decodeMessages, encodeMessage, type NetlinkMessage, NLM_F } from '../../../n3iwf/kernel/netlink.ts';
import { ERRNO, type NetlinkPort, type NetlinkReply } from '../../../n3iwf/kernel/ports.ts';
import { decodeXfrm, encodeXfrm, type XfrmMessage, type XfrmRequest } from '../../../n3iwf/kernel/xfrm.ts';

type Of<N extends XfrmMessage['name']> = Extract<XfrmMessage, { name: N }>;
type Asked = Of<'newSa' | 'delSa' | 'getSa' | 'newPolicy' | 'updPolicy' | 'delPolicy' | 'getPolicy'>;

const hexOf = (octets: Uint8Array) => Buffer.from(octets).toString('hex');

/** As the kernel tells states apart: destination, SPI and mark. */
function stateKey(daddr: Uint8Array, spi: number, mark: { value: number; mask: number } | undefined): string {
  return `${hexOf(daddr)} ${spi} ${mark === undefined ? 0 : mark.value & mark.mask}`;
}

/** As the kernel tells policies apart: selector, direction, mark and interface. */
function policyKey({ body, attributes }: Of<'newPolicy' | 'delPolicy' | 'updPolicy'>): string {
  const { mark, ifId } = attributes;
  const sel = { ...body.sel, saddr: hexOf(body.sel.saddr), daddr: hexOf(body.sel.daddr) };
  return JSON.stringify([sel, body.dir, mark?.value ?? 0, ifId?.value ?? 0]);
}

/** The octets of a message, as a kernel would send them. */
export function messageOf(request: XfrmRequest): NetlinkMessage {
  const { type, fixed, attributes } = encodeXfrm(request);
  const decoded = decodeMessages(encodeMessage({ type, flags: 0, sequence: 0 }, fixed, attributes));
  if (!decoded.ok) throw new Error('no message');
  return decoded.value[0] as NetlinkMessage;
}

/** The kernel's states and policies, in memory, behind the port of the real ones. */
export class FakeKernel implements NetlinkPort {
  readonly states = new Map<string, Of<'newSa'>>();
  readonly policies = new Map<string, Of<'newPolicy'>>();
  /** What was asked, by name, in order. */
  readonly asked: string[] = [];
  /** Gives the errno of a refusal, or 0. */
  refuse: (message: XfrmMessage) => number = () => 0;

  exchange<T>(
    requests: readonly Uint8Array[],
    read: (message: NetlinkMessage) => T | undefined = () => undefined,
  ): readonly NetlinkReply<T>[] {
    return requests.map((request) => {
      const messages = decodeMessages(request);
      if (!messages.ok || messages.value.length !== 1) throw new Error('not one message');
      const [message] = messages.value as [NetlinkMessage];
      const decoded = decodeXfrm(message);
      if (!decoded.ok || decoded.value === undefined) throw new Error('not of XFRM');
      return this.carryOut(decoded.value as Asked, message.flags, read);
    });
  }

  private carryOut<T>(
    message: Asked,
    flags: number,
    read: (message: NetlinkMessage) => T | undefined,
  ): NetlinkReply<T> {
    this.asked.push(message.name);
    const refused = this.refuse(message);
    if (refused !== 0) return { errno: refused, text: 'refused by the test', values: [] };
    const found = (flags & NLM_F.DUMP) === NLM_F.DUMP ? this.all(message.name) : this.one(message);
    const values = (found.messages ?? []).flatMap((each) => read(messageOf(each as XfrmRequest)) ?? []);
    return { errno: found.errno, text: undefined, values };
  }

  private all(name: string): { errno: number; messages: XfrmMessage[] } {
    return { errno: 0, messages: [...(name === 'getSa' ? this.states : this.policies).values()] };
  }

  private one(message: Asked): { errno: number; messages?: XfrmMessage[] } {
    if (message.name === 'newSa') return { errno: this.add(message) };
    if (message.name === 'delSa' || message.name === 'getSa') {
      const key = stateKey(message.body.daddr, message.body.spi, message.attributes.mark);
      const state = this.states.get(key);
      if (state === undefined) return { errno: ERRNO.ESRCH };
      if (message.name === 'delSa') this.states.delete(key);
      return { errno: 0, messages: message.name === 'getSa' ? [state] : [] };
    }
    if (message.name === 'delPolicy')
      return { errno: this.policies.delete(policyKey(message)) ? 0 : ERRNO.ENOENT };
    if (message.name === 'updPolicy' || message.name === 'newPolicy')
      this.policies.set(policyKey(message as Of<'updPolicy'>), { ...message, name: 'newPolicy' });
    return { errno: 0 };
  }

  private add(state: Of<'newSa'>): number {
    const { id } = state.body;
    const key = stateKey(id.daddr, id.spi, state.attributes.mark);
    if (this.states.has(key)) return ERRNO.EEXIST;
    this.states.set(key, state);
    return 0;
  }
}
