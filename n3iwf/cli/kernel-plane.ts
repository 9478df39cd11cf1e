import type { EndpointConfig } from '#ikev2';
import type { Config } from '../config.ts';
import type { KernelSideConfig } from '../io/kernel-side.ts';
import { roundUp } from '../kernel/layout.ts';

/** The kernel counts its windows in words of 32 packets. */
const windowUnit = 32;

/** What the kernel plane is to be, by the configuration; undefined where user packets stay in process. */
export function kernelPlaneOf(
  { ike, inner, userPlane }: Config,
  { childProposals, lifetimes }: Pick<EndpointConfig, 'childProposals' | 'lifetimes'>,
): KernelSideConfig | undefined {
  if (userPlane.plane !== 'kernel') return undefined;
  const { softOctets, hardOctets, softPackets, hardPackets } = lifetimes?.child ?? {};
  return {
    local: ike.address,
    own: [inner.address, ...(inner.address6 === undefined ? [] : [inner.address6])],
    pools: [inner.pool, ...(inner.pool6 === undefined ? [] : [inner.pool6])],
    nasPort: inner.nasPort,
    interfaceName: userPlane.interface,
    interfaceKind: userPlane.interfaceKind,
    markBase: userPlane.marks,
    window: roundUp(userPlane.replayWindow, windowUnit),
    limits: {
      ...(softOctets === undefined ? {} : { softOctets }),
      ...(hardOctets === undefined ? {} : { hardOctets }),
      ...(softPackets === undefined ? {} : { softPackets }),
      ...(hardPackets === undefined ? {} : { hardPackets }),
    },
    suites: childProposals.flatMap(({ encr, integ }) =>
      encr.flatMap((cipher) =>
        (integ.length === 0 ? (['none'] as const) : integ).map((mac) => ({ encr: cipher, integ: mac })),
      ),
    ),
  };
}
