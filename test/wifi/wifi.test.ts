import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ueSchema } from '../../n3iwf/cli/ue.ts';
import { configSchema, parseDocument } from '../../n3iwf/config.ts';
import { accessPoints, withSettings } from './access-points.ts';
import { runtimePackages } from './archive.ts';
import { documents, n3iwfAddress } from './configuration.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const deployed = (name: string) => readFileSync(join(root, 'deploy/wifi', name), 'utf8');

/** Runs a command of the test as on a machine that has next to nothing. */
const withoutPrograms = (program: string, ...words: string[]) =>
  spawnSync(program, words, { cwd: root, encoding: 'utf8', env: { PATH: '/nonexistent' } });

describe('npm run test:wifi', () => {
  it('is what package.json starts, after an installation', () => {
    expect(manifest.scripts['test:wifi']).toBe('node test/wifi/run.ts');
    expect(manifest.scripts['pretest:wifi']).toBe(manifest.scripts.pretest);
  });

  it('fails without its programs, and names the Debian package of each', () => {
    const { status, stderr } = withoutPrograms(process.execPath, 'test/wifi/run.ts');
    expect(status).toBe(1);
    expect(stderr).toContain('tar is not installed (Debian package tar)');
    for (const line of stderr.trim().split('\n'))
      expect(line).toMatch(/^test:wifi: \w+ is not installed \(Debian package [\w-]+\)$/);
  });

  it('fails without the emulator, and names its package', () => {
    const { status, stderr } = withoutPrograms('/bin/bash', 'test/wifi/qemu-run.sh', '1', 'true');
    expect(status).toBe(2);
    expect(stderr).toContain(
      'qemu-run: qemu-system-x86_64 is not installed (Debian package qemu-system-x86)',
    );
  });
});

describe('what it works on', () => {
  it('is every package that the product needs, and none that only its development does', () => {
    const packages = runtimePackages(root);
    for (const name of Object.keys(manifest.dependencies)) expect(packages).toContain(`node_modules/${name}`);
    for (const name of Object.keys(manifest.devDependencies))
      expect(packages).not.toContain(`node_modules/${name}`);
    for (const folder of packages) expect(existsSync(join(root, folder, 'package.json'))).toBe(true);
  });

  it('is configurations that the commands take', () => {
    const { run, ue } = documents('/folder');
    expect(parseDocument(configSchema, run, 'run.yaml').ike.address).toBe(n3iwfAddress);
    expect(parseDocument(ueSchema, ue, 'ue.yaml')).toMatchObject({ find: {}, keepPinging: { everyMs: 250 } });
  });

  it('is the files of deploy/wifi with other interfaces, channels and secrets', () => {
    for (const { interface: name, kind, channel } of accessPoints) {
      const text = withSettings(deployed(`hostapd-${kind}.conf`), { interface: name, channel });
      expect(text).toContain(`\ninterface=${name}\n`);
      expect(text).toContain(`\nchannel=${channel}\n`);
    }
    expect(() => withSettings(deployed('hostapd-open.conf'), { wpa_passphrase: 'x' })).toThrow(
      'no wpa_passphrase=',
    );
    expect(new Set(accessPoints.map(({ network }) => network)).size).toBe(accessPoints.length);
  });
});
