import type { MessageIes } from '#ngap';
import { Amf } from '../../n3iwf/n2/amf/amf.ts';
import { type Guami, numberToBits } from '../../n3iwf/n2/amf/guami.ts';

export type SetupFacts = MessageIes<'NGSetupResponse'>;
type NgapGuami = SetupFacts['servedGuamiList'][number]['guami'];

const octetsOf = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));

/** A GUAMI of PLMN 208/93, region 202. */
export function guami(pointer: number, setId = 1016): Guami {
  return { plmn: '02f839', regionId: 202, setId, pointer };
}

export function ngapGuami({ plmn, regionId, setId, pointer }: Guami): NgapGuami {
  return {
    plmnIdentity: octetsOf(plmn),
    amfRegionId: numberToBits(regionId, 8),
    amfSetId: numberToBits(setId, 10),
    amfPointer: numberToBits(pointer, 6),
  };
}

export interface FactsOptions {
  readonly name?: string;
  readonly capacity?: number;
  readonly guamis?: readonly Guami[];
  readonly backup?: string;
  readonly plmn?: string;
  /** As `1` or `1-010203`. */
  readonly slices?: readonly string[];
}

/** An NG Setup Response of an AMF with these facts. */
export function setupFacts(options: FactsOptions = {}): SetupFacts {
  const {
    name = 'amf',
    capacity = 255,
    guamis = [guami(0)],
    backup,
    plmn = '02f839',
    slices = ['1'],
  } = options;
  return {
    amfName: name,
    relativeAmfCapacity: capacity,
    servedGuamiList: guamis.map((each) => ({
      guami: ngapGuami(each),
      ...(backup === undefined ? {} : { backupAmfName: backup }),
    })),
    plmnSupportList: [
      {
        plmnIdentity: octetsOf(plmn),
        sliceSupportList: slices.map((text) => {
          const [sst = '', sd] = text.split('-');
          const part = sd === undefined ? {} : { sd: octetsOf(sd) };
          return { sNssai: { sst: Uint8Array.of(Number(sst)), ...part } };
        }),
      },
    ],
  };
}

/** AMFs that accepted NG Setup, numbered from 0. */
export function amfsOf(...all: readonly FactsOptions[]): Amf[] {
  return all.map((options, number) => {
    const amf = new Amf(number);
    amf.accept(setupFacts({ name: `amf${number}`, ...options }));
    return amf;
  });
}
