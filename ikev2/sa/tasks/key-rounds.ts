/**
 * The key exchanges of one CREATE_CHILD_SA of ours: the one that it carries itself, and those of the IKE_FOLLOWUP_KE
 * exchanges after it. [RFC9370 2.2.4]
 */

import { createKeyExchange } from '../../crypto/dh.ts';
import { offersQkd, withoutQkd } from '../../crypto/proposals.ts';
import { keyIdOctets, qkdExchange } from '../../crypto/qkd-method.ts';
import { keNameOf } from '../../crypto/suites.ts';
import type {
  AdditionalKe,
  AdditionalKeName,
  ChildProposalConfig,
  IkeProposalConfig,
  KeyExchange,
} from '../../crypto/types.ts';
import type { PpkIdentity } from '../../terms.ts';
import { NOTIFY } from '../../wire/registry.ts';
import type { Payload } from '../../wire/types.ts';
import type { IkeSa } from '../ike-sa.ts';
import { find, findNotify, notify } from '../payloads.ts';
import { type NamedPpk, wipePpks } from './ppk-candidates.ts';

/** Our half of the exchange that is under way. */
type OwnHalf = Omit<KeyExchange, 'name'> & { readonly ke: AdditionalKeName };

/** What all rounds together agreed on. */
export interface RoundSecrets {
  /** SK(0), of the CREATE_CHILD_SA itself; undefined without PFS. */
  readonly first: Uint8Array | undefined;
  /** SK(1) to SK(n). */
  readonly further: readonly Uint8Array[];
  /** The QKD key among them. */
  readonly key: PpkIdentity | undefined;
}

/** Belongs to one task; `configs` are the proposals that it offers. */
export class KeyRounds<C extends IkeProposalConfig | ChildProposalConfig> {
  configs: readonly C[];
  private half: OwnHalf | undefined;
  private steps: AdditionalKe[] = [];
  private link: Uint8Array = new Uint8Array(0);
  private first: Uint8Array | undefined;
  private readonly further: Uint8Array[] = [];
  private key: NamedPpk | undefined;
  private keyUsed = false;
  private retried = false;

  constructor(configs: readonly C[]) {
    this.configs = configs;
  }

  /** A QKD key has to be there before the request goes out. */
  get wantsKey(): boolean {
    return this.key === undefined && offersQkd(this.configs);
  }

  /** Takes the owner's key; without one its method is not offered. False when nothing is left to offer. */
  settleKey(keys: readonly NamedPpk[]): boolean {
    const at = keys.findIndex(({ identity }) => keyIdOctets(identity.data) !== undefined);
    this.key = keys[at];
    wipePpks(keys.filter((_, i) => i !== at));
    if (this.key === undefined) this.configs = withoutQkd(this.configs);
    return this.configs.length > 0;
  }

  /** The CREATE_CHILD_SA is answered and further rounds are due. */
  get underWay(): boolean {
    return this.steps.length > 0;
  }

  /** The KE payload of CREATE_CHILD_SA: by our first method, or by the one that the peer asked for. None without PFS. */
  payloads(sa: IkeSa): Payload[] {
    const ke = this.half?.ke ?? this.configs[0]?.ke[0];
    if (ke === undefined) return [];
    this.half ??= this.begin(sa, ke);
    return kePayload(this.half);
  }

  /** Takes up the group that the peer prefers, if it is one of ours and for the first time. [RFC7296 1.3] */
  retry(sa: IkeSa, data: Uint8Array): boolean {
    const name = keNameOf(((data[0] ?? 0) << 8) | (data[1] ?? 0));
    const isOurs = name !== undefined && this.configs.some(({ ke }) => ke.some((own) => own === name));
    if (!isOurs || this.retried) return false;
    this.retried = true;
    this.half = this.begin(sa, name);
    return true;
  }

  /** The answer to CREATE_CHILD_SA: SK(0), and what comes next. An error where it does not fit. */
  open(
    {
      ke,
      additional = [],
    }: { readonly ke?: AdditionalKeName; readonly additional?: readonly AdditionalKe[] },
    payloads: readonly Payload[],
  ): Error | undefined {
    if (ke !== undefined) {
      const secret = this.agree(ke, payloads);
      if (secret instanceof Error) return secret;
      this.first = secret;
    }
    return this.follow(additional, payloads);
  }

  /** The request of the next round: our half, and the link that the peer gave us for it. */
  build(sa: IkeSa): Payload[] {
    const [step] = this.steps;
    if (step === undefined) return [];
    this.half = this.begin(sa, step.ke);
    return [...kePayload(this.half), notify(NOTIFY.ADDITIONAL_KEY_EXCHANGE, this.link)];
  }

  /** The answer to it. */
  take(payloads: readonly Payload[]): Error | undefined {
    const [step, ...others] = this.steps;
    const secret = step === undefined ? new Error('no round is under way') : this.agree(step.ke, payloads);
    if (secret instanceof Error) return secret;
    this.further.push(secret);
    return this.follow(others, payloads);
  }

  /** All secrets, for the derivation, which wipes them. */
  get secrets(): RoundSecrets {
    const { first, further, key, keyUsed } = this;
    return { first, further, key: keyUsed ? key?.identity : undefined };
  }

  /** Overwrites secrets, used or not. */
  wipe(): void {
    for (const secret of [this.first, ...this.further, this.key?.secret]) secret?.fill(0);
    this.steps = [];
  }

  /** What is still to come, and the link under which the peer keeps the series. [RFC9370 2.2.4] */
  private follow(steps: readonly AdditionalKe[], payloads: readonly Payload[]): Error | undefined {
    this.steps = [...steps];
    const link = findNotify(payloads, NOTIFY.ADDITIONAL_KEY_EXCHANGE)?.data;
    if (steps.length > 0 && link === undefined) {
      this.steps = [];
      return new Error('the peer does not say how the key exchanges go on');
    }
    this.link = Uint8Array.from(link ?? []);
    return undefined;
  }

  /** The secret of a round whose answer is of the method that was asked for. */
  private agree(ke: AdditionalKeName, payloads: readonly Payload[]): Uint8Array | Error {
    const { half } = this;
    const answer = find(payloads, 'KE');
    if (answer === undefined || half?.ke !== ke || answer.method !== half.method) {
      return new Error('the peer answered with another key exchange');
    }
    const secret = half.computeSecret(answer.data);
    if (!secret.ok) return secret.error;
    this.keyUsed ||= ke === 'qkd';
    return secret.value;
  }

  /** A fresh half; for `qkd` that of the key which the owner handed in. */
  private begin(sa: IkeSa, ke: AdditionalKeName): OwnHalf {
    if (ke !== 'qkd') return { ...createKeyExchange(ke, (length) => sa.node.random(length)), ke };
    const half = this.key === undefined ? undefined : qkdExchange(this.key.identity.data, this.key.secret);
    if (half === undefined) throw new Error('a QKD key is offered before there is one');
    return { ...half, ke };
  }
}

function kePayload({ method, publicValue }: OwnHalf): Payload[] {
  return [{ type: 'KE', method, data: publicValue }];
}
