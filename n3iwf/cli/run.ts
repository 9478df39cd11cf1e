import { createPrivateKey, X509Certificate } from 'node:crypto';
import pino from 'pino';
import {
  type EndpointConfig,
  ID_TYPE,
  type IkeEvent,
  parseEspProposal,
  parseIkeProposal,
  type Result,
} from '#ikev2';
import { Etsi014Client, KeyStore } from '#qkd';
import type { KeySupply } from '../admin/metrics.ts';
import { noteSupply } from '../admin/supply-alarms.ts';
import { type Config, innerConfigOf, lifetimesOf } from '../config.ts';
import { OperatorError } from '../errors.ts';
import type { Translation } from '../free5gc/translate.ts';
import { addressesOf } from '../io/host-names.ts';
import { KmeHttpsTransport } from '../io/kme-https.ts';
import { type CaptureOptions, LabCapture } from '../io/lab-capture.ts';
import { monotonicMs, randomOctets } from '../io/machine.ts';
import { connectSctp } from '../io/sctp-kernel.ts';
import { keyingSettingsOf } from '../keying-settings.ts';
import type { Log } from '../log.ts';
import { n2Profile } from '../n2/profile.ts';
import { defaultPathTimers } from '../n3/paths.ts';
import { applyKeyPolicy } from '../nwu/key-policy.ts';
import { GatewayShell, type ShellConfig } from '../shell.ts';
import { readNamedFile } from './configuration-file.ts';
import { openCheckpointer, openKeyStorage, readKeyPolicy } from './key-storage.ts';
import { IkeEventCounts, openAdmin } from './node-admin.ts';
import { readNodeConfig, withAddresses } from './node-config.ts';
import { keyedNode, watchKeys } from './node-keys.ts';
import { reload } from './reload.ts';
import { onReload, untilSignal } from './signals.ts';

const text = (octets: Uint8Array) => new TextDecoder().decode(octets);

/**
 * The command `n3iwf run`: the N3IWF by its configuration file, until SIGINT or SIGTERM.
 *
 * @returns 0 after an orderly end
 * @throws OperatorError for a wrong configuration (before a socket opens), a busy port, a KME that does not answer
 */
export async function runNode(path: string, options: CaptureOptions = {}): Promise<number> {
  const { config, translation } = readNodeConfig(path);
  const log = pino(
    { level: config.log, base: null },
    pino.destination({ dest: 2, sync: true }),
  ) as unknown as Log;
  if (translation !== undefined) tell(translation, path, log);
  const { warning } = n2Profile(config.n2.profile);
  if (warning !== undefined) log.warn({ profile: config.n2.profile }, warning);
  const addressed = await withAddresses(config);
  const shellConfig = shellConfigOf(addressed, options.keylog !== undefined);
  const keys = config.qkd === undefined ? undefined : await openKeys(config.qkd, log);
  if (options.keylog !== undefined)
    log.warn({ folder: options.keylog }, 'keys of every SA are written in clear');
  if (config.ike.policy === 'classical')
    log.warn({ policy: config.ike.policy }, 'nothing protects the SAs against a quantum computer');
  const capture = new LabCapture(options);
  const ikeEvents = new IkeEventCounts();
  const shell = await GatewayShell.open(shellConfig, keys?.store, log, counted(capture, ikeEvents), capture);
  connectAmfs(shell, config.n2, addressed.n2.localAddresses, log);
  log.info(
    { ike: addressed.ike.address, amfs: config.n2.amfs.map(({ addresses }) => addresses) },
    'N3IWF is up',
  );
  let keySupply: KeySupply | undefined;
  const endKeyWatch =
    keys === undefined
      ? undefined
      : await watchKeys({
          config,
          ...keys,
          node: keyedNode(shell),
          looked: (supply) => {
            noteSupply(shell.gateway.journal, keySupply, supply);
            keySupply = supply;
          },
          log,
        });
  const admin =
    config.admin === undefined
      ? undefined
      : await openAdmin({
          admin: config.admin,
          gateway: shell.gateway,
          ikeEvents,
          store: keys?.store,
          keySupply: () => keySupply,
          log,
        });
  const stopWatching = onReload(() => reload(path, config, shell, log));
  await untilSignal();
  stopWatching();
  admin?.drain();
  await endKeyWatch?.();
  shell.act((gateway) => gateway.shutDown());
  await new Promise((resolve) => setTimeout(resolve, drainMs));
  await shell.close();
  await admin?.close();
  capture.close();
  await keys?.close();
  return 0;
}

/** Opens the NG interface to each AMF; names are looked up at each try, as a restarted AMF may have moved. */
function connectAmfs(
  shell: GatewayShell,
  { amfs, sctp }: Config['n2'],
  local: readonly string[],
  log: Log,
): void {
  for (const amf of amfs) {
    const first = shell.connectN2(async (addresses) =>
      connectSctp(
        { ...sctp, local, localPort: 0 },
        addresses ?? (await addressesOf(amf.addresses)),
        amf.port,
      ),
    );
    first.catch((error: Error) =>
      log.warn({ amf: amf.addresses, error: error.message }, 'the first try to reach the AMF failed'),
    );
  }
}

/** What the capture sees, with every IKE event counted on its way there. */
function counted(capture: LabCapture, ikeEvents: IkeEventCounts): ReturnType<LabCapture['observers']> {
  const observers = capture.observers();
  return {
    ...observers,
    observe: (event: IkeEvent) => {
      ikeEvents.note(event);
      observers.observe(event);
    },
  };
}

/** What became of each key of free5GC's configuration. */
function tell({ taken, ignored, warnings }: Translation, path: string, log: Log): void {
  for (const { key, as, value } of taken)
    log.info({ key, as, value }, 'taken from the configuration of free5GC');
  for (const { key, why } of ignored) log.warn({ key, why }, 'ignored in the configuration of free5GC');
  for (const warning of warnings) log.warn({ path }, warning);
}

/** Time for Deletes to be answered before the sockets close, in ms. */
const drainMs = 500;

/** How often the key store expires what is too old, in ms. */
const upkeepMs = 1000;

type QkdConfig = NonNullable<Config['qkd']>;

/** Opens the key store and asks the KME for its status once, so that a wrong KME is known at start. */
async function openKeys(
  config: QkdConfig,
  log: Log,
): Promise<{ store: KeyStore; client: Etsi014Client; close(): Promise<void> }> {
  const tls = {
    certificate: text(readNamedFile('qkd.certificate', config.certificate)),
    privateKey: text(readNamedFile('qkd.key', config.key)),
    authority: text(readNamedFile('qkd.ca', config.ca)),
  };
  const transport = new KmeHttpsTransport({ url: config.kme, kmeId: config.kmeId, tls });
  const client = new Etsi014Client(transport, { keySizeBits: 256, quirks: config.kmeKind });
  const status = await client.status(config.ueSaeId);
  if (!status.ok) {
    transport.close();
    throw new OperatorError('N3IWF_E_KME', `KME ${config.kmeId} at ${config.kme}: ${status.error.detail}`);
  }
  const storage = await openKeyStorage(config.store);
  const clock = { wallMs: () => Date.now(), monotonicMs };
  const store = await KeyStore.open({
    source: client,
    storage,
    clock,
    random: randomOctets,
    later: setImmediate,
    ...readKeyPolicy(config),
  });
  const checkpointer = openCheckpointer(config, storage);
  const checkpoint = (atOnce: boolean): Promise<void> | undefined =>
    checkpointer
      ?.follow(atOnce)
      .catch((error: Error) => log.error({ error: error.message }, 'no checkpoint of the audit record'));
  const upkeep = setInterval(() => {
    void store.maintain();
    void checkpoint(false);
  }, upkeepMs);
  return {
    store,
    client,
    close: async () => {
      clearInterval(upkeep);
      store.close();
      await checkpoint(true);
      await storage.close();
      transport.close();
    },
  };
}

/** @throws OperatorError N3IWF_E_CONFIG for a proposal, certificate or key that cannot be used */
function shellConfigOf(config: Config, exposeKeys: boolean): ShellConfig {
  const { ike, inner, n2, n3, qkd } = config;
  const { replayWindow, childSas, dscp, gre, ...limits } = config.userPlane;
  const { preSharedKeyFile } = ike;
  const preSharedKey =
    preSharedKeyFile === undefined ? undefined : readNamedFile('ike.preSharedKeyFile', preSharedKeyFile);
  return {
    gateway: {
      ike: { ...endpointConfig(config), exposeKeys },
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
      sessions: { childSas, dscp: codePoints(dscp) },
      keying: keyingSettingsOf(ike.policy, qkd?.keying),
      userPlane: {
        espWindow: replayWindow,
        greVariant: gre,
        ...limits,
        pathTimers: { ...defaultPathTimers, intervalMs: n3.echoSeconds * 1000 },
      },
    },
    address: ike.address,
    ikePort: ike.port,
    natTraversalPort: ike.natTraversalPort,
    n3Address: n3.address,
    moreN3Addresses: n3.moreAddresses,
    n3Port: n3.port,
    n2,
  };
}

/** By 5QI, as numbers. */
function codePoints(dscp: Config['userPlane']['dscp']): Map<number, number> {
  return new Map(Object.entries(dscp).map(([fiveQi, code]) => [Number(fiveQi), code]));
}

function endpointConfig({ ike, timers }: Config): EndpointConfig {
  const certificate = ike.certificate === undefined ? undefined : readCertificate(ike.certificate);
  return {
    ikePort: ike.port,
    natTraversalPort: ike.natTraversalPort,
    ...keysByPolicy(ike),
    childProposals: ike.espProposals.map((words) =>
      usable('ike.espProposals', words, parseEspProposal(words)),
    ),
    childOffer: ike.childOffer,
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
    return { chain: chain.map((certificate) => new Uint8Array(certificate.raw)), privateKey };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new OperatorError(
      'N3IWF_E_CONFIG',
      `ike.certificate: must be PEM files of a chain and its key: ${reason}`,
    );
  }
}
