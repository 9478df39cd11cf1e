/** What looks at the running node and acts on it, whoever asks: the control socket or the console, of a node or of the lab. */
import type { KeyStorage, KeyStore } from '#qkd';
import { type NodeActions, rekeyUe, releaseByOperator } from '../admin/actions.ts';
import type { KeySupply } from '../admin/metrics.ts';
import { noteSupply } from '../admin/supply-alarms.ts';
import { NodeView } from '../admin/view.ts';
import type { Gateway } from '../gateway.ts';
import { monotonicMs } from '../io/machine.ts';
import type { GatewayShell } from '../shell.ts';

/** The last look at the KME; each new one goes to the journal. */
export class SupplySeenLast {
  private readonly gateway: Gateway;
  private last: KeySupply | undefined;

  constructor(gateway: Gateway) {
    this.gateway = gateway;
  }

  readonly read = (): KeySupply | undefined => this.last;

  readonly note = (seen: KeySupply): void => {
    noteSupply(this.gateway.journal, this.last, seen);
    this.last = seen;
  };
}

/** What the views of a node are made of. */
export interface ViewParts {
  /** As AMFs know it at present. */
  readonly nodeName: () => string;
  readonly policy: () => string;
  readonly shell: GatewayShell;
  /** Undefined for a node without quantum keys. */
  readonly keys: { readonly store: KeyStore; readonly storage: KeyStorage } | undefined;
  readonly supply: SupplySeenLast;
}

/** The views of a node that has just started. */
export function viewOf({ nodeName, policy, shell, keys, supply }: ViewParts): NodeView {
  return new NodeView({
    gateway: shell.gateway,
    nodeName,
    policy,
    startedMs: monotonicMs(),
    wallMs: Date.now,
    draining: () => shell.gateway.draining,
    keySupply: supply.read,
    keyCounts: keys === undefined ? undefined : () => keys.store.counts(),
    audit: keys?.storage,
  });
}

/** What may be done to a node; `drain` ends it in order. */
export function actionsOn(shell: GatewayShell, drain: (text: string) => void): NodeActions {
  return {
    release: (ueId, text) => shell.act((gateway) => releaseByOperator(gateway, ueId, text)),
    rekey: (ueId) => countedBy(shell, (gateway) => rekeyUe(gateway, ueId)),
    drain,
  };
}

/** Runs a command that counts by way of the shell, which sends what that takes. */
function countedBy(shell: GatewayShell, command: (gateway: Gateway) => number): number {
  let count = 0;
  shell.act((gateway) => {
    count = command(gateway);
  });
  return count;
}
