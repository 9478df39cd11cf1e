/** `n3iwf keys provision`: fills a key file for a UE that will have no KME at hand. */
import { existsSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { type DeliveredKey, Etsi014Client, encodeKeyFile } from '#qkd';
import { parseDocument } from '../config.ts';
import { OperatorError } from '../errors.ts';
import { KmeHttpsTransport } from '../io/kme-https.ts';
import { randomOctets } from '../io/machine.ts';
import { readNamedFile, readYaml } from './configuration-file.ts';
import { readTransportKey } from './ue-keys.ts';

/** Options of the command line. */
export interface ProvisionOptions {
  readonly config: string;
  readonly out: string;
  readonly number: number;
}

/** The UE's access to the KME of the dock. */
const provisionSchema = z.strictObject({
  kme: z.url(),
  kmeId: z.string(),
  /** The UE's SAE, as its certificate there names it. */
  saeId: z.string().min(1),
  n3iwfSaeId: z.string().min(1),
  ca: z.string(),
  certificate: z.string(),
  key: z.string(),
  /** 32 octets that seal the file; to travel by another way. */
  transportKeyFile: z.string(),
});

const text = (octets: Uint8Array) => new TextDecoder().decode(octets);

/**
 * Draws keys as the UE and seals them into a new file; the N3IWF's end of each waits at its own KME.
 *
 * @returns 0 when all are in the file, 1 when the KME gave fewer: those are in it
 * @throws OperatorError for a configuration that is unusable, a file that is there already, or a KME that gives none
 */
export async function provisionKeys({ config: path, out, number }: ProvisionOptions): Promise<number> {
  const config = parseDocument(provisionSchema, readYaml(path), path);
  // Looked at before a key is drawn, since a key that finds no place is lost.
  if (existsSync(out)) throw new OperatorError('N3IWF_E_CONFIG', `--out: ${out} is there already`);
  const transportKey = readTransportKey('transportKeyFile', config.transportKeyFile);
  const { keys, problem } = await draw(config, number);
  try {
    if (keys.length === 0)
      throw new OperatorError('N3IWF_E_KME', `no key: ${problem ?? 'none was asked for'}`);
    const { saeId: masterSaeId, n3iwfSaeId: slaveSaeId } = config;
    const file = encodeKeyFile({ masterSaeId, slaveSaeId, keys }, transportKey, randomOctets);
    writeFileSync(out, file, { mode: 0o600, flag: 'wx' });
  } finally {
    transportKey.wipe();
    for (const key of keys) key.secret.wipe();
  }
  console.log(`${keys.length} keys of ${config.saeId} with ${config.n3iwfSaeId} are in ${out}`);
  if (keys.length === number) return 0;
  console.error(`n3iwf: ${number - keys.length} keys are missing: ${problem ?? 'the KME gave fewer'}`);
  return 1;
}

/** In requests as large as the KME takes; ends at the first that fails, with what came until then. */
async function draw(
  config: z.output<typeof provisionSchema>,
  number: number,
): Promise<{ readonly keys: DeliveredKey[]; readonly problem: string | undefined }> {
  const tls = {
    certificate: text(readNamedFile('certificate', config.certificate)),
    privateKey: text(readNamedFile('key', config.key)),
    authority: text(readNamedFile('ca', config.ca)),
  };
  const transport = new KmeHttpsTransport({ url: config.kme, kmeId: config.kmeId, tls });
  const client = new Etsi014Client(transport, { keySizeBits: 256 });
  const keys: DeliveredKey[] = [];
  try {
    const status = await client.status(config.n3iwfSaeId);
    if (!status.ok) return { keys, problem: status.error.detail };
    const most = Math.max(1, status.value.maxKeyPerRequest);
    while (keys.length < number) {
      const drawn = await client.encKeys(config.n3iwfSaeId, Math.min(most, number - keys.length));
      if (!drawn.ok) return { keys, problem: drawn.error.detail };
      keys.push(...drawn.value);
    }
    return { keys, problem: undefined };
  } finally {
    transport.close();
  }
}
