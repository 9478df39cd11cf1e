import {
  checkPayloads,
  decodeMessage,
  EXCHANGE,
  IkeEndpoint,
  parseEspProposal,
  parseIkeProposal,
} from '#ikev2';
import { decodeEap5g } from '../../n3iwf/nwu/eap5g.ts';
import { EspReceiver } from '../../n3iwf/userplane/esp.ts';
import type { NwuFrame } from './read.ts';
import { readEspKeys, readIkeKeys } from './read.ts';
import { isEsp, isSealedIke, opened } from './sealed.ts';

/** What of a capture's NWu our IKE engine and decoders took. */
export interface IkeSide {
  /** IKE_SA_INIT requests, and how many of them our engine answered. */
  readonly initiations: number;
  readonly answered: number;
  /** Messages behind SK; every one opened, as what does not is thrown. */
  readonly sealed: number;
  /** Those whose payloads are not those of their exchange. */
  readonly misplaced: number;
  readonly eapPackets: number;
  /** EAP packets that are neither EAP-5G nor Success nor Failure. */
  readonly strange: number;
  readonly espPackets: number;
  /** ESP packets with a wrong ICV or a number seen before. */
  readonly refused: number;
}

function must<T>(parsed: { ok: true; value: T } | { ok: false; error: string }): T {
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

/** A responder of the suite that the captures with AMFs have. */
export function responder(): IkeEndpoint {
  return new IkeEndpoint(
    {
      ikePort: 500,
      natTraversalPort: 4500,
      proposals: [must(parseIkeProposal('aes256gcm16-prfsha256-x25519'))],
      childProposals: [must(parseEspProposal('aes256gcm16'))],
      localId: { type: 2, data: new TextEncoder().encode('n') },
      responderAuth: 'psk',
      initiatorAuth: 'eap',
      ppk: 'off',
      exposeKeys: false,
    },
    { random: (length) => new Uint8Array(length).fill(7), authorize: () => ({ refuse: 24 }) },
  );
}

function isAnswered({ data, from, to }: NwuFrame): boolean {
  const sent = responder()
    .receive(0, data, to, from)
    .flatMap((output) => (output.kind === 'transmit' ? [output] : []));
  const answer = decodeMessage(sent[0]?.data ?? new Uint8Array(0));
  return answer.ok && answer.value.header.exchange === EXCHANGE.IKE_SA_INIT;
}

function refusedEsp(packets: readonly NwuFrame[], keys: ReadonlyMap<number, Uint8Array>): number {
  const receivers = new Map(
    [...keys].map(([spi, encr]) => [
      spi,
      new EspReceiver(
        spi,
        { encr: 'aes256-gcm16', integ: 'none', esn: false },
        { encr, integ: new Uint8Array(0) },
      ),
    ]),
  );
  return packets.filter(
    ({ data }) => receivers.get(Buffer.from(data).readUInt32BE(0))?.open(data).ok !== true,
  ).length;
}

/**
 * Gives every datagram of a capture's NWu to our IKE side, opened with its key log.
 *
 * @param keys folder with `ikev2_decryption_table` and `esp_sa`
 * @param n3iwf address of the N3IWF on NWu
 */
export function ikeSideOf(nwu: readonly NwuFrame[], keys: string, n3iwf: string): IkeSide {
  const ikeKeys = readIkeKeys(keys);
  const requests = nwu.filter(({ to }) => to.address === n3iwf && to.port === 500);
  const sealed = nwu.filter(isSealedIke).map((frame) => opened(frame, ikeKeys));
  const eap = sealed
    .flatMap(({ payloads }) => payloads)
    .flatMap((payload) => (payload.type === 'EAP' ? [decodeEap5g(payload.packet)] : []));
  const esp = nwu.filter(isEsp);
  return {
    initiations: requests.length,
    answered: requests.filter(isAnswered).length,
    sealed: sealed.length,
    misplaced: sealed.filter(
      ({ exchange, isResponse, payloads }) =>
        !checkPayloads(exchange, isResponse ? 'response' : 'request', payloads).ok,
    ).length,
    eapPackets: eap.length,
    strange: eap.filter(({ ok }) => !ok).length,
    espPackets: esp.length,
    refused: refusedEsp(esp, readEspKeys(keys)),
  };
}
