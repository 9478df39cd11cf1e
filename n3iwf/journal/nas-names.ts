/** Names of NAS messages as far as a relay can tell them: what is ciphered stays without a name. */

const mobilityManagement = 0x7e;
const sessionManagement = 0x2e;
/** Octets of the security header: protocol, header type, MAC, sequence number. */
const securityHeaderLength = 7;

/** 5GS mobility management messages by their type [TS24501 9.7]. */
const mobilityNames: ReadonlyMap<number, string> = new Map([
  [0x41, 'Registration request'],
  [0x42, 'Registration accept'],
  [0x43, 'Registration complete'],
  [0x44, 'Registration reject'],
  [0x45, 'Deregistration request'],
  [0x46, 'Deregistration accept'],
  [0x47, 'Deregistration request'],
  [0x48, 'Deregistration accept'],
  [0x4c, 'Service request'],
  [0x4d, 'Service reject'],
  [0x4e, 'Service accept'],
  [0x4f, 'Control plane service request'],
  [0x54, 'Configuration update command'],
  [0x55, 'Configuration update complete'],
  [0x56, 'Authentication request'],
  [0x57, 'Authentication response'],
  [0x58, 'Authentication reject'],
  [0x59, 'Authentication failure'],
  [0x5a, 'Authentication result'],
  [0x5b, 'Identity request'],
  [0x5c, 'Identity response'],
  [0x5d, 'Security mode command'],
  [0x5e, 'Security mode complete'],
  [0x5f, 'Security mode reject'],
  [0x64, '5GMM status'],
  [0x65, 'Notification'],
  [0x66, 'Notification response'],
  [0x67, 'UL NAS transport'],
  [0x68, 'DL NAS transport'],
]);

/** 5GS session management messages by their type [TS24501 9.7]. */
const sessionNames: ReadonlyMap<number, string> = new Map([
  [0xc1, 'PDU session establishment request'],
  [0xc2, 'PDU session establishment accept'],
  [0xc3, 'PDU session establishment reject'],
  [0xc5, 'PDU session authentication command'],
  [0xc6, 'PDU session authentication complete'],
  [0xc7, 'PDU session authentication result'],
  [0xc9, 'PDU session modification request'],
  [0xca, 'PDU session modification reject'],
  [0xcb, 'PDU session modification command'],
  [0xcc, 'PDU session modification complete'],
  [0xcd, 'PDU session modification command reject'],
  [0xd1, 'PDU session release request'],
  [0xd2, 'PDU session release reject'],
  [0xd3, 'PDU session release command'],
  [0xd4, 'PDU session release complete'],
  [0xd6, '5GSM status'],
]);

const transports: ReadonlySet<number> = new Set([0x67, 0x68]);
const n1SessionContainer = 1;

/**
 * The name of a NAS message, with that of the session management message that it carries. Behind a security header the
 * message is in clear unless it is ciphered by something better than NEA0; then it is `ciphered NAS message`.
 */
export function nasName(nasPdu: Uint8Array): string {
  if (nasPdu[0] === sessionManagement) return sessionNames.get(nasPdu[3] ?? 0) ?? 'unknown 5GSM message';
  if (nasPdu[0] !== mobilityManagement) return 'unreadable NAS message';
  const header = (nasPdu[1] ?? 0) & 0x0f;
  if (header === 0) return mobilityName(nasPdu);
  const inner = nasPdu.subarray(securityHeaderLength);
  // A message in clear says so in its first two octets; one in 65536 ciphered ones may look like that.
  const isClear = inner[0] === mobilityManagement && inner[1] === 0;
  if (isClear && mobilityNames.has(inner[2] ?? 0)) return mobilityName(inner);
  return 'ciphered NAS message';
}

function mobilityName(plain: Uint8Array): string {
  const type = plain[2] ?? 0;
  const name = mobilityNames.get(type);
  if (name === undefined) return 'unknown 5GMM message';
  const isSession = transports.has(type) && ((plain[3] ?? 0) & 0x0f) === n1SessionContainer;
  const carried = plain.subarray(6);
  return isSession && carried[0] === sessionManagement ? `${name} (${nasName(carried)})` : name;
}
