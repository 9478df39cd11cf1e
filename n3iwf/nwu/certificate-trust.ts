import { type KeyObject, X509Certificate } from 'node:crypto';
import { ID_TYPE, type Identity } from '#ikev2';

/** Longest chain that is looked at; the peer's list is longer only when it means harm. */
const maxChain = 5;

/**
 * Makes the engine's certificate check: the chain must end at one of `authorities` (PEM), be in its time, and the leaf
 * must carry the name that the peer claims [RFC7296 3.6], [RFC4945 3.1].
 *
 * @param now the wall clock, in ms since 1970
 */
export function certificateVerifier(authorities: readonly string[], now: () => number) {
  const roots = authorities.map((pem) => new X509Certificate(pem));
  return (chain: readonly Uint8Array[], peerId: Identity): KeyObject | undefined => {
    try {
      const certificates = chain.slice(0, maxChain).map((der) => new X509Certificate(der));
      const [leaf] = certificates;
      if (leaf === undefined || !names(leaf, peerId) || !leadsToRoot(certificates, roots, now()))
        return undefined;
      return leaf.publicKey;
    } catch {
      return undefined; // what is no certificate convinces nobody
    }
  };
}

function names(leaf: X509Certificate, { type, data }: Identity): boolean {
  const text = new TextDecoder().decode(data);
  if (type === ID_TYPE.FQDN) return leaf.checkHost(text, { wildcards: false }) !== undefined;
  if (type === ID_TYPE.RFC822_ADDR) return leaf.checkEmail(text) !== undefined;
  if (type === ID_TYPE.IPV4_ADDR) return leaf.checkIP(data.join('.')) !== undefined;
  return false;
}

/** Not before its first day, nor after its last. */
function inItsTime(certificate: X509Certificate, nowMs: number): boolean {
  return certificate.validFromDate.getTime() <= nowMs && nowMs <= certificate.validToDate.getTime();
}

/** By name and by signature. */
function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

/** Walks from the leaf upwards; every step needs a CA certificate that signed the one before. */
function leadsToRoot(
  certificates: readonly X509Certificate[],
  roots: readonly X509Certificate[],
  nowMs: number,
): boolean {
  for (const [at, certificate] of certificates.entries()) {
    if (!inItsTime(certificate, nowMs)) return false;
    if (roots.some((root) => inItsTime(root, nowMs) && isIssuedBy(certificate, root))) return true;
    const issuer = certificates[at + 1];
    if (issuer === undefined || !issuer.ca || !isIssuedBy(certificate, issuer)) return false;
  }
  return false;
}
