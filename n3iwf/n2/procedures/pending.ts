import type { Node } from '../../node.ts';
import { endSessionChange } from '../../nwu/session-change.ts';
import type { UeContext } from '../../ue/context.ts';
import { failInitialContextSetup } from './initial-context-setup.ts';
import { abandonSetup, setupCauses } from './pdu-session-resource-setup.ts';

/** Whatever waited for a UE that is gone has failed: the AMF is told before the UE's release is spoken of. */
export function answerPending(node: Node, ue: UeContext): void {
  for (const id of [...ue.sessionSetups.keys()]) abandonSetup(node, ue, id, setupCauses.released);
  for (const tag of [...ue.sessionChanges.keys()]) endSessionChange(ue, tag, false);
  failInitialContextSetup(node, ue, setupCauses.released);
}
