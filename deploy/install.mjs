// Installs the dependencies when they are missing or older than the lock file, so that `npm start` and `npm test`
// are one command each on a fresh clone. Plain JavaScript: it also runs on the Node that is there before ours is.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const installed = `${root}node_modules/.package-lock.json`;

/** True when what npm recorded as installed has every package of the lock file in its version. */
function isCurrent() {
  if (!existsSync(installed)) return false;
  const wanted = JSON.parse(readFileSync(`${root}package-lock.json`, 'utf8')).packages;
  const have = JSON.parse(readFileSync(installed, 'utf8')).packages;
  return Object.entries(wanted).every(
    ([path, entry]) => path === '' || entry.optional === true || have[path]?.version === entry.version,
  );
}

// Not `npm ci`: it refuses a lock file that lacks builds of optional packages for platforms other than the one it was
// written on. With --no-save the lock file decides the versions and stays as it is.
if (!isCurrent()) {
  process.stderr.write('qn3iwf: installing dependencies (npm install) …\n');
  const npm = spawnSync('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (npm.status !== 0) {
    process.stderr.write('qn3iwf: npm install failed; run it by hand to see why\n');
    process.exit(npm.status ?? 1);
  }
}
