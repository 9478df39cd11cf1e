import { Amf } from './amf.ts';
import { type Guami, sameSet } from './guami.ts';
import { type AmfWish, type Selection, selectAmf } from './selection.ts';

/** Every AMF of the configuration, by its number, with what it said of itself. */
export class AmfTable {
  private readonly amfs: Amf[] = [];
  private readonly draw: () => number;

  /** `draw` gives numbers from 0 up to 1: the chance in weighted choices and in shares of overload. */
  constructor(draw: () => number) {
    this.draw = draw;
  }

  /** The AMF of that number, which begins here when it was not heard of before. */
  ofNumber(number: number): Amf {
    const known = this.amfs[number];
    if (known !== undefined) return known;
    const amf = new Amf(number);
    this.amfs[number] = amf;
    return amf;
  }

  /** True when at least one AMF takes UEs. */
  get anyAvailable(): boolean {
    return this.known().some(({ available }) => available);
  }

  /** The AMF for a new UE [TS23501 6.3.5]. */
  select(wish: AmfWish): Selection {
    return selectAmf(this.known(), wish, this.draw);
  }

  /** An available AMF that shares UE contexts with the AMF of `guami`: its named stand-in first; undefined without one. */
  standIn(guami: Guami, not: Amf): Amf | undefined {
    const choice = this.select({ cause: 'emergency', guami, slices: [], not: [not] });
    if (!('amf' in choice)) return undefined;
    return choice.amf.served.some((entry) => sameSet(entry.guami, guami)) ? choice.amf : undefined;
  }

  /** True when the contexts of one AMF's UEs are known to the other [TS23501 5.21.1.1]. */
  shareContexts(one: Amf, other: Amf): boolean {
    return one.served.some(({ guami }) => other.served.some((entry) => sameSet(entry.guami, guami)));
  }

  [Symbol.iterator](): Iterator<Amf> {
    return this.known()[Symbol.iterator]();
  }

  /** All but those that are out of the configuration and gone. */
  private known(): Amf[] {
    return this.amfs.filter((amf) => amf !== undefined && (amf.ready || !amf.retired));
  }
}
