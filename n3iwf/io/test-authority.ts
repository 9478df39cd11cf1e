/**
 * A certificate authority made at start, for the lab and for tests: certificates (RFC 5280) for KMEs, SAEs and the N3IWF
 * that live as long as the process. Not for production: its key is in memory and it issues whatever it is asked for.
 */
import {
  createHash,
  generateKeyPair,
  type KeyObject,
  type KeyPairKeyObjectResult,
  randomBytes,
  sign,
} from 'node:crypto';
import { isIP } from 'node:net';
import { promisify } from 'node:util';
import * as der from './der-writer.ts';

/** The keys that the project's certificate methods work with. */
export type CertificateKey = 'ecdsa-p256' | 'ecdsa-p384' | 'rsa-2048';

/** What the certificate shall say. */
export interface CertificateRequest {
  readonly commonName: string;
  readonly dnsNames?: readonly string[];
  /** IPv4 in dotted text. */
  readonly ipAddresses?: readonly string[];
  readonly key?: CertificateKey;
  /** End of validity; a past one makes an expired certificate. Default: a day from now. */
  readonly notAfter?: Date;
}

/** The same certificate in the forms that IKE (DER) and TLS (PEM) want. */
export interface IssuedCertificate {
  /** DER. */
  readonly certificate: Uint8Array;
  /** DER, leaf first; the root is not in it. */
  readonly chain: readonly Uint8Array[];
  readonly privateKey: KeyObject;
  readonly pem: { readonly certificate: string; readonly privateKey: string; readonly authority: string };
}

const OID = {
  commonName: '2.5.4.3',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  basicConstraints: '2.5.29.19',
  keyUsage: '2.5.29.15',
  extendedKeyUsage: '2.5.29.37',
  subjectAlternativeName: '2.5.29.17',
  subjectKeyIdentifier: '2.5.29.14',
  authorityKeyIdentifier: '2.5.29.35',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const;

const HOUR_MS = 3_600_000;
const generateKeys = promisify(generateKeyPair);

/** What the root says about one key; the root's own certificate is one of them. */
interface Contents {
  readonly subject: string;
  readonly publicKey: KeyObject;
  readonly notAfter: Date;
  readonly extensions: readonly Uint8Array[];
}

/** Holds the root key. */
export class TestAuthority {
  /** The root, for a trust store: DER and PEM. */
  readonly certificate: Uint8Array;
  readonly pem: string;
  readonly #name: string;
  readonly #keys: KeyPairKeyObjectResult;

  private constructor(name: string, keys: KeyPairKeyObjectResult) {
    this.#name = name;
    this.#keys = keys;
    const pathLength = 0;
    this.certificate = this.#sign({
      subject: name,
      publicKey: keys.publicKey,
      notAfter: new Date(Date.now() + 48 * HOUR_MS),
      extensions: [
        extension(
          OID.basicConstraints,
          true,
          der.sequence(der.boolean(true), der.integer(Uint8Array.of(pathLength))),
        ),
        // keyCertSign and cRLSign are bits 5 and 6 (RFC 5280 4.2.1.3).
        extension(OID.keyUsage, true, der.bitString(Uint8Array.of(0x06), 1)),
      ],
    });
    this.pem = toPem(this.certificate);
  }

  /** Makes a root with a fresh ECDSA P-256 key. */
  static async create(commonName = 'qn3iwf test authority'): Promise<TestAuthority> {
    return new TestAuthority(commonName, await freshKeys('ecdsa-p256'));
  }

  /** A certificate for server and client use, with its private key. */
  async issue(request: CertificateRequest): Promise<IssuedCertificate> {
    const keys = await freshKeys(request.key ?? 'ecdsa-p256');
    const names = alternativeNames(request);
    const certificate = this.#sign({
      subject: request.commonName,
      publicKey: keys.publicKey,
      notAfter: request.notAfter ?? new Date(Date.now() + 24 * HOUR_MS),
      extensions: [
        extension(OID.basicConstraints, true, der.sequence()),
        // digitalSignature is bit 0.
        extension(OID.keyUsage, true, der.bitString(Uint8Array.of(0x80), 7)),
        extension(
          OID.extendedKeyUsage,
          false,
          der.sequence(der.objectIdentifier(OID.serverAuth), der.objectIdentifier(OID.clientAuth)),
        ),
        ...(names.length === 0 ? [] : [extension(OID.subjectAlternativeName, false, der.sequence(...names))]),
      ],
    });
    return {
      certificate,
      chain: [certificate],
      privateKey: keys.privateKey,
      pem: {
        certificate: toPem(certificate),
        privateKey: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
        authority: this.pem,
      },
    };
  }

  /** Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signature } (RFC 5280 4.1). */
  #sign(contents: Contents): Uint8Array {
    const algorithm = der.sequence(der.objectIdentifier(OID.ecdsaWithSha256));
    const notBefore = new Date(Math.min(Date.now(), contents.notAfter.getTime()) - HOUR_MS);
    const issuerKey = keyIdentifier(this.#keys.publicKey);
    const extensions = [
      ...contents.extensions,
      extension(OID.subjectKeyIdentifier, false, der.octetString(keyIdentifier(contents.publicKey))),
      extension(OID.authorityKeyIdentifier, false, der.sequence(der.context(0, 'primitive', issuerKey))),
    ];
    const version3 = der.context(0, 'constructed', der.integer(Uint8Array.of(2)));
    const toBeSigned = der.sequence(
      version3,
      der.integer(serialNumber()),
      algorithm,
      distinguishedName(this.#name),
      der.sequence(der.time(notBefore), der.time(contents.notAfter)),
      distinguishedName(contents.subject),
      contents.publicKey.export({ type: 'spki', format: 'der' }),
      der.context(3, 'constructed', der.sequence(...extensions)),
    );
    const signature = sign('sha256', toBeSigned, this.#keys.privateKey);
    return new Uint8Array(der.sequence(toBeSigned, algorithm, der.bitString(signature)));
  }
}

function freshKeys(kind: CertificateKey): Promise<KeyPairKeyObjectResult> {
  if (kind === 'rsa-2048') return generateKeys('rsa', { modulusLength: 2048 });
  return generateKeys('ec', { namedCurve: kind === 'ecdsa-p256' ? 'P-256' : 'P-384' });
}

/** Extension ::= SEQUENCE { extnID, critical DEFAULT FALSE, extnValue } (RFC 5280 4.1). */
function extension(identifier: string, critical: boolean, value: Uint8Array): Uint8Array {
  const flag = critical ? [der.boolean(true)] : [];
  return der.sequence(der.objectIdentifier(identifier), ...flag, der.octetString(value));
}

/** A name of one attribute. */
function distinguishedName(commonName: string): Uint8Array {
  const attribute = der.sequence(der.objectIdentifier(OID.commonName), der.utf8String(commonName));
  return der.sequence(der.set(attribute));
}

/** GeneralName: dNSName [2], iPAddress [7] (RFC 5280 4.2.1.6). Throws on an address that is not IPv4. */
function alternativeNames(request: CertificateRequest): Uint8Array[] {
  const dns = (request.dnsNames ?? []).map((name) => der.context(2, 'primitive', Buffer.from(name, 'ascii')));
  const addresses = (request.ipAddresses ?? []).map((address) => {
    if (isIP(address) !== 4) throw new Error(`${address} is no IPv4 address`);
    return der.context(7, 'primitive', Uint8Array.from(address.split('.').map(Number)));
  });
  return [...dns, ...addresses];
}

/** 160 bits of a hash of the key: any unique value will do (RFC 5280 4.2.1.2). */
function keyIdentifier(publicKey: KeyObject): Uint8Array {
  const encoded = publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(encoded).digest().subarray(0, 20);
}

/** 16 octets, positive and not zero (RFC 5280 4.1.2.2), without a superfluous leading octet. */
function serialNumber(): Uint8Array {
  const octets = randomBytes(16);
  octets[0] = ((octets[0] ?? 0) & 0x7f) | 0x40;
  return octets;
}

/** RFC 7468 3: lines of 64 characters. */
function toPem(certificate: Uint8Array): string {
  const lines =
    Buffer.from(certificate)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
