/** Audit record over SQLite: one million events written, and the time to verify them against their checkpoints. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SqliteKeyStorage } from '../../n3iwf/io/sqlite-key-storage.ts';
import { Checkpointer, readCheckpoints, verifyAudit } from '../../qkd/index.ts';
import { linkEvents } from '../../qkd/store/audit.ts';

const events = 1_000_000;
const perTransaction = 10_000;
const rounds = 3;

function write(storage: SqliteKeyStorage): void {
  for (let from = 0; from < events; from += perTransaction) {
    const batch = Array.from({ length: perTransaction }, (_, index) => ({
      atMs: 1_800_000_000_000 + from + index,
      event: 'delivered',
      keyIds: [`00000000-0000-4000-8000-${(from + index).toString(16).padStart(12, '0')}`],
      peer: 'sae-ue',
      reason: 'taken from the store',
    }));
    storage.commit([], (_done, last) => linkEvents(last, batch, undefined));
  }
}

/** Medians over three verifications of one record. */
export async function run(): Promise<readonly Record<string, unknown>[]> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-audit-'));
  const storage = new SqliteKeyStorage(join(folder, 'keys.db'));
  try {
    write(storage);
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const shipped: string[] = [];
    const ship = async (text: string) => void shipped.push(text);
    const limits = {
      origin: 'bench',
      everyEvents: 1000,
      everyMs: 1000,
      monotonicMs: () => performance.now(),
    };
    await new Checkpointer({ storage, privateKey, ship, ...limits }).follow(true);
    const times: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const start = performance.now();
      const heads = readCheckpoints(shipped.join(''), publicKey, 'bench');
      if (!heads.ok) throw new Error(heads.error.problem);
      const verdict = await verifyAudit(storage, heads.value);
      if (!verdict.ok) throw new Error(verdict.fault.problem);
      times.push((performance.now() - start) / 1000);
    }
    times.sort((a, b) => a - b);
    const median = Number((times[rounds >> 1] ?? 0).toFixed(2));
    return [{ measure: 'verify, s', events, checkpoints: shipped.length, median, target: '< 30' }];
  } finally {
    storage.close();
    rmSync(folder, { recursive: true });
  }
}
