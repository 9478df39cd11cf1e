import { z } from 'zod';
import { parseDocument } from '../config.ts';
import { certificateVerifier } from '../nwu/certificate-trust.ts';
import { ppkUses } from '../nwu/key-policy.ts';
import { readNamedFile, readYaml } from './configuration-file.ts';
import { LabUeRunner } from './lab-ue.ts';
import { plmnSchema, sliceSchema, subscriberSchema } from './subscriber-schema.ts';
import { openUeKeys, ueKeysSchema } from './ue-keys.ts';

const text = (octets: Uint8Array) => new TextDecoder().decode(octets);

/** The configuration file of `n3iwf ue`. */
export const ueSchema = z.strictObject({
  address: z.string(),
  ikePort: z.number().int().default(500),
  natTraversalPort: z.number().int().default(4500),
  n3iwf: z.strictObject({ address: z.string(), identity: z.string() }),
  subscriber: subscriberSchema,
  imeisv: z
    .string()
    .regex(/^\d{16}$/, 'must be 16 digits in quotes')
    .default('3560920407930100'),
  plmn: plmnSchema,
  slice: sliceSchema,
  dnn: z.string().default('internet'),
  ping: z.ipv4('must be an IPv4 address such as 198.51.100.1').default('198.51.100.1'),
  auth: z.enum(['qkd', 'psk', 'certificate', 'eap-only']).default('qkd'),
  ppk: z.enum(ppkUses).default('rfc8784'),
  preSharedKeyFile: z.string().optional(),
  authority: z.string().optional().describe('PEM file of the CA that the N3IWF certificate comes from'),
  proposals: z
    .array(z.string())
    .nonempty()
    .default(['aes256gcm16-prfsha256-x25519-ke1_mlkem768', 'aes256gcm16-prfsha256-x25519']),
  espProposals: z.array(z.string()).nonempty().default(['aes256gcm16']),
  qkd: ueKeysSchema.optional(),
});

type UeFile = z.infer<typeof ueSchema>;

/**
 * The command `n3iwf ue`: one simulated UE registers, opens a session, pings, rekeys and detaches.
 *
 * @returns 0 only if all of it worked
 * @throws OperatorError for a wrong configuration or a busy port
 */
export async function runUe(path: string): Promise<number> {
  const file = parseDocument(ueSchema, readYaml(path), path);
  const { SimulatedUe } = await import('#peers');
  const keys = file.qkd === undefined ? undefined : await openUeKeys(file.qkd);
  const { address, ikePort: port, natTraversalPort } = file;
  const at = {
    local: { address, port },
    localNat: { address, port: natTraversalPort },
    n3iwf: { address: file.n3iwf.address, port },
    n3iwfNat: { address: file.n3iwf.address, port: natTraversalPort },
  };
  const verify =
    file.authority === undefined
      ? {}
      : {
          verifyCertificate: certificateVerifier(
            [text(readNamedFile('authority', file.authority))],
            Date.now,
          ),
        };
  const ports = {
    obtainQkdKey: () => keys?.draw() ?? Promise.reject(new Error('qkd: is missing from the configuration')),
    fetchQkdKey: (keyId: string) =>
      keys?.find(keyId) ?? Promise.reject(new Error('qkd: is missing from the configuration')),
    ...verify,
  };
  const runner = await LabUeRunner.open(SimulatedUe, ueConfig(file), at, ports, file.ping);
  const say = (line: string) => process.stdout.write(`${line}\n`);
  try {
    await runner.attach(say);
    await runner.rekey(say);
    await runner.detach(say);
    return 0;
  } catch (error) {
    process.stderr.write(`n3iwf: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  } finally {
    await runner.close();
    keys?.close();
  }
}

function ueConfig(file: UeFile) {
  const { subscriber, imeisv, plmn, slice, dnn, auth, ppk, preSharedKeyFile, proposals, espProposals } = file;
  return {
    ...subscriber,
    imeisv,
    plmn,
    slice,
    dnn,
    auth,
    ppk,
    n3iwfName: file.n3iwf.identity,
    ...(preSharedKeyFile === undefined
      ? {}
      : { preSharedKey: readNamedFile('preSharedKeyFile', preSharedKeyFile) }),
    ikeProposals: proposals,
    espProposals,
  };
}
