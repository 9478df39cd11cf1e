#!/usr/bin/env node
// Starts the CLI on a Node that can run it: this one if it is new enough, otherwise the one that npm installed here.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const main = fileURLToPath(new URL('main.ts', import.meta.url));
const ownNode = fileURLToPath(new URL('../node_modules/.bin/node', import.meta.url));

if (major > 24 || (major === 24 && minor >= 7)) {
  await import('./main.ts');
} else if (existsSync(ownNode)) {
  const child = spawnSync(ownNode, [main, ...process.argv.slice(2)], { stdio: 'inherit' });
  process.exit(child.status ?? 1);
} else {
  process.stderr.write(
    `n3iwf needs Node 24.7 or newer, this is ${process.versions.node}; run "npm install" in its folder first\n`,
  );
  process.exit(1);
}
