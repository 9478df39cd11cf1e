import { readFileSync } from 'node:fs';
import { decodeIp } from '../../n3iwf/userplane/ip.ts';
import { decodeUdp } from '../../n3iwf/userplane/udp.ts';

/** An NGAP message of a capture; `toAmf` by the addresses that captures of ours give to both ends of N2. */
export interface N2Frame {
  readonly toAmf: boolean;
  readonly data: Uint8Array;
}

/** A UDP payload of a capture. */
export interface NwuFrame {
  readonly from: { readonly address: string; readonly port: number };
  readonly to: { readonly address: string; readonly port: number };
  readonly data: Uint8Array;
}

const protocols = { udp: 17, sctp: 132 } as const;
const n3iwfOfN2 = '192.0.2.1';
/** Common header, and the fields of a DATA chunk before its data. */
const sctp = { header: 12, chunkLengthAt: 14, dataAt: 28, chunkHeader: 16 } as const;

/** IP packets of a pcap file of raw IP, as this project writes them. */
function packetsOf(path: string): Uint8Array[] {
  const file = readFileSync(path);
  const packets: Uint8Array[] = [];
  for (let at = 24; at < file.length; ) {
    const length = file.readUInt32LE(at + 8);
    packets.push(Uint8Array.from(file.subarray(at + 16, at + 16 + length)));
    at += 16 + length;
  }
  return packets;
}

const dotted = (address: Uint8Array) => address.join('.');

/** Both interfaces of a capture, each in order. */
export function readCapture(path: string): {
  readonly n2: readonly N2Frame[];
  readonly nwu: readonly NwuFrame[];
} {
  const n2: N2Frame[] = [];
  const nwu: NwuFrame[] = [];
  for (const octets of packetsOf(path)) {
    const packet = decodeIp(octets);
    if (!packet.ok) throw new Error(`not an IP packet: ${packet.error.message}`);
    const { protocol, source, destination, payload } = packet.value;
    if (protocol === protocols.sctp) {
      const length = Buffer.from(payload).readUInt16BE(sctp.chunkLengthAt) - sctp.chunkHeader;
      const data = payload.slice(sctp.dataAt, sctp.dataAt + length);
      n2.push({ toAmf: dotted(source) === n3iwfOfN2, data });
    } else if (protocol === protocols.udp) {
      const datagram = decodeUdp(payload);
      if (!datagram.ok) throw new Error(`not a UDP datagram: ${datagram.error.message}`);
      const { sourcePort, destinationPort, data } = datagram.value;
      nwu.push({
        from: { address: dotted(source), port: sourcePort },
        to: { address: dotted(destination), port: destinationPort },
        data: Uint8Array.from(data),
      });
    }
  }
  return { n2, nwu };
}

/** Keys of one IKE SA as `ikev2_decryption_table` has them: AES-256-GCM, salt at the end. */
export interface IkeKeyLine {
  readonly spis: string;
  readonly skEi: Uint8Array;
  readonly skEr: Uint8Array;
}

const fromHex = (text = '') => Uint8Array.from(Buffer.from(text, 'hex'));
const lines = (path: string) =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '');

/**
 * The key log of IKE: SPIs of initiator and responder in hexadecimal, one after the other, to the keys. There are several
 * where key exchanges after the first changed them.
 */
export function readIkeKeys(folder: string): ReadonlyMap<string, readonly IkeKeyLine[]> {
  const rows = lines(`${folder}/ikev2_decryption_table`).map((line) => {
    const [initiator = '', responder = '', skEi, skEr] = line.split(',');
    return { spis: initiator + responder, skEi: fromHex(skEi), skEr: fromHex(skEr) };
  });
  return Map.groupBy(rows, ({ spis }) => spis);
}

/** The key log of ESP: SPI to the key of AES-256-GCM, salt at the end. */
export function readEspKeys(folder: string): ReadonlyMap<number, Uint8Array> {
  const rows = lines(`${folder}/esp_sa`).map((line) =>
    line.split(',').map((cell) => cell.replaceAll('"', '')),
  );
  return new Map(rows.map((cells) => [Number(cells[3]), fromHex(cells[5]?.slice(2))]));
}
