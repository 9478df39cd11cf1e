import type { ChildProposalConfig, EndpointConfig, IkeProposalConfig } from '#ikev2';

/** How a QKD key enters the keys of the SAs. */
export const ppkUses = ['rfc9867', 'rfc8784', 'qkd-ke', 'none'] as const;
/** How QKD keys enter the keys of SAs: `ike.ppk` of the configuration. */
export type PpkUse = (typeof ppkUses)[number];

/** Values of `ike.policy`, the strictest first. */
export const keyPolicies = [
  'qkd-required',
  'qkd-preferred',
  'hybrid-always',
  'pqc-only',
  'classical',
] as const;
/** What the SAs of UEs must rest on. */
export type KeyPolicy = (typeof keyPolicies)[number];

/** What one policy means. */
interface Row {
  /** Of a UE that brings no quantum key, or one that our key manager does not have. */
  readonly ppk: EndpointConfig['ppk'];
  /** Which proposals count: those with ML-KEM go first where it is the fallback. */
  readonly proposals: 'all' | 'postQuantumFirst' | 'postQuantum' | 'classical';
}

/** A refusal is AUTHENTICATION_FAILED or NO_PROPOSAL_CHOSEN; a fallback happens within the attempt. [RFC9867 3.1] */
const table: Readonly<Record<KeyPolicy, Row>> = {
  'qkd-required': { ppk: 'required', proposals: 'all' },
  'qkd-preferred': { ppk: 'optional', proposals: 'postQuantumFirst' },
  'hybrid-always': { ppk: 'required', proposals: 'postQuantum' },
  'pqc-only': { ppk: 'off', proposals: 'postQuantum' },
  classical: { ppk: 'off', proposals: 'classical' },
};

/** What of the engine's configuration follows from the policy; `proposals` may come out empty. */
export function applyKeyPolicy(
  policy: KeyPolicy,
  use: PpkUse,
  proposals: readonly IkeProposalConfig[],
): Required<Pick<EndpointConfig, 'ppk' | 'ppkExchange' | 'proposals'>> {
  const row = table[policy];
  const hybrid = proposals.flatMap(insistOnMlKem);
  const chosen = {
    all: proposals,
    postQuantumFirst: [...hybrid, ...proposals],
    postQuantum: hybrid,
    classical: proposals.flatMap(withoutMlKem),
  }[row.proposals];
  return {
    ppk: use === 'none' || use === 'qkd-ke' ? 'off' : row.ppk,
    // A UE that knows the older way only is served by it.
    ppkExchange: use === 'rfc9867' ? 'any' : 'auth',
    proposals: use === 'qkd-ke' && row.ppk !== 'off' ? chosen.map(withQkdMethod(row.ppk)) : chosen,
  };
}

/**
 * ESP proposals: with `qkd-ke` each new Child SA and each rekey takes a QKD key of its own, which is its key exchange, or
 * follows the one that the proposal names. [RFC9370 2.2.4]
 */
export function applyChildKeyPolicy(
  policy: KeyPolicy,
  use: PpkUse,
  proposals: readonly ChildProposalConfig[],
): readonly ChildProposalConfig[] {
  const { ppk } = table[policy];
  if (use !== 'qkd-ke' || ppk === 'off') return proposals;
  const keyed = proposals.map(withChildKey);
  return ppk === 'required' ? keyed : [...keyed, ...proposals];
}

/** A QKD key as the proposal's only key exchange, or after the one that it names. */
function withChildKey({ ke, additional = [], ...proposal }: ChildProposalConfig): ChildProposalConfig {
  if (ke.length === 0) return { ...proposal, ke: ['qkd'] };
  return { ...proposal, ke, additional: [...additional, ['qkd']] };
}

/** The key ID goes in the slot after those of the proposal. */
function withQkdMethod(ppk: Row['ppk']): (proposal: IkeProposalConfig) => IkeProposalConfig {
  const choices = ppk === 'required' ? (['qkd'] as const) : (['qkd', 'none'] as const);
  return (proposal) => ({ ...proposal, additional: [...(proposal.additional ?? []), choices] });
}

function isMlKem(name: string): boolean {
  return name.startsWith('mlkem');
}

/** The proposal with nothing but ML-KEM where it offers ML-KEM; none when it never does. */
function insistOnMlKem(proposal: IkeProposalConfig): IkeProposalConfig[] {
  const { ke, additional = [] } = proposal;
  if (ke.some(isMlKem)) return [{ ...proposal, ke: ke.filter(isMlKem) }];
  if (!additional.some((choices) => choices.some(isMlKem))) return [];
  const narrowed = additional.map((choices) => (choices.some(isMlKem) ? choices.filter(isMlKem) : choices));
  return [{ ...proposal, additional: narrowed }];
}

/** What is left of the proposal; none where ML-KEM was all that it had. */
function withoutMlKem({ additional: _, ...proposal }: IkeProposalConfig): IkeProposalConfig[] {
  const ke = proposal.ke.filter((name) => !isMlKem(name));
  return ke.length === 0 ? [] : [{ ...proposal, ke }];
}
