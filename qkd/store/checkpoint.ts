/**
 * Signed checkpoints of the audit record, in the text form of C2SP's tlog-checkpoint and signed-note: origin, number of
 * rows and Merkle root, signed by Ed25519 or ML-DSA as the key is. Kept in a second place, they show that the record was
 * cut off or written anew.
 */
import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { fail, ok, type Result } from '../result.ts';
import type { TreeHead } from './audit-verify.ts';

/** Names the signature in a note: C2SP signed-note's type octets; ML-DSA has none of its own and says its name. */
const SIGNATURE_TYPES: Readonly<Record<string, Uint8Array>> = {
  ed25519: Uint8Array.of(1),
  'ml-dsa-44': new TextEncoder().encode('\xffml-dsa-44'),
  'ml-dsa-65': new TextEncoder().encode('\xffml-dsa-65'),
  'ml-dsa-87': new TextEncoder().encode('\xffml-dsa-87'),
};

/** Whether checkpoints can be signed with a key, private or public. */
export function signsCheckpoints(key: KeyObject): boolean {
  return SIGNATURE_TYPES[key.asymmetricKeyType ?? ''] !== undefined;
}

/** The text of one signed checkpoint. `origin`: names the record, one line without a plus or a space. */
export function writeCheckpoint(origin: string, { size, root }: TreeHead, privateKey: KeyObject): string {
  const body = `${origin}\n${size}\n${Buffer.from(root).toString('base64')}\n`;
  const signature = Buffer.concat([
    keyHash(origin, createPublicKey(privateKey)),
    sign(null, Buffer.from(body), privateKey),
  ]);
  return `${body}\n— ${origin} ${signature.toString('base64')}\n`;
}

/** Which checkpoint of a text is not one, from 1 on, and why. */
export interface CheckpointError {
  readonly checkpoint: number;
  readonly problem: 'malformed' | 'of another record' | 'signed by another key' | 'wrongly signed';
}

const NOTE = /([^\n]+)\n(\d{1,15})\n([A-Za-z0-9+/]{43}=)\n\n— ([^\n ]+) ([A-Za-z0-9+/=]+)\n/y;

/** Every checkpoint of a text in which they follow each other, all of them checked; or the first that is wrong. */
export function readCheckpoints(
  text: string,
  publicKey: KeyObject,
  origin?: string,
): Result<readonly TreeHead[], CheckpointError> {
  const heads: TreeHead[] = [];
  const pattern = new RegExp(NOTE);
  while (pattern.lastIndex < text.length) {
    const problem = readOne(pattern.exec(text), publicKey, origin, heads);
    if (problem !== undefined) return fail({ checkpoint: heads.length + 1, problem });
  }
  return ok(heads);
}

function readOne(
  match: RegExpExecArray | null,
  publicKey: KeyObject,
  origin: string | undefined,
  heads: TreeHead[],
): CheckpointError['problem'] | undefined {
  if (match === null) return 'malformed';
  const [, name = '', size = '', root = '', signer = '', signed = ''] = match;
  if (signer !== name || (origin !== undefined && name !== origin)) return 'of another record';
  const octets = Buffer.from(signed, 'base64');
  if (octets.toString('base64') !== signed) return 'malformed';
  if (!octets.subarray(0, 4).equals(keyHash(name, publicKey))) return 'signed by another key';
  const body = `${name}\n${size}\n${root}\n`;
  if (!verify(null, Buffer.from(body), publicKey, octets.subarray(4))) return 'wrongly signed';
  heads.push({ size: Number(size), root: Uint8Array.from(Buffer.from(root, 'base64')) });
  return undefined;
}

/** Four octets that tell keys apart: SHA-256 over name, line feed, type and public key. */
function keyHash(name: string, publicKey: KeyObject): Buffer {
  const type = SIGNATURE_TYPES[publicKey.asymmetricKeyType ?? ''];
  if (type === undefined) throw new Error('checkpoints are signed by Ed25519 or ML-DSA keys');
  const { pub, x = pub } = publicKey.export({ format: 'jwk' }) as {
    readonly x?: string;
    readonly pub?: string;
  };
  const hash = createHash('sha256').update(`${name}\n`).update(type);
  return hash
    .update(Buffer.from(x ?? '', 'base64url'))
    .digest()
    .subarray(0, 4);
}
