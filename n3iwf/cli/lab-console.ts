/** The console of the lab: what `n3iwf run` serves on its admin port, of a node that is in this process with its network. */
import { randomBytes } from 'node:crypto';
import type { Log } from '../log.ts';
import type { KeyPolicy } from '../nwu/key-policy.ts';
import type { GatewayShell } from '../shell.ts';
import type { LabQuantum } from './lab-quantum.ts';
import { type IkeEventCounts, openAdmin } from './node-admin.ts';
import { type NodeControl, nodeRoutes } from './node-control.ts';
import { actionsOn, type SupplySeenLast, viewOf } from './node-views.ts';

/** The parts of the lab that the console shows. */
export interface LabConsoleParts {
  /** 0: any free one. */
  readonly port: number;
  readonly policy: KeyPolicy;
  readonly shell: GatewayShell;
  readonly quantum: LabQuantum;
  /** What the node's watch on its keys has seen, and what it answers. */
  readonly supply: SupplySeenLast;
  readonly control: NodeControl;
  readonly ikeEvents: IkeEventCounts;
  /** Ends the lab. */
  readonly drain: () => void;
  readonly log: Log;
}

/** A console that is open. */
export interface LabConsole {
  readonly url: string;
  /** For its actions; made for this run. */
  readonly token: string;
  close(): Promise<void>;
}

/** Opens it on loopback. @throws OperatorError N3IWF_E_BIND when the port cannot be had */
export async function openLabConsole(parts: LabConsoleParts): Promise<LabConsole> {
  const { port, policy, shell, quantum, supply, control, ikeEvents, log } = parts;
  const keys = { store: quantum.n3iwf, storage: quantum.storage };
  const view = viewOf({ nodeName: () => 'qn3iwf-lab', policy: () => policy, shell, keys, supply });
  control.serve(nodeRoutes(view, actionsOn(shell, parts.drain)));
  const token = randomBytes(16).toString('hex');
  const admin = await openAdmin({
    admin: { address: '127.0.0.1', port },
    gateway: shell.gateway,
    ikeEvents,
    store: keys.store,
    keySupply: supply.read,
    api: { answer: control.answer, token },
    log,
  });
  return { url: admin.url, token, close: () => admin.close() };
}
