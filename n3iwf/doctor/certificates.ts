/** Certificates and their private keys, as far as files tell what peers will say of them. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { ID_TYPE } from '#ikev2';
import type { Config } from '../config.ts';
import { certificateVerifier } from '../nwu/certificate-trust.ts';
import { etsi014Of } from '../qkd-config.ts';
import { type Finding, failure, good, warning } from './finding.ts';
import type { Machine, Plan, Told } from './machine.ts';

const pem = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;
const dayMs = 24 * 60 * 60 * 1000;
/** Less than this left: time to renew. */
const renewMs = 30 * dayMs;

const date = (ms: number) => new Date(ms).toISOString().slice(0, 10);
const text = (octets: Uint8Array) => new TextDecoder().decode(octets);
const reasonOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** The name that stands in a certificate, on one line. */
const nameOf = (certificate: X509Certificate) => certificate.subject?.replaceAll('\n', ', ') ?? 'nobody';

/** The certificates of a file in their order, or what is wrong with it. */
function chainOf(key: string, path: string, file: Told<Uint8Array>): X509Certificate[] | Finding {
  if (!file.ok)
    return failure(`${key}: "${path}" cannot be read: ${file.reason}`, 'name a readable PEM file');
  const texts = text(file.value).match(pem) ?? [];
  if (texts.length === 0)
    return failure(`${key}: "${path}" holds no certificate`, 'name a PEM file with one');
  try {
    return texts.map((each) => new X509Certificate(each));
  } catch (error) {
    const what = `"${path}" holds no readable certificate: ${reasonOf(error)}`;
    return failure(`${key}: ${what}`, 'issue it again');
  }
}

/**
 * Dates of each certificate in a file that the configuration names under `key`.
 *
 * @param nowMs wall clock, ms since 1970
 * @returns one finding: the worst of the chain, else the certificate that ends first
 */
export function judgeCertificates(key: string, path: string, file: Told<Uint8Array>, nowMs: number): Finding {
  const chain = chainOf(key, path, file);
  return Array.isArray(chain) ? judgeDates(key, chain, nowMs) : chain;
}

/** Whether every certificate of a chain is valid now, and for long enough that nobody must hurry. */
function judgeDates(key: string, chain: readonly X509Certificate[], nowMs: number): Finding {
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

/** What peers compare, in words, of which none is there where all is well. */
type Judge = (leaf: X509Certificate, chain: readonly X509Certificate[]) => Finding | undefined;

/** The private key under `key` has to be that of the leaf. */
const judgeKey =
  (key: string, path: string, machine: Machine): Judge =>
  (leaf) => {
    const file = machine.readFile(path);
    if (!file.ok)
      return failure(`${key}: "${path}" cannot be read: ${file.reason}`, 'name a readable PEM file');
    try {
      if (leaf.checkPrivateKey(createPrivateKey(text(file.value)))) return undefined;
    } catch (error) {
      return failure(
        `${key}: "${path}" holds no readable private key: ${reasonOf(error)}`,
        'name a PEM file with one',
      );
    }
    return failure(
      `${key}: the key in "${path}" is not that of the certificate of ${nameOf(leaf)}`,
      'put the files in place together that were issued together',
    );
  };

/** UEs compare IDr with the alternative names; a common name does not count [RFC4945 3.1]. */
const judgeIdentity =
  (identity: string): Judge =>
  (leaf) => {
    if (leaf.checkHost(identity, { subject: 'never', wildcards: false }) !== undefined) return undefined;
    const others = leaf.subjectAltName ?? 'no alternative name at all';
    return failure(
      `ike.certificate.chain: the certificate of ${nameOf(leaf)} does not name ike.identity ${identity}, but ${others}`,
      `issue it with subjectAltName=DNS:${identity}, or make ike.identity a name that is in it`,
    );
  };

/** Each certificate is signed by the next, or a UE that has the root alone does not come to it [RFC7296 3.6]. */
const judgeOrder: Judge = (_leaf, chain) => {
  for (const [at, certificate] of chain.entries()) {
    const issuer = chain[at + 1];
    if (issuer === undefined) return undefined;
    if (certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)) continue;
    return failure(
      `ike.certificate.chain: the certificate of ${nameOf(certificate)} is not signed by that of ${nameOf(issuer)} behind it`,
      'put the certificate of the node first, and each issuer behind what it signed',
    );
  }
  return undefined;
};

/** What a UE says that has this authority: it walks the chain as ours does [RFC7296 3.6]. */
const judgeTrust =
  (path: string, identity: string, machine: Machine): Judge =>
  (leaf, chain) => {
    const roots = chainOf('--ue-ca', path, machine.readFile(path));
    if (!Array.isArray(roots)) return roots;
    const verify = certificateVerifier(
      roots.map((root) => root.toString()),
      () => machine.wallMs(),
    );
    const peer = { type: ID_TYPE.FQDN, data: new TextEncoder().encode(identity) };
    const sent = chain.map((certificate) => new Uint8Array(certificate.raw));
    if (verify(sent, peer) !== undefined) return undefined;
    const last = chain.at(-1) ?? leaf;
    return failure(
      `ike.certificate.chain: it does not lead to the authority of UEs in "${path}", ${roots.map(nameOf).join(' or ')}; it ends with one that ${last.issuer.replaceAll('\n', ', ')} has signed`,
      'put the certificates in between into the chain, or give UEs the authority that signed it',
    );
  };

/** KMEs take who asks from the certificate, most of them from its common name [ETSI014 5.1]. */
const judgeSae =
  (saeId: string): Judge =>
  (leaf) => {
    const names = `${leaf.subject ?? ''}\n${leaf.subjectAltName?.replaceAll(', ', '\n') ?? ''}`;
    if (names.split('\n').some((line) => line.replace(/^(?:CN=|DNS:|URI:)/, '') === saeId)) return undefined;
    return warning(
      `qkd.certificate: the certificate of ${nameOf(leaf)} does not name qkd.saeId ${saeId}`,
      'a KME that goes by the name will refuse the node: make it the common name',
    );
  };

/** One certificate of the node: dates of its file, and all that peers compare in it; what is wrong stands alone. */
function judgeOwn(key: string, path: string, machine: Machine, judges: readonly Judge[]): Finding[] {
  const chain = chainOf(key, path, machine.readFile(path));
  if (!Array.isArray(chain)) return [chain];
  const [leaf] = chain;
  const dates = judgeDates(key, chain, machine.wallMs());
  const wrong = leaf === undefined ? [] : judges.flatMap((judge) => judge(leaf, chain) ?? []);
  return dates.severity === 'ok' && wrong.length > 0 ? wrong : [dates, ...wrong];
}

/** Every certificate of a configuration: dates, names, keys, and the way to who has to trust it. */
export function checkCertificates({ ike, qkd }: Config, machine: Machine, plan: Plan): Finding[] {
  const etsi014 = etsi014Of(qkd);
  const { certificate, identity } = ike;
  const findings: Finding[] = [];
  if (certificate !== undefined)
    findings.push(
      ...judgeOwn('ike.certificate.chain', certificate.chain, machine, [
        judgeKey('ike.certificate.key', certificate.key, machine),
        judgeIdentity(identity),
        judgeOrder,
        ...(plan.ueAuthority === undefined ? [] : [judgeTrust(plan.ueAuthority, identity, machine)]),
      ]),
    );
  if (etsi014 !== undefined) {
    const { ca, key, saeId } = etsi014;
    findings.push(
      ...judgeOwn('qkd.certificate', etsi014.certificate, machine, [
        judgeKey('qkd.key', key, machine),
        judgeSae(saeId),
      ]),
      judgeCertificates('qkd.ca', ca, machine.readFile(ca), machine.wallMs()),
    );
  }
  return findings.length === 0 ? [good('none is used')] : findings;
}
