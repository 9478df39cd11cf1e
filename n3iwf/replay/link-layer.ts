/** From a frame of a link to the IP packet in it: how many octets stand in front, and which of them name the content. */
interface LinkLayer {
  readonly headerLength: number;
  /** Place of the EtherType; without one the link carries nothing but IP. */
  readonly etherTypeAt?: number;
}

/** Links by their LINKTYPE number. */
const links: Readonly<Record<number, LinkLayer>> = {
  0: { headerLength: 4 }, // BSD loopback
  1: { headerLength: 14, etherTypeAt: 12 }, // Ethernet
  12: { headerLength: 0 }, // raw IP, as some systems number it
  14: { headerLength: 0 },
  101: { headerLength: 0 }, // raw IP
  108: { headerLength: 4 }, // OpenBSD loopback
  113: { headerLength: 16, etherTypeAt: 14 }, // Linux "any" device
  228: { headerLength: 0 }, // IPv4
  229: { headerLength: 0 }, // IPv6
  276: { headerLength: 20, etherTypeAt: 0 }, // Linux "any" device, second version
};

const ipv4 = 0x0800;
const ipv6 = 0x86dd;
/** Tags in front of the EtherType, four octets each [IEEE802.1Q 9.4]. */
const vlanTags: ReadonlySet<number> = new Set([0x8100, 0x88a8, 0x9100]);

/** The IP packet in a frame of that LINKTYPE; undefined for other content and for links that are not known. */
export function ipPacketOf(linkType: number, frame: Uint8Array): Uint8Array | undefined {
  const link = links[linkType];
  if (link === undefined || frame.length < link.headerLength + 20) return undefined;
  let { headerLength } = link;
  if (link.etherTypeAt !== undefined) {
    let type = word(frame, link.etherTypeAt);
    while (vlanTags.has(type) && frame.length >= headerLength + 4) {
      type = word(frame, headerLength + 2);
      headerLength += 4;
    }
    if (type !== ipv4 && type !== ipv6) return undefined;
  }
  return frame.subarray(headerLength);
}

function word(octets: Uint8Array, at: number): number {
  return ((octets[at] ?? 0) << 8) | (octets[at + 1] ?? 0);
}
