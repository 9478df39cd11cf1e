/** tshark's tree of each packet (`-T pdml`), as nodes. */

/** One field of tshark's tree. */
export interface PdmlNode {
  /** Filter name, such as `ngap.RAN_UE_NGAP_ID`; empty for the items of a list. */
  readonly name: string;
  /** The line that a reader sees, such as `cause: misc (4)`. */
  readonly showname: string;
  /** The value: a number, text, or octets with colons. */
  readonly show: string;
  /** The octets behind it, in hexadecimal. */
  readonly value: string;
  readonly children: PdmlNode[];
}

const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

function attributes(text: string): Record<string, string> {
  const pairs = text.matchAll(/([a-z]+)="([^"]*)"/g);
  return Object.fromEntries(
    [...pairs].map(([, key = '', value = '']) => [
      key,
      value.replace(/&(\w+);/g, (whole, entity: string) => entities[entity] ?? whole),
    ]),
  );
}

/** Trees of all packets, one root each, whose children are the protocols. */
export function parsePdml(text: string): PdmlNode[] {
  const packets: PdmlNode[] = [];
  const open: PdmlNode[] = [];
  for (const [, closing, tag, inside = '', selfClosing] of text.matchAll(
    /<(\/?)(packet|proto|field)\b((?:[^>"]|"[^"]*")*?)(\/?)>/g,
  )) {
    if (closing === '/') {
      open.pop();
      continue;
    }
    const { name = '', showname = '', show = '', value = '' } = attributes(inside);
    const node: PdmlNode = { name, showname, show, value, children: [] };
    if (tag === 'packet') packets.push(node);
    else open.at(-1)?.children.push(node);
    if (selfClosing !== '/') open.push(node);
  }
  return packets;
}

/** All nodes of a tree, in order. */
export function* walk(node: PdmlNode): Generator<PdmlNode> {
  yield node;
  for (const child of node.children) yield* walk(child);
}
