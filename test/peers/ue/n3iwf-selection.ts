/**
 * How a UE finds its N3IWF: names made of the PLMN, the tracking area or the country, and which of them it takes.
 * [TS23003 28.3.2.2] [TS24502 7.2]
 */

/** A PLMN by its digits: three of the MCC, two or three of the MNC. */
export interface Plmn {
  readonly mcc: string;
  readonly mnc: string;
}

/** The name service as the selection needs it. */
export interface NameService {
  /** IPv4 addresses of a name; rejects when it has none. */
  addresses(name: string): Promise<readonly string[]>;
  /**
   * Replacement fields of a name's NAPTR records, the most preferred first; empty when the name service answered that
   * there are none. Rejects when there was no answer.
   */
  replacements(name: string): Promise<readonly string[]>;
}

/** What the UE knows when it looks for an N3IWF. */
export interface SelectionInput {
  readonly home: Plmn;
  /** MCC of the country that the UE is in; that of the home PLMN where it stays at home. */
  readonly country: string;
  /** PLMN that the UE is registered with over 3GPP access abroad, and whose N3IWF it may take. */
  readonly registered?: Plmn;
  /** Name or address that the home operator gave to the UE, in place of the one made of its PLMN. */
  readonly identifier?: string;
  /** Six hexadecimal digits: the home operator has N3IWFs by tracking area, this one's is tried first. */
  readonly tac?: string;
}

/** The N3IWF to try: the name it was found by, which it will have to prove, and where it is. */
export interface SelectedN3iwf {
  readonly name: string;
  readonly address: string;
}

/** Both codes have three digits in names: a shorter MNC gets a zero in front. */
const labelsOf = ({ mcc, mnc }: Plmn) => `mnc${mnc.padStart(3, '0')}.mcc${mcc}.pub.3gppnetwork.org`;

/** `n3iwf.5gc.mnc012.mcc345.pub.3gppnetwork.org` [TS23003 28.3.2.2.2] */
export function operatorFqdn(plmn: Plmn): string {
  return `n3iwf.5gc.${labelsOf(plmn)}`;
}

/** The name by tracking area: its three octets a label each, the lowest first [TS23003 28.3.2.2.3]. */
export function trackingAreaFqdn(plmn: Plmn, tac: string): string {
  const [high = '', middle = '', low = ''] = tac.toLowerCase().match(/../g) ?? [];
  return `tac-lb${low}.tac-mb${middle}.tac-hb${high}.5gstac.${operatorFqdn(plmn)}`;
}

/** The name that tells which PLMNs of a country have an N3IWF for visitors [TS23003 28.3.2.2.4]. */
export function visitedCountryFqdn(mcc: string): string {
  return `n3iwf.5gc.mcc${mcc}.visited-country.pub.3gppnetwork.org`;
}

/**
 * Chooses the N3IWF and looks its address up. At home it is the home operator's. Abroad it is that of the PLMN the UE
 * is registered with; else the name service says whether the country demands an N3IWF of its own, and which there are;
 * where it demands none, the home operator's is taken again [TS24502 7.2].
 *
 * @throws Error when the name service does not answer about the country, or knows no address
 */
export async function selectN3iwf(input: SelectionInput, names: NameService): Promise<SelectedN3iwf> {
  const candidates = await candidatesOf(input, names);
  let fault = new Error('no N3IWF is named');
  for (const name of candidates) {
    try {
      const [address] = await names.addresses(name);
      if (address !== undefined) return { name, address };
      fault = new Error(`${name} has no address`);
    } catch (error) {
      fault = new Error(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw fault;
}

async function candidatesOf(input: SelectionInput, names: NameService): Promise<readonly string[]> {
  const { home, country, registered, identifier, tac } = input;
  const byArea = tac === undefined ? [] : [trackingAreaFqdn(home, tac)];
  const own = identifier === undefined ? [...byArea, operatorFqdn(home)] : [identifier];
  if (country === home.mcc) return own;
  if (registered?.mcc === country) return [operatorFqdn(registered)];
  const question = visitedCountryFqdn(country);
  const found = await names.replacements(question).catch((error: Error) => {
    throw new Error(`no answer about ${question}: ${error.message}`);
  });
  return found.length === 0 ? own : found;
}
