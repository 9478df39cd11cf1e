/** Keys of the configuration that SIGHUP changes in a running node, each with what the change reaches. */

/** By path; a key that stands for a section stands for all in it. Whatever is not here takes a restart. */
export const liveKeys = {
  'ike.policy': 'SAs from now on, and rekeys',
  'ike.proposals': 'IKE SAs from now on, and rekeys',
  'ike.espProposals': 'Child SAs from now on, and rekeys',
  'ike.childOffer': 'Child SAs from now on',
  'ike.certificate': 'IKE SAs from now on; the files are read again at each reload',
  'ike.redirectTo': 'at the next drain',
  'ike.ikeSaMinutes': 'IKE SAs from now on, others from their next rekey',
  'ike.childSaMinutes': 'Child SAs from now on',
  'ike.cookiesAbove': 'at once',
  'ike.datagramSize': 'messages from now on',
  'inner.pool': 'UEs from now on; others keep their addresses',
  'inner.pool6': 'UEs from now on, where there was one before',
  'inner.dns': 'UEs from now on',
  'inner.pCscf': 'UEs from now on',
  'inner.fixed': 'UEs from now on',
  'n2.name': 'AMFs are told',
  'n2.tac': 'AMFs are told',
  'n2.slices': 'AMFs are told',
  'n2.moreTrackingAreas': 'AMFs are told',
  'n2.amfs': 'new ones are connected; one that is gone gets no more UEs and is left when its last UE is gone',
  'userPlane.childSas': 'sessions from now on',
  'userPlane.dscp': 'sessions from now on',
  'userPlane.greOf': 'UEs from now on',
  'qkd.keying': 'at once',
  'timers.attachMs': 'set-ups from now on',
  'timers.livenessMs': 'at once',
  'timers.sessionNasMs': 'sessions from now on',
  'timers.drainSeconds': 'at once',
  log: 'at once',
} as const satisfies Readonly<Record<string, string>>;

export type LiveKey = keyof typeof liveKeys;

/** The row that a key falls under, or undefined for one that takes a restart. */
export function liveKeyOf(path: string): LiveKey | undefined {
  return (Object.keys(liveKeys) as LiveKey[]).find((key) => path === key || path.startsWith(`${key}.`));
}
