/** IKE notifies of NWu (TS 24.502 9.3.1): addresses for NAS and user packets, and which flows ride on a Child SA. */
import { attempt, NOTIFY, type Notify, OctetReader, OctetWriter, type Result } from '#ikev2';

/** Which QoS flows of which PDU session ride on a Child SA [TS24502 9.3.1.1]. */
export interface QosInfo {
  readonly pduSessionId: number;
  readonly qfis: readonly number[];
  /** Takes the packets of flows that no other Child SA of the session names. */
  readonly isDefault: boolean;
  readonly dscp?: number;
}

/** Security protocol ID of ESP. */
const esp = 3;
const flagDscp = 0x01;
const flagDefault = 0x02;

/** A notify about no SA in particular. */
function status(notifyType: number, data: Uint8Array): Notify {
  return { protocol: 0, spi: new Uint8Array(0), notifyType, data };
}

/**
 * 5G_QOS_INFO. Its length octet counts itself: free5GC sends it so, and its UE takes both readings.
 *
 * @param spi the inbound SPI of the sender, where it speaks of a Child SA that there is already [RFC7296 3.10]
 */
export function qosInfoNotify({ pduSessionId, qfis, isDefault, dscp }: QosInfo, spi?: number): Notify {
  const writer = new OctetWriter(16).u8(0).u8(pduSessionId).u8(qfis.length).bytes(Uint8Array.from(qfis));
  writer.u8((dscp === undefined ? 0 : flagDscp) | (isDefault ? flagDefault : 0));
  if (dscp !== undefined) writer.u8(dscp);
  writer.patchU8(0, writer.length);
  const notify = status(NOTIFY['5G_QOS_INFO'], writer.finish());
  return spi === undefined ? notify : { ...notify, protocol: esp, spi: new OctetWriter(4).u32(spi).finish() };
}

/** Reads 5G_QOS_INFO, whether its length counts itself or not; octets after the flags and DSCP are ignored. */
export function decodeQosInfo(data: Uint8Array): Result<QosInfo> {
  return attempt(() => {
    const reader = new OctetReader(data);
    const length = reader.u8('5G_QOS_INFO length');
    if (length > data.length)
      reader.fail('5G_QOS_INFO length', `${length} is more than ${data.length} octets`);
    const pduSessionId = reader.u8('PDU session ID');
    const qfis = [...reader.take(reader.u8('number of QFIs'), 'QFIs')];
    const flags = reader.u8('flags');
    const isDefault = (flags & flagDefault) !== 0;
    return (flags & flagDscp) === 0
      ? { pduSessionId, qfis, isDefault }
      : { pduSessionId, qfis, isDefault, dscp: reader.u8('DSCP') };
  });
}

/** NAS_IP4_ADDRESS or NAS_IP6_ADDRESS by the length of `address`: where the UE's NAS connection goes. */
export function nasAddressNotify(address: Uint8Array): Notify {
  return status(address.length === 16 ? NOTIFY.NAS_IP6_ADDRESS : NOTIFY.NAS_IP4_ADDRESS, address);
}

/** UP_IP4_ADDRESS or UP_IP6_ADDRESS: where the UE's GRE packets go. */
export function upAddressNotify(address: Uint8Array): Notify {
  return status(address.length === 16 ? NOTIFY.UP_IP6_ADDRESS : NOTIFY.UP_IP4_ADDRESS, address);
}

/** NAS_TCP_PORT: the port of the NAS connection. */
export function nasTcpPortNotify(port: number): Notify {
  return status(NOTIFY.NAS_TCP_PORT, Uint8Array.of(port >>> 8, port));
}

/** What a UE finds in the notifies of the final IKE_AUTH response and of a Child SA request. */
export interface NwuAddresses {
  readonly nasAddress?: Uint8Array;
  readonly upAddress?: Uint8Array;
  readonly nasPort?: number;
}

/** Collects the addresses out of `notifies`; those of a wrong length are left out. */
export function readNwuAddresses(notifies: readonly Notify[]): NwuAddresses {
  const find = (type: number, length: number) =>
    notifies.find((notify) => notify.notifyType === type && notify.data.length === length)?.data;
  const nasAddress = find(NOTIFY.NAS_IP4_ADDRESS, 4) ?? find(NOTIFY.NAS_IP6_ADDRESS, 16);
  const upAddress = find(NOTIFY.UP_IP4_ADDRESS, 4) ?? find(NOTIFY.UP_IP6_ADDRESS, 16);
  const port = find(NOTIFY.NAS_TCP_PORT, 2);
  return {
    ...(nasAddress === undefined ? {} : { nasAddress }),
    ...(upAddress === undefined ? {} : { upAddress }),
    ...(port === undefined ? {} : { nasPort: ((port[0] ?? 0) << 8) | (port[1] ?? 0) }),
  };
}

/** N3GPP_BACKOFF_TIMER that goes with CONGESTION; `gprsTimer3` is coded as in TS 24.008. */
export function backoffTimerNotify(gprsTimer3: number): Notify {
  return status(NOTIFY.N3GPP_BACKOFF_TIMER, Uint8Array.of(1, gprsTimer3));
}
