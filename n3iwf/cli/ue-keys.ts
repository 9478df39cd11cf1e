/** Where the UE simulator's keys come from: a KME, a SKIP key provider, or a file that was filled beforehand. */
import { z } from 'zod';
import {
  decodeKeyFile,
  Etsi014Client,
  KeyFileSource,
  type KeySource,
  type KeyStorage,
  KeyStore,
  MemoryKeyStorage,
  Secret,
  SkipClient,
} from '#qkd';
import { OperatorError } from '../errors.ts';
import { KmeHttpsTransport } from '../io/kme-https.ts';
import { monotonicMs, randomOctets } from '../io/machine.ts';
import { SkipHttpsTransport } from '../io/skip-https.ts';
import { SqliteKeyStorage } from '../io/sqlite-key-storage.ts';
import { readNamedFile } from './configuration-file.ts';
import { drawnKey, type LabKey } from './lab-quantum.ts';

const n3iwfSaeId = z.string().min(1);

const fromKme = z.strictObject({
  kme: z.url(),
  kmeId: z.string(),
  n3iwfSaeId,
  ca: z.string(),
  certificate: z.string(),
  key: z.string(),
});

const fromSkip = z.strictObject({
  skip: z.url().describe('key provider'),
  systemId: z.string().min(1),
  preSharedKeyFile: z.string(),
  n3iwfSaeId,
});

const fromFile = z.strictObject({
  keyFile: z.string().describe('made by n3iwf keys provision'),
  transportKeyFile: z.string(),
  store: z.string().describe('remembers which of them are used'),
  n3iwfSaeId,
});

/** The `qkd` section of a UE's configuration. */
export const ueKeysSchema = z.union([fromKme, fromSkip, fromFile]);

/** One of the three. */
export type UeKeysConfig = z.output<typeof ueKeysSchema>;

/** Keys for a UE to name. */
export interface UeKeys {
  /** A fresh one; rejects with the store's reason when there is none. */
  draw(): Promise<LabKey>;
  /** The one that the N3IWF named; rejects likewise. A file that was filled beforehand has none of these. */
  find(keyId: string): Promise<LabKey>;
  close(): void;
}

/** A source with what must be closed after it. */
interface Opened {
  readonly source: KeySource;
  readonly storage: KeyStorage;
  close(): void;
}

const text = (octets: Uint8Array) => new TextDecoder().decode(octets);

/** @throws OperatorError N3IWF_E_CONFIG for a file that cannot be read or opened */
export async function openUeKeys(config: UeKeysConfig): Promise<UeKeys> {
  const opened = 'kme' in config ? openKme(config) : 'skip' in config ? openSkip(config) : openFile(config);
  const { source, storage } = opened;
  const clock = { wallMs: () => Date.now(), monotonicMs };
  const store = await KeyStore.open({ source, storage, clock, random: randomOctets });
  return {
    draw: async () => drawnKey(await store.obtain(config.n3iwfSaeId)),
    find: async (keyId) => drawnKey(await store.fetch(config.n3iwfSaeId, keyId)),
    close: () => {
      store.close();
      opened.close();
    },
  };
}

function openKme(config: z.output<typeof fromKme>): Opened {
  const tls = {
    certificate: text(readNamedFile('qkd.certificate', config.certificate)),
    privateKey: text(readNamedFile('qkd.key', config.key)),
    authority: text(readNamedFile('qkd.ca', config.ca)),
  };
  const transport = new KmeHttpsTransport({ url: config.kme, kmeId: config.kmeId, tls });
  const source = new Etsi014Client(transport, { keySizeBits: 256 });
  return { source, storage: new MemoryKeyStorage(), close: () => transport.close() };
}

function openSkip(config: z.output<typeof fromSkip>): Opened {
  const key = Secret.own(readNamedFile('qkd.preSharedKeyFile', config.preSharedKeyFile));
  const transport = new SkipHttpsTransport({ url: config.skip, systemId: config.systemId, key });
  const close = (): void => {
    transport.close();
    key.wipe();
  };
  return { source: new SkipClient(transport, { keySizeBits: 256 }), storage: new MemoryKeyStorage(), close };
}

/** The books of what is used are on disk, since the file itself never changes. */
function openFile(config: z.output<typeof fromFile>): Opened {
  const transportKey = readTransportKey('qkd.transportKeyFile', config.transportKeyFile);
  const file = decodeKeyFile(readNamedFile('qkd.keyFile', config.keyFile), transportKey);
  transportKey.wipe();
  if (!file.ok) throw new OperatorError('N3IWF_E_CONFIG', `qkd.keyFile: ${config.keyFile}: ${file.error}`);
  const storage = new SqliteKeyStorage(config.store);
  const source = new KeyFileSource(file.value, (keyId) => storage.find(keyId) !== undefined);
  const close = (): void => {
    source.wipe();
    storage.close();
  };
  return { source, storage, close };
}

/** 32 octets, as they are. @throws OperatorError N3IWF_E_CONFIG for a file of another length */
export function readTransportKey(key: string, path: string): Secret {
  const octets = readNamedFile(key, path);
  if (octets.length === 32) return Secret.own(octets);
  octets.fill(0);
  throw new OperatorError(
    'N3IWF_E_CONFIG',
    `${key}: ${path}: a transport key has 32 octets, as of openssl rand 32`,
  );
}
