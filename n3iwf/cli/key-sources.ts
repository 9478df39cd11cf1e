/** The source of a node's QKD keys as its configuration names it, and what each kind of source tells of its supply. */
import {
  decodeKeyFile,
  Etsi004Source,
  Etsi014Client,
  KeyFileSource,
  type KeySource,
  Secret,
  SkipClient,
  type SpentKeys,
} from '#qkd';
import { OperatorError } from '../errors.ts';
import { KeyStreamSocket } from '../io/key-stream-socket.ts';
import { checkTls, type KmeHttpsTransport } from '../io/kme-https.ts';
import { SkipHttpsTransport } from '../io/skip-https.ts';
import { etsi014Of, type QkdConfig } from '../qkd-config.ts';
import { readNamedFile } from './configuration-file.ts';
import { openKme, ownTls } from './doctor-kme.ts';
import { readTransportKey } from './ue-keys.ts';

/** Octets of a key; every source is asked for keys of that size. */
const keyOctets = 32;

/** What a source tells of its supply when it is looked at. */
export interface SourceLook {
  /** It answers; `why` says what is wrong when not. */
  readonly reachable: boolean;
  readonly why?: string;
  /** Keys that are there without waiting; undefined where the source does not tell. */
  readonly storedKeys?: number;
  /** Error rate of the link, where the source tells. */
  readonly qber?: number;
  /** Photons counted per second, and the share of time in which the link was up, 0 to 1; likewise. */
  readonly countsPerSecond?: number;
  readonly availability?: number;
}

/** An open source. */
export interface OpenSource {
  readonly source: KeySource;
  /** What it is, for messages. */
  readonly name: string;
  look(): Promise<SourceLook>;
  /**
   * Reads the files again by which it proves itself, and those that it trusts. What is returned begins to use them, and
   * says whether they are others than before. Absent for sources that have no such files.
   *
   * @throws OperatorError N3IWF_E_CONFIG for files that cannot be used; nothing has changed
   */
  renewal?(config: QkdConfig): () => boolean;
  close(): Promise<void> | void;
}

/**
 * Opens the source that a configuration names. `isSpent` keeps keys of files from being used twice.
 *
 * @throws OperatorError N3IWF_E_CONFIG for a file that cannot be read or opened
 */
export function openKeySource(config: QkdConfig, isSpent: SpentKeys): OpenSource {
  if (config.skip !== undefined) return openSkip(config, config.skip);
  if (config.etsi004 !== undefined) return openStreams(config, config.etsi004);
  if (config.keyFiles !== undefined) return openFiles(config, config.keyFiles, isSpent);
  return openEtsi014(config);
}

function openEtsi014(config: QkdConfig): OpenSource {
  const access = etsi014Of(config);
  if (access === undefined) throw new OperatorError('N3IWF_E_CONFIG', 'qkd.kme: is missing');
  const transport = openKme(access);
  const client = new Etsi014Client(transport, { keySizeBits: keyOctets * 8, quirks: access.kmeKind });
  return {
    source: client,
    name: `KME ${access.kmeId} at ${access.kme}`,
    look: () => lookAtKme(client, config.ueSaeId),
    renewal: (next) => renewalOf(transport, next),
    close: () => transport.close(),
  };
}

/** Certificates of `config` for connections to come. @throws OperatorError N3IWF_E_CONFIG for files that cannot be used */
function renewalOf(transport: KmeHttpsTransport, config: QkdConfig): () => boolean {
  const access = etsi014Of(config);
  if (access === undefined) return () => false;
  const tls = ownTls(access);
  try {
    checkTls(tls);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new OperatorError('N3IWF_E_CONFIG', `qkd.ca, qkd.certificate, qkd.key: ${reason}`);
  }
  return () => transport.renew(tls);
}

/** What a KME tells of the pair with `peer`, and of the link behind it where it tells that. */
export async function lookAtKme(client: Pick<Etsi014Client, 'status'>, peer: string): Promise<SourceLook> {
  const status = await client.status(peer);
  if (!status.ok) return { reachable: false, why: status.error.detail };
  const { storedKeyCount, linkQber, linkCountsPerSecond, linkAvailability } = status.value;
  return {
    reachable: true,
    storedKeys: storedKeyCount,
    ...(linkQber === undefined ? {} : { qber: linkQber }),
    ...(linkCountsPerSecond === undefined ? {} : { countsPerSecond: linkCountsPerSecond }),
    ...(linkAvailability === undefined ? {} : { availability: linkAvailability }),
  };
}

/** SKIP tells nothing of its supply: that it is dry is seen when a key is asked for. */
function openSkip(config: QkdConfig, { url, preSharedKeyFile }: NonNullable<QkdConfig['skip']>): OpenSource {
  const key = Secret.own(readNamedFile('qkd.skip.preSharedKeyFile', preSharedKeyFile));
  const transport = new SkipHttpsTransport({ url, systemId: config.saeId, key });
  const client = new SkipClient(transport, { keySizeBits: keyOctets * 8 });
  return {
    source: client,
    name: `key provider at ${url}`,
    look: async () => {
      const answer = await client.capabilities();
      return answer.ok ? { reachable: true } : { reachable: false, why: answer.error.detail };
    },
    close: () => {
      transport.close();
      key.wipe();
    },
  };
}

/** The stream is opened by the first look; what it holds 004 does not tell either. */
function openStreams(config: QkdConfig, settings: NonNullable<QkdConfig['etsi004']>): OpenSource {
  const { socket, minBps, maxBps, ttlSeconds } = settings;
  const port = new KeyStreamSocket(socket);
  const qos = { keyChunkSize: keyOctets, minBps, maxBps, timeoutMs: 1000, ttlS: ttlSeconds };
  const source = new Etsi004Source(port, { saeId: config.saeId, qos });
  return {
    source,
    name: `key manager at ${socket}`,
    look: async () => {
      const opened = await source.connect(config.ueSaeId);
      return opened.ok ? { reachable: true } : { reachable: false, why: opened.error.detail };
    },
    close: async () => {
      await source.close();
      port.disconnect();
    },
  };
}

/** Each file is of one direction; a node that names keys itself needs one in which it is the master. */
function openFiles(
  config: QkdConfig,
  { files, transportKeyFile }: NonNullable<QkdConfig['keyFiles']>,
  isSpent: SpentKeys,
): OpenSource {
  const transportKey = readTransportKey('qkd.keyFiles.transportKeyFile', transportKeyFile);
  const sources = files.map((path) => {
    const file = decodeKeyFile(readNamedFile('qkd.keyFiles.files', path), transportKey);
    if (!file.ok) throw new OperatorError('N3IWF_E_CONFIG', `qkd.keyFiles.files: ${path}: ${file.error}`);
    const { masterSaeId, slaveSaeId } = file.value;
    return { masterSaeId, slaveSaeId, source: new KeyFileSource(file.value, isSpent) };
  });
  transportKey.wipe();
  const drawn = sources.filter(({ masterSaeId }) => masterSaeId === config.saeId);
  const named = sources.filter(({ slaveSaeId }) => slaveSaeId === config.saeId);
  return {
    source: {
      encKeys: (slave, number) => firstThat(drawn, (source) => source.encKeys(slave, number), 'unavailable'),
      decKeys: (master, keyIds) =>
        firstThat(named, (source) => source.decKeys(master, keyIds), 'unknown-key'),
    },
    name: `key files ${files.join(', ')}`,
    look: async () => {
      const left = await Promise.all(sources.map(({ source }) => source.remaining()));
      return { reachable: true, storedKeys: left.reduce((sum, number) => sum + number, 0) };
    },
    close: () => {
      for (const { source } of sources) source.wipe();
    },
  };
}

type Answer = Awaited<ReturnType<KeySource['encKeys']>>;

/** The first answer that has keys, or the last refusal; that of `kind` when there is no file of that direction. */
async function firstThat(
  sources: readonly { readonly source: KeyFileSource }[],
  ask: (source: KeyFileSource) => Promise<Answer>,
  kind: 'unavailable' | 'unknown-key',
): Promise<Answer> {
  const detail = 'no key file of this direction';
  let answer: Answer = { ok: false, error: { kind, detail, mayHaveBurnt: false, burntKeyIds: [] } };
  for (const { source } of sources) {
    answer = await ask(source);
    if (answer.ok) return answer;
  }
  return answer;
}
