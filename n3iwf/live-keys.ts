/** Keys of the configuration that SIGHUP changes in a running node, and those that take a restart: each key is one or the other. */

/** What a change reaches, by path; a key that stands for a section or a list stands for all in it. */
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
  'qkd.ca': 'connections to the KME from now on; the file is read again at each reload',
  'qkd.certificate': 'the same',
  'qkd.key': 'the same',
  'qkd.keying': 'at once',
  'timers.attachMs': 'set-ups from now on',
  'timers.livenessMs': 'at once',
  'timers.sessionNasMs': 'sessions from now on',
  'timers.drainSeconds': 'at once',
  log: 'at once',
} as const satisfies Readonly<Record<string, string>>;

/** A path of the configuration that a running node follows. */
export type LiveKey = keyof typeof liveKeys;

/** Why a change takes a restart, by path as above. */
export const restartKeys = {
  'ike.address': 'the socket is bound there',
  'ike.port': 'the socket is bound there',
  'ike.natTraversalPort': 'the socket is bound there',
  'ike.identity': 'UEs compare it for as long as their IKE SAs stand',
  'ike.auth': 'it goes with the identity',
  'ike.ppk': 'SAs that stand would be rekeyed by other rules than they began with',
  'ike.transcriptAuth': 'the same',
  'ike.forceUdpEncapsulation': 'without it ESP has a socket of its own',
  'ike.preSharedKeyFile': 'it is read once',
  'inner.address': 'UEs hold it for as long as they are attached',
  'inner.address6': 'UEs hold it for as long as they are attached',
  'inner.nasPort': 'UEs hold it for as long as they are attached',
  'n2.profile': 'AMFs know the node by it',
  'n2.gnb': 'AMFs know the node by it',
  'n2.n3iwfId': 'AMFs know the node by it',
  'n2.plmn': 'AMFs know the node by it',
  'n2.localAddresses': 'associations begin there',
  'n2.sctp': 'sockets have these times from their beginning',
  n3: 'tunnels end there, and their UPFs know the addresses',
  'userPlane.plane': 'SAs live in it',
  'userPlane.interface': 'SAs live in it',
  'userPlane.interfaceKind': 'SAs live in it',
  'userPlane.marks': 'SAs live in it',
  'userPlane.replayWindow': 'SAs have it from their beginning',
  'userPlane.padTo': 'the plane has it from its beginning',
  'userPlane.nwuMtu': 'the plane has it from its beginning',
  'userPlane.n3Mtu': 'the plane has it from its beginning',
  'userPlane.gre': 'the plane has it from its beginning; greOf of single UEs is live',
  'userPlane.clampMss': 'the plane has it from its beginning',
  'qkd.kme': 'keys of one source would be asked of another',
  'qkd.kmeId': 'keys of one source would be asked of another',
  'qkd.kmeKind': 'keys of one source would be asked of another',
  'qkd.skip': 'keys of one source would be asked of another',
  'qkd.etsi004': 'keys of one source would be asked of another',
  'qkd.keyFiles': 'keys of one source would be asked of another',
  'qkd.saeId': 'the store is that of this pair',
  'qkd.ueSaeId': 'the store is that of this pair',
  'qkd.store': 'keys that are used are remembered there',
  'qkd.pool': 'the store has it from its beginning',
  'qkd.keyEncryptionKey': 'keys that wait are sealed with it',
  'qkd.maxKeyAgeMs': 'the store has it from its beginning',
  'qkd.audit': 'a record is one chain',
  'qkd.retention': 'the store has it from its beginning',
  'qkd.tamperFile': 'it is watched from the beginning',
  'timers.inactivityMs': 'UEs are watched by it from the beginning',
  control: 'the socket is open',
  admin: 'the socket is open',
  traces: 'the collector is asked from the beginning',
} as const satisfies Readonly<Record<string, string>>;

const stands = (key: string, path: string) =>
  path === key || path.startsWith(`${key}.`) || path.startsWith(`${key}[`);

/** The row of {@link liveKeys} that a key falls under, or undefined for one that takes a restart. */
export function liveKeyOf(path: string): LiveKey | undefined {
  return (Object.keys(liveKeys) as LiveKey[]).find((key) => stands(key, path));
}

/** The row of {@link restartKeys} that a key falls under. */
export function restartKeyOf(path: string): keyof typeof restartKeys | undefined {
  return (Object.keys(restartKeys) as (keyof typeof restartKeys)[]).find((key) => stands(key, path));
}
