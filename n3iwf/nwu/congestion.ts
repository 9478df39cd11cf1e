import type { Node } from '../node.ts';
import { backoffTimerNotify } from './notifies.ts';

/** CONGESTION, the error notify with which a node without an AMF to spare turns UEs away [TS24502 9.2.4.2]. */
const congestionNotifyType = 15500;

/** Units of GPRS timer 3 in seconds with their codes, the finest first [TS24008 10.5.7.4a]. */
const units = [
  { seconds: 2, code: 3 },
  { seconds: 30, code: 4 },
  { seconds: 60, code: 5 },
  { seconds: 600, code: 0 },
  { seconds: 3600, code: 1 },
  { seconds: 36_000, code: 2 },
] as const;
const mostUnits = 31;

/** A time in seconds as an octet of GPRS timer 3: rounded up, and at most 310 hours. */
export function gprsTimer3(seconds: number): number {
  const unit = units.find((candidate) => seconds <= mostUnits * candidate.seconds) ?? units[5];
  return (unit.code << 5) | Math.min(mostUnits, Math.ceil(seconds / unit.seconds));
}

/** The UE may come back after this many seconds and up to as many again, so that UEs do not come back in step. */
const backoffSeconds = 30;

/** Turns a UE away that no AMF takes now, with a time before which it does not try again [TS24502 9.2.4.2]. */
export function refuseForCongestion(node: Node, ikeSaId: number): void {
  const spread = (node.random(1)[0] ?? 0) / 256;
  const backoff = backoffTimerNotify(gprsTimer3(backoffSeconds * (1 + spread)));
  node.ike((engine, now) => engine.failEap(now, ikeSaId, congestionNotifyType, [backoff]));
}
