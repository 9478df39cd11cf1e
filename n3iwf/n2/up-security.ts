import { ENCR_ALGORITHMS, type EspSuite } from '#ikev2';
import type { Cause, Transfer } from '#ngap';

/** What the SMF wants of a session's protection on the access [TS38413 9.3.1.27]. */
export type SecurityIndication = NonNullable<
  Transfer<'PDUSessionResourceSetupRequestTransfer'>['securityIndication']
>;

/** What is done of it [TS38413 9.3.1.59]. */
export type SecurityResult = NonNullable<
  Transfer<'PDUSessionResourceSetupResponseTransfer'>['securityResult']
>;

const notPossible = {
  integrity: { choice: 'radioNetwork', value: 'up-integrity-protection-not-possible' },
  confidentiality: { choice: 'radioNetwork', value: 'up-confidentiality-protection-not-possible' },
} as const satisfies Record<string, Cause>;

/** The part of a suite that decides: NULL is no encryption, and only an AEAD needs no integrity algorithm beside it. */
type Protection = Pick<EspSuite, 'encr' | 'integ'>;

const protectsIntegrity = ({ encr, integ }: Protection) =>
  ENCR_ALGORITHMS[encr].icvLength > 0 || integ !== 'none';
const encrypts = ({ encr }: Protection) => encr !== 'null';

/**
 * Why a session must be refused whose Child SAs can have none of `suites` but these: what is required must be done
 * [TS38413 8.2.1.2]. What is preferred, or not needed, may be done all the same: every suite of ESP has integrity.
 *
 * @param suites those that could be had, or the one that was
 */
export function unmetSecurity(
  indication: SecurityIndication | undefined,
  suites: readonly Protection[],
): Cause | undefined {
  if (indication?.integrityProtectionIndication === 'required' && !suites.some(protectsIntegrity))
    return notPossible.integrity;
  if (indication?.confidentialityProtectionIndication === 'required' && !suites.some(encrypts))
    return notPossible.confidentiality;
  return undefined;
}

/** What the SMF is told: only where it preferred something, and so left the choice here [TS38413 8.2.1.2]. */
export function securityResult(
  indication: SecurityIndication | undefined,
  suite: Protection,
): SecurityResult | undefined {
  const isOpen =
    indication?.integrityProtectionIndication === 'preferred' ||
    indication?.confidentialityProtectionIndication === 'preferred';
  if (!isOpen) return undefined;
  return {
    integrityProtectionResult: protectsIntegrity(suite) ? 'performed' : 'not-performed',
    confidentialityProtectionResult: encrypts(suite) ? 'performed' : 'not-performed',
  };
}
