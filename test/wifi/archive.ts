/** What of this project the emulated machine works on, as one tar file, so that it need not fetch file by file. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Parts of the project that a run reads. */
const parts = ['package.json', 'n3iwf', 'ikev2', 'ngap', 'qkd', 'deploy/wifi', 'test/peers', 'test/wifi'];
/** Commands of `n3iwf` whose modules a run loads. */
const commands = ['core', 'run', 'ue'];

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** Folders of the packages that the project needs when it runs, theirs included, relative to `root`. */
export function runtimePackages(root: string): string[] {
  const found = new Set<string>();
  const visit = (path: string, optional: boolean) => {
    const { dependencies = {}, optionalDependencies = {} } = JSON.parse(
      readFileSync(path, 'utf8'),
    ) as Manifest;
    for (const name of Object.keys({ ...dependencies, ...(optional ? optionalDependencies : {}) })) {
      const folder = join('node_modules', name);
      if (found.has(folder) || !existsSync(join(root, folder))) continue;
      found.add(folder);
      visit(join(root, folder, 'package.json'), true);
    }
  };
  visit(join(root, 'package.json'), false);
  return [...found].sort();
}

/**
 * Writes the tar file, and with it the modules as Node has compiled them: taking types out of them anew would be most of
 * the work of an emulated machine.
 *
 * @returns where the compiled modules lie in it, for NODE_COMPILE_CACHE
 */
export function writeArchive(root: string, folder: string, file: string): string {
  const name = 'compiled-modules';
  const cache = join(folder, name);
  mkdirSync(cache);
  const env = { ...process.env, NODE_COMPILE_CACHE: cache };
  for (const command of commands)
    spawnSync(process.execPath, ['n3iwf/main.ts', command, '-c', join(folder, 'absent')], { cwd: root, env });
  const words = ['--create', '--dereference', '--file', file, '-C', root, ...parts, ...runtimePackages(root)];
  execFileSync('tar', [...words, '-C', folder, name]);
  return join(root, name);
}
