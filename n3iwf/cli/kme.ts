/** Key managers over HTTPS with simulated quantum links between them: the command `n3iwf kme`, and a part of the lab. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import {
  Etsi014Client,
  type KmeLink,
  KmeNetwork,
  KmeServer,
  type LaidOut,
  LinkSimulator,
  Secret,
  SkipServer,
} from '#qkd';
import { OperatorError } from '../errors.ts';
import { type ControlListener, listenControl } from '../io/control-http.ts';
import { KmeHttpsTransport, type KmeListener, listenKme, type TlsMaterial } from '../io/kme-https.ts';
import { randomOctets } from '../io/machine.ts';
import { listenSkip } from '../io/skip-https.ts';
import { TestAuthority } from '../io/test-authority.ts';
import { readNamedFile, readYaml } from './configuration-file.ts';
import { KmeAnnouncements } from './kme-announce.ts';
import { type KmeConfig, readKmeConfig } from './kme-config.ts';
import { handleControl, type KmeManners } from './kme-control.ts';
import { untilSignal } from './signals.ts';

/** What an SAE needs to reach its KME. */
export interface SaeAccess {
  readonly saeId: string;
  readonly kmeId: string;
  readonly url: string;
  readonly tls: TlsMaterial;
}

/** Key managers that serve, and the access of their SAEs. In one process with its users in the lab. */
export interface RunningKmes {
  readonly network: KmeNetwork;
  /** What links and keys follow from: whoever knows it knows every key. */
  readonly seed: string;
  /** In the order of the configuration. */
  readonly links: readonly LinkSimulator[];
  readonly sites: readonly { readonly kmeId: string; readonly url: string }[];
  /** Key providers of SKIP, where the configuration has them. */
  readonly skipSites: readonly { readonly kmeId: string; readonly url: string }[];
  /** How each KME answers, by its ID; changing it takes effect at the next request. */
  readonly manners: ReadonlyMap<string, KmeManners>;
  /** Where faults can be set, when the configuration has such a place. */
  readonly controlPlace: string | undefined;
  /** Issues the certificate of an SAE at its first use. Rejects when no node names the SAE. */
  access(saeId: string): Promise<SaeAccess>;
  /** A client of that SAE, with the patience of a node unless told otherwise; {@link close} closes its connections. */
  client(saeId: string, timeoutMs?: number): Promise<Etsi014Client>;
  close(): Promise<void>;
}

/** What the caller may put in the place of the process's own. */
export interface KmeSurroundings {
  /** Issues every certificate; a fresh one when left out. */
  readonly authority?: TestAuthority;
  /** A request that could not be served, a gateway that takes no announcement. */
  readonly onFault?: (error: Error) => void;
  /** Told of the IDs of keys that wait for an SAE, so that its store can fetch them ahead of need. */
  readonly laidOut?: LaidOut;
  /** Default: time since the process began, ms. */
  readonly now?: () => number;
}

/** Starts every node of `config`. Rejects with OperatorError N3IWF_E_BIND when an address is busy; then nothing stays open. */
export async function startKmes(config: KmeConfig, around: KmeSurroundings = {}): Promise<RunningKmes> {
  const authority = around.authority ?? (await TestAuthority.create());
  const seed = config.seed ?? Buffer.from(randomOctets(16)).toString('hex');
  const links = config.links.map(({ between, profile }, index) => ({
    between,
    simulator: new LinkSimulator(`${seed}/${index}/${between.join('-')}`, profile),
  }));
  const log = (line: string) => around.onFault?.(new Error(line));
  const announcements = new KmeAnnouncements(config, around.now ?? (() => performance.now()), log);
  const network = new KmeNetwork(config.nodes, links, {
    laidOut: (slave, master, keyIds) => {
      around.laidOut?.(slave, master, keyIds);
      announcements.laidOut(slave, master, keyIds);
    },
  });
  const running = new Kmes({ ...config, seed }, network, authority, links, announcements);
  try {
    await running.listen(around);
    await running.listenSkip(around);
    await running.listenToOperator(around);
    if (config.credentialsFolder !== undefined) await running.writeCredentials(config.credentialsFolder);
  } catch (error) {
    await running.close();
    throw error;
  }
  return running;
}

class Kmes implements RunningKmes {
  readonly network: KmeNetwork;
  readonly seed: string;
  readonly links: readonly LinkSimulator[];
  readonly sites: { readonly kmeId: string; readonly url: string }[] = [];
  readonly skipSites: { readonly kmeId: string; readonly url: string }[] = [];
  readonly #config: KmeConfig;
  readonly #authority: TestAuthority;
  readonly #listeners: KmeListener[] = [];
  readonly #transports: KmeHttpsTransport[] = [];
  readonly #access = new Map<string, Promise<SaeAccess>>();
  readonly manners: ReadonlyMap<string, KmeManners>;
  readonly #named: readonly KmeLink[];
  readonly #announcements: KmeAnnouncements;
  #control: ControlListener | undefined;

  constructor(
    config: KmeConfig & { readonly seed: string },
    network: KmeNetwork,
    authority: TestAuthority,
    links: readonly KmeLink[],
    announcements: KmeAnnouncements,
  ) {
    this.#config = config;
    this.#announcements = announcements;
    this.seed = config.seed;
    this.network = network;
    this.#authority = authority;
    this.#named = links;
    this.links = links.map((link) => link.simulator);
    this.manners = new Map(config.nodes.map((node) => [node.kmeId, { delayMs: 0, down: false }]));
  }

  get controlPlace(): string | undefined {
    return this.#control?.place;
  }

  /** Links are named by their ends, `a:b`. */
  async listenToOperator(around: KmeSurroundings): Promise<void> {
    if (this.#config.control === undefined) return;
    const controlled = {
      links: this.#named.map(({ between, simulator }) => ({ name: between.join(':'), simulator })),
      manners: this.manners,
      now: around.now ?? (() => performance.now()),
    };
    this.#control = await listenControl(this.#config.control, (method, path, body) =>
      handleControl(controlled, method, path, body),
    ).catch((error: unknown) => {
      throw new OperatorError('N3IWF_E_BIND', error instanceof Error ? error.message : String(error));
    });
  }

  /** One listener per node, one after the other, so that a failure leaves a known set to close. */
  async listen(around: KmeSurroundings): Promise<void> {
    for (const node of this.#config.nodes) {
      const issued = await this.#authority.issue({ commonName: node.kmeId });
      const { keySizeBits, maxKeyPerRequest } = this.#config;
      const server = new KmeServer(node.kmeId, this.network, { keySizeBits, maxKeyPerRequest });
      const listener = await listenKme(server, {
        ...node.listen,
        tls: issued.pem,
        now: around.now ?? (() => performance.now()),
        manners: this.manners.get(node.kmeId) ?? { delayMs: 0, down: false },
        ...(around.onFault === undefined ? {} : { onFault: around.onFault }),
      }).catch((error: unknown) => {
        throw new OperatorError('N3IWF_E_BIND', error instanceof Error ? error.message : String(error));
      });
      this.#listeners.push(listener);
      this.sites.push({ kmeId: node.kmeId, url: listener.url });
    }
  }

  /** The key providers, over the same network as the KMEs. */
  async listenSkip(around: KmeSurroundings): Promise<void> {
    const remoteSystemIds = this.#config.nodes.flatMap((node) => node.saeIds);
    for (const { kmeId, skip } of this.#config.nodes) {
      if (skip === undefined) continue;
      const provider = new SkipServer({
        kmeId,
        network: this.network,
        remoteSystemIds,
        random: randomOctets,
      });
      const keys = new Map(
        skip.systems.map(({ systemId, keyFile }) => [systemId, Secret.own(preSharedKey(keyFile))]),
      );
      const listener = await listenSkip(provider, {
        address: skip.address,
        port: skip.port,
        keys,
        now: around.now ?? (() => performance.now()),
      }).catch((error: unknown) => {
        throw new OperatorError('N3IWF_E_BIND', error instanceof Error ? error.message : String(error));
      });
      this.#listeners.push(listener);
      this.skipSites.push({ kmeId, url: listener.url });
    }
  }

  access(saeId: string): Promise<SaeAccess> {
    const known = this.#access.get(saeId);
    if (known !== undefined) return known;
    const fresh = this.#issue(saeId);
    this.#access.set(saeId, fresh);
    return fresh;
  }

  /** The certificate's common name is the SAE ID: that is how the KME knows the SAE. */
  async #issue(saeId: string): Promise<SaeAccess> {
    const kmeId = this.network.kmeOf(saeId);
    const site = this.sites.find((candidate) => candidate.kmeId === kmeId);
    if (site === undefined) throw new Error(`no KME serves the SAE ${saeId}`);
    const issued = await this.#authority.issue({ commonName: saeId });
    return { saeId, ...site, tls: issued.pem };
  }

  async client(saeId: string, timeoutMs?: number): Promise<Etsi014Client> {
    const patience = timeoutMs === undefined ? {} : { timeoutMs };
    const transport = new KmeHttpsTransport({ ...(await this.access(saeId)), ...patience });
    this.#transports.push(transport);
    return new Etsi014Client(transport, { keySizeBits: this.#config.keySizeBits });
  }

  /** Private keys are readable by their owner only. */
  async writeCredentials(folder: string): Promise<void> {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'authority.pem'), this.#authority.pem);
    for (const saeId of this.#config.nodes.flatMap((node) => node.saeIds)) {
      const { tls } = await this.access(saeId);
      const name = encodeURIComponent(saeId);
      writeFileSync(join(folder, `${name}.pem`), tls.certificate);
      writeFileSync(join(folder, `${name}.key`), tls.privateKey, { mode: 0o600 });
      chmodSync(join(folder, `${name}.key`), 0o600);
    }
  }

  /** Connections of clients first, so that the listeners do not wait for them; then the keys that nobody fetched. */
  async close(): Promise<void> {
    this.#announcements.close();
    for (const transport of this.#transports) transport.close();
    await this.#control?.close();
    await Promise.all(this.#listeners.map((listener) => listener.close()));
    this.network.wipe();
  }
}

/** Options of `n3iwf kme`. */
export interface KmeOptions {
  /** Instead of that of the file. */
  readonly seed?: string;
}

/** What an operator must know of where the keys come from; a seed that was set is a warning. */
export function seedLines(seed: string, isSet: boolean): string[] {
  const lines = [
    `a simulator: links and keys follow from the seed ${seed}, and who knows it knows every key`,
  ];
  if (isSet)
    lines.push(
      'warning: the seed is set, so the same keys come at each start; stores that live longer refuse them as used',
    );
  return lines;
}

/**
 * `n3iwf kme -c file`: serves until SIGINT or SIGTERM; one line per KME goes to standard output, one on the seed before them. SIGUSR2 cuts every link,
 * and joins them again at the next one. Gives the exit status. Throws OperatorError for a file that is unusable or an
 * address that is busy.
 */
export async function runKme(path: string, { seed }: KmeOptions = {}): Promise<number> {
  const read = readKmeConfig(readYaml(path), path);
  const config = seed === undefined ? read : { ...read, seed };
  const kmes = await startKmes(config, {
    onFault: (error) => console.error(`fault: ${error.message}`),
  });
  for (const line of seedLines(kmes.seed, config.seed !== undefined)) console.log(line);
  for (const site of kmes.sites) console.log(`KME ${site.kmeId} serves ETSI GS QKD 014 at ${site.url}`);
  for (const site of kmes.skipSites) console.log(`KME ${site.kmeId} serves SKIP at ${site.url}`);
  if (kmes.controlPlace !== undefined) console.log(`faults can be set at ${kmes.controlPlace}`);
  for (const { saeId, socket, url } of config.announce)
    console.log(`keys for ${saeId} are announced to its gateway at ${socket ?? url}`);
  if (config.credentialsFolder !== undefined)
    console.log(`certificates of the SAEs are in ${config.credentialsFolder}`);
  const toggle = cutOrJoin(kmes.links);
  process.on('SIGUSR2', toggle);
  await untilSignal();
  process.off('SIGUSR2', toggle);
  await kmes.close();
  return 0;
}

/** @throws OperatorError N3IWF_E_CONFIG for a file that is no key */
function preSharedKey(path: string): Uint8Array {
  const key = readNamedFile('nodes.skip.systems.keyFile', path);
  if (key.length >= 32) return key;
  throw new OperatorError('N3IWF_E_CONFIG', `${path}: a pre-shared key of SKIP has 32 octets or more`);
}

/** Longer than any run. */
const UNTIL_JOINED_MS = 1e12;

function cutOrJoin(links: readonly LinkSimulator[]): () => void {
  let cut = false;
  return () => {
    cut = !cut;
    for (const link of links) {
      link.advance(performance.now());
      if (cut) link.inject({ kind: 'outage', durationMs: UNTIL_JOINED_MS });
      else link.clear();
    }
    console.log(cut ? 'every link is cut' : 'every link is joined');
  };
}
