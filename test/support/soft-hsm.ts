/** A token of SoftHSM in a temporary folder, of which only this process knows. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Where Debian puts the module. */
const places = ['/usr/lib/softhsm/libsofthsm2.so', '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so'];

/** The module's path, or undefined when the package softhsm2 is not installed. */
export const softHsmModule = places.find((path) => existsSync(path));

/** Handle: {@link addKey}, {@link remove}. */
export class SoftHsm {
  readonly folder = mkdtempSync(join(tmpdir(), 'soft-hsm-'));
  readonly pin = '1234';
  readonly token = 'n3iwf';

  /** Points this process at it; the module reads that when it is initialized, once. */
  constructor() {
    mkdirSync(join(this.folder, 'tokens'));
    const config = `directories.tokendir = ${join(this.folder, 'tokens')}\nobjectstore.backend = file\nlog.level = ERROR\n`;
    writeFileSync(join(this.folder, 'softhsm2.conf'), config);
    process.env.SOFTHSM2_CONF = join(this.folder, 'softhsm2.conf');
    this.util('--init-token', '--free', '--label', this.token, '--so-pin', '5678');
  }

  /** An AES-256 key with that label. */
  addKey(label: string, fill: number): void {
    const file = join(this.folder, `${label}.key`);
    writeFileSync(file, Buffer.alloc(32, fill));
    this.util(
      '--import',
      file,
      '--aes',
      '--token',
      this.token,
      '--label',
      label,
      '--id',
      `0${fill}`,
      '--force',
    );
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }

  private util(...words: string[]): void {
    const done = spawnSync('softhsm2-util', [...words, '--pin', this.pin], { encoding: 'utf8' });
    if (done.status !== 0) throw new Error(`softhsm2-util ${words.join(' ')}: ${done.stderr}`);
  }
}
