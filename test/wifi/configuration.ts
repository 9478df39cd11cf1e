/**
 * Configuration files of the three processes of a run: core, N3IWF, UE. AUTH by a key that both know and ML-KEM beside
 * X25519; QKD keys, which `test/lab` has, would take a fourth process, and an emulated machine is slow.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { ueInterface } from './access-points.ts';

/** The N3IWF's address on the side of the access points: the one that deploy/wifi names. */
export const n3iwfAddress = '192.0.2.10';

const plmn = { mcc: '208', mnc: '93' };
const slice = { sst: 1, sd: '010203' };
const subscriber = {
  imsi: '208930000000001',
  k: '465b5ce8b199b49faa5f0a2ee238a6bc',
  opc: 'cd63cb71954a9f4e48a5994e37a02baf',
};
const core = '127.0.1.2';

/** What each process reads, by its command. */
export function documents(folder: string) {
  const preSharedKeyFile = join(folder, 'psk');
  return {
    core: {
      n2: { addresses: [core] },
      n3: { address: core },
      plmn,
      slices: [slice],
      subscribers: [subscriber],
    },
    run: {
      ike: {
        address: n3iwfAddress,
        identity: 'n3iwf.5gc.mnc093.mcc208.pub.3gppnetwork.org',
        auth: 'psk',
        ppk: 'none',
        policy: 'pqc-only',
        preSharedKeyFile,
      },
      inner: { pool: '10.45.0.0/24', address: '10.45.0.1' },
      n2: { n3iwfId: 135, plmn, tac: '000001', slices: [slice], amfs: [{ addresses: [core] }] },
      n3: { address: '127.0.1.1' },
    },
    ue: {
      interface: ueInterface,
      find: {},
      subscriber,
      plmn,
      slice,
      auth: 'psk',
      ppk: 'none',
      preSharedKeyFile,
      keepPinging: { everyMs: 250, limitMs: 5000 },
      patienceMs: 60_000,
    },
  };
}

/** Commands of `n3iwf` that take part. */
export type Command = keyof ReturnType<typeof documents>;

/** Writes all files into a folder. @returns where each is */
export function writeConfigurations(folder: string): Record<Command, string> {
  writeFileSync(join(folder, 'psk'), 'known to the two of them alone', { mode: 0o600 });
  const files = Object.entries(documents(folder)).map(([command, document]) => {
    const path = join(folder, `${command}.yaml`);
    writeFileSync(path, stringify(document));
    return [command, path];
  });
  return Object.fromEntries(files) as Record<Command, string>;
}
