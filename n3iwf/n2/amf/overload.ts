import type { MessageIes, RRCEstablishmentCause } from '#ngap';
import { type SliceKey, sliceOfNgap } from './slices.ts';

type OverloadStart = MessageIes<'OverloadStart'>;
type Response = NonNullable<OverloadStart['amfOverloadResponse']>;
type Action = Extract<Response, { choice: 'overloadAction' }>['value'];

const mobileOriginated: readonly RRCEstablishmentCause[] = [
  'mo-Data',
  'mo-SMS',
  'mo-VoiceCall',
  'mo-VideoCall',
];

/** Which establishment causes an overload action turns away, true for those [TS38413 8.7.7.2]. */
const refuses: Readonly<Record<Action, (cause: RRCEstablishmentCause) => boolean>> = {
  'reject-non-emergency-mo-dt': (cause) => mobileOriginated.includes(cause),
  'reject-rrc-cr-signalling': (cause) => cause === 'mo-Signalling' || mobileOriginated.includes(cause),
  'permit-emergency-sessions-and-mobile-terminated-services-only': (cause) =>
    cause !== 'emergency' && cause !== 'mt-Access',
  'permit-high-priority-sessions-and-mobile-terminated-services-only': (cause) => !priority.has(cause),
};

const priority: ReadonlySet<RRCEstablishmentCause> = new Set([
  'mt-Access',
  'highPriorityAccess',
  'mps-PriorityAccess',
  'mcs-PriorityAccess',
]);

/** What is turned away and how much of it: `share` is from 0 to 1, and 1 where the AMF named no percentage. */
interface Limit {
  readonly refuses: (cause: RRCEstablishmentCause) => boolean;
  readonly share: number;
}

/** An AMF's word that it has too much to do: for all, or for the slices listed. */
export interface Overload {
  readonly all: Limit | undefined;
  readonly slices: readonly { readonly keys: ReadonlySet<SliceKey>; readonly limit: Limit }[];
}

/** A limit without an action that we know is for all signalling but emergencies and priority services. */
function byDefault(cause: RRCEstablishmentCause): boolean {
  return cause !== 'emergency' && !priority.has(cause);
}

/** What the AMF asks for, and of how many in a hundred; without a number of all. */
function limitOf(response: Response | undefined, percent: number | undefined): Limit {
  const action = response?.choice === 'overloadAction' ? response.value : undefined;
  return {
    refuses: (action === undefined ? undefined : refuses[action]) ?? byDefault,
    share: percent === undefined ? 1 : percent / 100,
  };
}

/** What an Overload Start asks for. One that lists slices and has no action for all leaves the other slices alone. */
export function overloadOf(ies: OverloadStart): Overload {
  const { amfOverloadResponse, amfTrafficLoadReductionIndication, overloadStartNssaiList = [] } = ies;
  const forAll =
    overloadStartNssaiList.length === 0 ||
    amfOverloadResponse !== undefined ||
    amfTrafficLoadReductionIndication !== undefined;
  return {
    all: forAll ? limitOf(amfOverloadResponse, amfTrafficLoadReductionIndication) : undefined,
    slices: overloadStartNssaiList.map((item) => ({
      keys: new Set(item.sliceOverloadList.map(({ sNssai }) => sliceOfNgap(sNssai))),
      limit: limitOf(item.sliceOverloadResponse, item.sliceTrafficLoadReductionIndication),
    })),
  };
}

/**
 * True when the overloaded AMF still takes a UE with that cause and those requested slices. A limit of slices holds for
 * a UE that requests these alone. `draw` is from 0 up to 1 and picks the share that is turned away.
 */
export function admits(
  { all, slices }: Overload,
  cause: RRCEstablishmentCause,
  requested: readonly SliceKey[],
  draw: number,
): boolean {
  const met = slices
    .filter(({ keys }) => requested.length > 0 && requested.every((key) => keys.has(key)))
    .map(({ limit }) => limit);
  const limits = all === undefined ? met : [all, ...met];
  return !limits.some(({ refuses, share }) => draw < share && refuses(cause));
}
