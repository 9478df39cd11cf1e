/** What the shell and its gateway are told, made of the configuration: files are read, proposals parsed. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { type EndpointConfig, ID_TYPE, parseEspProposal, parseIkeProposal, type Result } from '#ikev2';
import { type Config, innerConfigOf, lifetimesOf } from '../config.ts';
import { OperatorError } from '../errors.ts';
import { keyingSettingsOf } from '../keying-settings.ts';
import { defaultPathTimers, type PathTimers } from '../n3/paths.ts';
import type { SessionPolicy } from '../nwu/child-sa-policy.ts';
import { applyChildKeyPolicy, applyKeyPolicy } from '../nwu/key-policy.ts';
import type { ShellConfig } from '../shell.ts';
import { readNamedFile } from './configuration-file.ts';
import { kernelPlaneOf } from './kernel-plane.ts';

const text = (octets: Uint8Array) => new TextDecoder().decode(octets);

/**
 * The whole of it.
 *
 * @throws OperatorError N3IWF_E_CONFIG for a proposal, certificate or key that cannot be used
 */
export function shellConfigOf(config: Config, exposeKeys: boolean): ShellConfig {
  const { ike, inner, n2, n3, qkd } = config;
  const { replayWindow, padTo, gre, nwuMtu, n3Mtu, clampMss } = config.userPlane;
  const endpoint = endpointConfig(config);
  const kernel = kernelPlaneOf(config, endpoint);
  const { preSharedKeyFile } = ike;
  const preSharedKey =
    preSharedKeyFile === undefined ? undefined : readNamedFile('ike.preSharedKeyFile', preSharedKeyFile);
  return {
    gateway: {
      ike: { ...endpoint, exposeKeys },
      identity: {
        innerAddress: inner.address,
        nasPort: inner.nasPort,
        n3Address: n3.address,
        moreN3Addresses: n3.moreAddresses,
        ueSaeId: qkd?.ueSaeId ?? '',
        preSharedKey: () => preSharedKey,
      },
      innerPool: inner.pool,
      inner: innerConfigOf(config),
      sessions: sessionPolicyOf(config),
      redirectTo: ike.redirectTo,
      inactivityMs: config.timers.inactivityMs,
      keying: keyingSettingsOf(ike.policy, qkd?.keying),
      userPlane: {
        espWindow: replayWindow,
        padTo,
        greVariant: gre,
        nwuMtu,
        n3Mtu,
        clampMss,
        pathTimers: pathTimersOf(n3),
      },
    },
    address: ike.address,
    ikePort: ike.port,
    natTraversalPort: ike.natTraversalPort,
    n3Address: n3.address,
    moreN3Addresses: n3.moreAddresses,
    n3Port: n3.port,
    n2,
    ...(kernel === undefined ? {} : { kernel }),
  };
}

/** How paths to UPFs are watched; tunnels of one that is down are kept for good where the time is 0. */
function pathTimersOf({ echoSeconds, giveUpSeconds }: Config['n3']): PathTimers {
  const giveUpMs = giveUpSeconds === 0 ? Number.POSITIVE_INFINITY : giveUpSeconds * 1000;
  return { ...defaultPathTimers, intervalMs: echoSeconds * 1000, giveUpMs };
}

/** How sessions are laid on Child SAs. */
export function sessionPolicyOf({ userPlane: { childSas, dscp, greOf }, timers }: Config): SessionPolicy {
  return {
    childSas,
    dscp: codePoints(dscp),
    greVariants: new Map(Object.entries(greOf)),
    nasDelayMs: timers.sessionNasMs,
  };
}

/** By 5QI, as numbers. */
function codePoints(dscp: Config['userPlane']['dscp']): Map<number, number> {
  return new Map(Object.entries(dscp).map(([fiveQi, code]) => [Number(fiveQi), code]));
}

/** What the IKE engine is told. @throws OperatorError N3IWF_E_CONFIG for a proposal, certificate or key that cannot be used */
export function endpointConfig({ ike, timers }: Config): EndpointConfig {
  const certificate = ike.certificate === undefined ? undefined : readCertificate(ike.certificate);
  return {
    ikePort: ike.port,
    natTraversalPort: ike.natTraversalPort,
    ...keysByPolicy(ike),
    childProposals: applyChildKeyPolicy(
      ike.policy,
      ike.ppk,
      ike.espProposals.map((words) => usable('ike.espProposals', words, parseEspProposal(words))),
    ),
    childOffer: ike.childOffer,
    transcriptAuth: ike.transcriptAuth,
    announceAuthMethods: true,
    localId: { type: ID_TYPE.FQDN, data: new TextEncoder().encode(ike.identity) },
    responderAuth: ike.auth,
    initiatorAuth: 'eap',
    ...(certificate === undefined ? {} : { certificate }),
    forceUdpEncapsulation: ike.forceUdpEncapsulation,
    timers: { setUp: timers.attachMs, liveness: timers.livenessMs },
    lifetimes: lifetimesOf(ike),
    halfOpen: { cookiesAbove: ike.cookiesAbove },
    datagramSize: ike.datagramSize,
    exposeKeys: false,
  };
}

/** @throws OperatorError N3IWF_E_CONFIG when the policy leaves no proposal */
function keysByPolicy({ policy, ppk, proposals }: Config['ike']) {
  const parsed = proposals.map((words) => usable('ike.proposals', words, parseIkeProposal(words)));
  const keys = applyKeyPolicy(policy, ppk, parsed);
  if (keys.proposals.length > 0) return keys;
  throw new OperatorError('N3IWF_E_CONFIG', `ike.policy: ${policy} leaves none of ike.proposals`);
}

function usable<T>(key: string, words: string, parsed: Result<T, string>): T {
  if (parsed.ok) return parsed.value;
  throw new OperatorError('N3IWF_E_CONFIG', `${key}: "${words}" is not usable: ${parsed.error}`);
}

/** Keys with which AUTH can be made. [RFC7427 3] */
function signs({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): boolean {
  if (asymmetricKeyType === 'rsa') return true;
  const { namedCurve = '' } = asymmetricKeyDetails ?? {};
  return asymmetricKeyType === 'ec' && ['prime256v1', 'secp384r1'].includes(namedCurve);
}

const pemCertificate = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

function readCertificate(
  files: NonNullable<Config['ike']['certificate']>,
): NonNullable<EndpointConfig['certificate']> {
  const pems = text(readNamedFile('ike.certificate.chain', files.chain)).match(pemCertificate) ?? [];
  const keyPem = text(readNamedFile('ike.certificate.key', files.key));
  try {
    const chain = pems.map((pem) => new X509Certificate(pem));
    const privateKey = createPrivateKey(keyPem);
    if (chain[0]?.checkPrivateKey(privateKey) !== true)
      throw new Error('the key is not that of the first certificate');
    if (!signs(privateKey)) throw new Error('the key must be RSA, or EC on P-256 or P-384');
    return { chain: chain.map((certificate) => new Uint8Array(certificate.raw)), privateKey };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new OperatorError(
      'N3IWF_E_CONFIG',
      `ike.certificate: must be PEM files of a chain and its key: ${reason}`,
    );
  }
}
