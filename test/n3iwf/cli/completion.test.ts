import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { cli } from '../../support/command-line.ts';

/** The script that the program prints for a shell. */
const script = async (shell: string): Promise<string> => (await cli('completion', shell)).output;

/** What bash offers behind these words, the last of which is being typed. */
function offered(source: string, ...words: string[]): string[] {
  const line = ['n3iwf', ...words].map((word) => `'${word}'`).join(' ');
  const run = `${source}\nCOMP_WORDS=(${line}); COMP_CWORD=${words.length}; _n3iwf; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = spawnSync('bash', ['-c', run], { encoding: 'utf8' });
  expect(stderr).toBe('');
  return stdout.split('\n').filter((word) => word !== '');
}

it('bash completes commands, their subcommands, options and choices', async () => {
  const source = await script('bash');
  expect(offered(source, '')).toEqual(
    expect.arrayContaining(['run', 'status', 'ues', 'top', 'keys', 'drain']),
  );
  expect(offered(source, 'st')).toEqual(['status']);
  expect(offered(source, 'keys', 'aud')).toEqual(['audit']);
  expect(offered(source, 'keys', 'audit', '')).toEqual(['verify', 'find', '--help']);
  expect(offered(source, 'release', '--re')).toEqual(['--reason']);
  expect(offered(source, 'lab', '--auth', '')).toEqual(['qkd', 'psk', 'certificate', 'eap-only']);
  expect(offered(source, 'completion', 'z')).toEqual(['zsh']);
  expect(offered(source, 'ues', '--socket', '/de')).toContain('/dev');
});

it('zsh takes the same function, by its emulation of bash', async () => {
  const source = await script('zsh');
  expect(source).toMatch(/^autoload -U \+X bashcompinit && bashcompinit\n_n3iwf\(\)/);
  expect(source).toMatch(/complete -o filenames -F _n3iwf n3iwf\n$/);
  expect(source.endsWith(await script('bash'))).toBe(true);
});
