/** The other N3IWFs that UEs are sent to while this one ends, by REDIRECT. [RFC5685 3] */
import type { GatewayIdentity } from '#ikev2';
import { parseAddress } from '../userplane/address.ts';

/** At which moment a UE was sent away: with its first message, or with its IKE SA up. */
export const redirectMoments = ['initial', 'established'] as const;
/** One of {@link redirectMoments}. */
export type RedirectMoment = (typeof redirectMoments)[number];

/** An IPv4 address or a host name, as the configuration has it. */
export function gatewayOf(name: string): GatewayIdentity {
  return { type: parseAddress(name)?.length === 4 ? 'ipv4' : 'fqdn', name };
}

/** Names differ by their case alone when they are the same. */
const isSame = (one: GatewayIdentity, other: GatewayIdentity) =>
  one.type === other.type && one.name.toLowerCase() === other.name.toLowerCase();

/** UEs are dealt out to them in turns, so that none gets all of them. */
export class OtherGateways {
  /** UEs that were told to go, by the moment. A UE that repeats its first message counts each time. */
  readonly counts: Record<RedirectMoment, number> = { initial: 0, established: 0 };
  private gateways: readonly GatewayIdentity[];
  private turn = 0;

  constructor(names: readonly string[] = []) {
    this.gateways = names.map(gatewayOf);
  }

  /** Others from now on. */
  replace(names: readonly string[]): void {
    this.gateways = names.map(gatewayOf);
  }

  /**
   * Whose turn it is. Never the one that sent the UE here, so that two nodes that both end do not play ball with it: then
   * it is told nothing, and is turned away for a while instead. [RFC5685 4]
   */
  next(moment: RedirectMoment, from?: GatewayIdentity): GatewayIdentity | undefined {
    const fitting = this.gateways.filter((each) => from === undefined || !isSame(each, from));
    const chosen = fitting[this.turn % Math.max(1, fitting.length)];
    if (chosen === undefined) return undefined;
    this.turn++;
    this.counts[moment]++;
    return chosen;
  }
}
