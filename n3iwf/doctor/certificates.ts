import { X509Certificate } from 'node:crypto';
import { type Finding, failure, good, warning } from './finding.ts';
import type { Told } from './machine.ts';

const pem = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;
const dayMs = 24 * 60 * 60 * 1000;
/** Less than this left: time to renew. */
const renewMs = 30 * dayMs;

const date = (ms: number) => new Date(ms).toISOString().slice(0, 10);

/** The name that stands in a certificate, on one line. */
const nameOf = (certificate: X509Certificate) => certificate.subject.replaceAll('\n', ', ');

/**
 * Dates of each certificate in a file that the configuration names under `key`.
 *
 * @param nowMs wall clock, ms since 1970
 * @returns one finding: the worst of the chain, else the certificate that ends first
 */
export function judgeCertificates(key: string, path: string, file: Told<Uint8Array>, nowMs: number): Finding {
  if (!file.ok)
    return failure(`${key}: "${path}" cannot be read: ${file.reason}`, 'name a readable PEM file');
  const texts = new TextDecoder().decode(file.value).match(pem) ?? [];
  if (texts.length === 0)
    return failure(`${key}: "${path}" holds no certificate`, 'name a PEM file with one');
  let chain: X509Certificate[];
  try {
    chain = texts.map((text) => new X509Certificate(text));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return failure(`${key}: "${path}" holds no readable certificate: ${reason}`, 'issue it again');
  }
  for (const certificate of chain) {
    const from = certificate.validFromDate.getTime();
    if (from > nowMs)
      return failure(
        `${key}: the certificate of ${nameOf(certificate)} is valid from ${date(from)} on only`,
        'set the clock right, or issue it again',
      );
  }
  const [first] = chain.toSorted((a, b) => a.validToDate.getTime() - b.validToDate.getTime());
  if (first === undefined) return good(`${key}: nothing to look at`);
  const until = first.validToDate.getTime();
  const whose = `${key}: the certificate of ${nameOf(first)}`;
  if (until <= nowMs) return failure(`${whose} expired on ${date(until)}`, 'renew it');
  if (until - nowMs < renewMs)
    return warning(
      `${whose} expires on ${date(until)}, in ${Math.floor((until - nowMs) / dayMs)} days`,
      'renew it',
    );
  return good(`${key}: valid until ${date(until)}`);
}
