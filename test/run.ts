/** `npm test`: runs every suite this machine can run and names each one it left out, which under CI=true is a failure. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Programs that suites need beside Node, and the Debian package that brings each. */
const tools = { tshark: 'tshark' } as const;

/** A suite names its tools in a line `// needs: tshark`. */
function suitesNeeding(tool: string): string[] {
  return readdirSync(`${root}test`, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.test.ts'))
    .map((path) => `test/${path}`)
    .filter((path) =>
      new RegExp(`^// needs:.*\\b${tool}\\b`, 'm').test(readFileSync(`${root}${path}`, 'utf8')),
    );
}

function isInstalled(tool: string): boolean {
  return spawnSync(tool, ['--version'], { stdio: 'ignore' }).error === undefined;
}

const leftOut = Object.entries(tools)
  .filter(([tool]) => !isInstalled(tool))
  .flatMap(([tool, debianPackage]) =>
    suitesNeeding(tool).map((suite) => ({
      suite,
      why: `${tool} is not installed (Debian package ${debianPackage})`,
    })),
  );

const vitest = spawnSync(
  'vitest',
  [
    'run',
    '--config',
    'test/vitest.config.ts',
    ...leftOut.flatMap(({ suite }) => ['--exclude', suite]),
    ...process.argv.slice(2),
  ],
  { cwd: root, stdio: 'inherit' },
);
for (const { suite, why } of leftOut) console.log(`left out: ${suite}: ${why}`);
if (leftOut.length > 0 && process.env.CI === 'true') {
  console.error('CI runs every suite: install what is missing');
  process.exitCode = 1;
} else {
  process.exitCode = vitest.status ?? 1;
}
