import type { MessageIes } from '#ngap';
import { hexOf } from '../../hex.ts';
import { type Guami, guamiOfNgap, sameGuami } from './guami.ts';
import { type Overload, overloadOf } from './overload.ts';
import { type SliceKey, sliceOfNgap } from './slices.ts';

type SetupFacts = MessageIes<'NGSetupResponse'>;
type UpdatedFacts = MessageIes<'AMFConfigurationUpdate'>;

/** A GUAMI that an AMF serves, and the AMF that stands in for it. */
export interface ServedGuami {
  readonly guami: Guami;
  readonly backupAmf?: string;
}

/** One AMF as this node knows it: its number is its place in the configuration, the rest it told itself. */
export class Amf {
  readonly number: number;
  /** NG Setup is done and an association is up. */
  ready = false;
  /** It is no longer in the configuration: it keeps its UEs and gets no more. */
  retired = false;
  /** A reset of the whole interface waits for its acknowledgement. */
  resetting = false;
  name = '';
  /** Relative weight when one of several AMFs is chosen, 0 to 255 [TS38413 9.3.1.32]. */
  capacity = 255;
  served: readonly ServedGuami[] = [];
  overload: Overload | undefined;
  /** Slices by PLMN, each in its comparable form. */
  private plmns = new Map<string, ReadonlySet<SliceKey>>();
  /** GUAMIs that the AMF said it will not serve for now. */
  private unavailable: readonly ServedGuami[] = [];

  constructor(number: number) {
    this.number = number;
  }

  /** NG Setup: whatever was known before is void [TS38413 8.7.1.2]. */
  accept(facts: SetupFacts): void {
    this.ready = true;
    this.resetting = false;
    this.overload = undefined;
    this.unavailable = [];
    this.learn(facts);
  }

  /** AMF Configuration Update: a list that comes replaces the one before, one that does not come stays [TS38413 8.7.3.2]. */
  update(facts: UpdatedFacts): void {
    if (facts.servedGuamiList !== undefined) this.unavailable = []; // a GUAMI that is listed again is there again
    this.learn(facts);
  }

  /** AMF Status Indication [TS38413 8.7.6.2]. */
  markUnavailable({ unavailableGuamiList }: MessageIes<'AMFStatusIndication'>): ServedGuami[] {
    const gone = unavailableGuamiList.map(({ guami, backupAmfName }) =>
      servedGuami(guamiOfNgap(guami), backupAmfName),
    );
    this.unavailable = [...this.unavailable, ...gone];
    return gone;
  }

  /** From now on some UEs are turned away, by what the AMF says. */
  startOverload(ies: MessageIes<'OverloadStart'>): void {
    this.overload = overloadOf(ies);
  }

  /** The entry of a GUAMI that this AMF serves and has not withdrawn. */
  serves(guami: Guami): ServedGuami | undefined {
    if (this.unavailable.some((gone) => sameGuami(gone.guami, guami))) return undefined;
    return this.served.find((entry) => sameGuami(entry.guami, guami));
  }

  /** False once every GUAMI of the AMF was withdrawn: it takes no UE at all. */
  get available(): boolean {
    return this.ready && !this.retired && this.served.some(({ guami }) => this.serves(guami) !== undefined);
  }

  /** `plmn` as hexadecimal digits of its three octets. */
  supportsPlmn(plmn: string): boolean {
    return this.plmns.has(plmn);
  }

  /** How many of the slices the AMF has, in `plmn` or, without one, in any of its PLMNs. */
  countSlices(requested: readonly SliceKey[], plmn: string | undefined): number {
    const sets =
      plmn === undefined ? [...this.plmns.values()] : [this.plmns.get(plmn) ?? new Set<SliceKey>()];
    return requested.filter((key) => sets.some((set) => set.has(key))).length;
  }

  /** Takes over what the message has, and leaves the rest as it was. */
  private learn(facts: SetupFacts | UpdatedFacts): void {
    this.name = facts.amfName ?? this.name;
    this.capacity = facts.relativeAmfCapacity ?? this.capacity;
    this.served =
      facts.servedGuamiList?.map(({ guami, backupAmfName }) =>
        servedGuami(guamiOfNgap(guami), backupAmfName),
      ) ?? this.served;
    if (facts.plmnSupportList === undefined) return;
    this.plmns = new Map(
      facts.plmnSupportList.map(({ plmnIdentity, sliceSupportList }) => [
        hexOf(plmnIdentity),
        new Set(sliceSupportList.map(({ sNssai }) => sliceOfNgap(sNssai))),
      ]),
    );
  }
}

/** Without a stand-in there is no field for it. */
function servedGuami(guami: Guami, backupAmf: string | undefined): ServedGuami {
  return backupAmf === undefined ? { guami } : { guami, backupAmf };
}
