/** What README and guides tell a reader to follow or to type is there: links, scripts of npm, commands of n3iwf. */
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { collectTags } from '../support/rules.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folders = '{deploy,ikev2,n3iwf,ngap,qkd,test}';
const pages = globSync(['*.md', `${folders}/**/*.md`], { cwd: root }).sort();
/** Pages about a folder of sources. */
const folderPages = globSync('{ikev2,n3iwf,ngap,qkd}/**/README.md', { cwd: root }).sort();
const read = (page: string) => readFileSync(join(root, page), 'utf8');
const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };

/** A link to a file of the project, with the heading it points at, if any. */
interface Link {
  readonly path: string;
  readonly heading: string | undefined;
}

/** Links of a page that lead to no other host. */
function linksOf(text: string): Link[] {
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [path = '', heading] = target.split('#');
      return { path, heading };
    });
}

/** The names that headings have as targets of links. */
function headingsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(' ', '-'),
  );
}

/** Source files that a text names as code; `*` in a name stands for some of them. */
function filesNamedIn(text: string): string[] {
  return [...text.matchAll(/`([\w./*-]+\.(?:ts|js))`/g)].map(([, name = '']) => name);
}

/** Scripts of npm that a text names. */
function scriptsNamedIn(text: string): string[] {
  const named = [...text.matchAll(/npm run ([a-z:-]*[a-z])/g)].map(([, name = '']) => name);
  const short = [...text.matchAll(/npm (start|test)\b/g)].map(([, name = '']) => name);
  return [...new Set([...named, ...short])];
}

/** Words behind `n3iwf` where a text means a command: after npx, or as code in a line. */
function commandsNamedIn(text: string): string[] {
  const found = [...text.matchAll(/(?:npx |`)n3iwf ([a-z|]+)(?: ([a-z|-]+))?/g)];
  return found.flatMap(([, first = '', second = '']) =>
    first.split('|').flatMap((word) => second.split('|').map((next) => `${word} ${next}`.trim())),
  );
}

const known = new Map<string, string[]>();

/** The commands that `n3iwf WORDS --help` lists, but for help itself. */
function subcommandsOf(...words: string[]): string[] {
  const key = words.join(' ');
  const seen = known.get(key);
  if (seen !== undefined) return seen;
  const help = spawnSync(process.execPath, ['n3iwf/main.ts', ...words, '--help'], {
    cwd: root,
    encoding: 'utf8',
    timeout: 30_000,
  });
  const [, list = ''] = help.stdout.split(/^Commands:$/m);
  const commands = [...list.matchAll(/^ {2}([a-z][a-z0-9-]*)/gm)]
    .map(([, name = '']) => name)
    .filter((name) => name !== 'help');
  known.set(key, commands);
  return commands;
}

/** Whether `config check` or `run` is a command; the word behind one without commands of its own is its argument. */
function isCommand(words: string): boolean {
  const [first = '', second] = words.split(' ');
  if (!subcommandsOf().includes(first)) return false;
  const below = subcommandsOf(first);
  return second === undefined || second.startsWith('-') || below.length === 0 || below.includes(second);
}

describe('the readers of pages', () => {
  it('find links, scripts and commands, and what is none of them', () => {
    expect(linksOf('[a](b/c.md#d) [e](https://example.org/f) [g](#h)')).toEqual([
      { path: 'b/c.md', heading: 'd' },
      { path: '', heading: 'h' },
    ]);
    expect(headingsOf('# What is whose?\n\n## 2. A `node`\ntext')).toEqual(['what-is-whose', '2-a-node']);
    expect(filesNamedIn('`wire/a.ts`, `tasks/b*.ts`, c.ts, `npm start`')).toEqual([
      'wire/a.ts',
      'tasks/b*.ts',
    ]);
    expect(scriptsNamedIn('`npm run test:wifi`, `npm start -- --ues 2`, npm takes')).toEqual([
      'test:wifi',
      'start',
    ]);
    expect(
      commandsNamedIn('npx n3iwf keys status -c F; `n3iwf config check|show -c`; of n3iwf itself'),
    ).toEqual(['keys status', 'config check', 'config show']);
  });

  it('tell a command from a word that is none', () => {
    expect(subcommandsOf()).toContain('doctor');
    expect(
      ['run', 'doctor -c', 'config check', 'keys destroy-epoch'].filter((name) => !isCommand(name)),
    ).toEqual([]);
    expect(['serve', 'config prove', 'keys make'].filter(isCommand)).toEqual([]);
  }, 60_000);
});

describe.each(pages)('%s', (page) => {
  const text = read(page);

  it('links to files and headings that exist', () => {
    const broken = linksOf(text).filter(({ path, heading }) => {
      const target = path === '' ? page : join(dirname(page), path);
      if (!existsSync(join(root, target))) return true;
      return heading !== undefined && !headingsOf(read(target)).includes(heading);
    });
    expect(broken).toEqual([]);
  });

  it('names scripts of npm that exist', () => {
    expect(scriptsNamedIn(text).filter((name) => scripts[name] === undefined)).toEqual([]);
  });

  it('names commands of n3iwf that exist', () => {
    expect(commandsNamedIn(text).filter((words) => !isCommand(words))).toEqual([]);
  }, 60_000);
});

it.each(folderPages)(
  '%s names files that exist, seen from its folder, from n3iwf or from the root',
  (page) => {
    const places = [dirname(page), 'n3iwf', '.'];
    const missing = filesNamedIn(read(page)).filter((name) =>
      places.every((place) => globSync(join(place, name), { cwd: root }).length === 0),
    );
    expect(missing).toEqual([]);
  },
);

it('every guide stands in the index of the guides', () => {
  const listed = linksOf(read('deploy/guides/README.md')).map(({ path }) => `deploy/guides/${path}`);
  const guides = globSync('deploy/guides/*.md', { cwd: root });
  expect(guides.filter((guide) => !guide.endsWith('/README.md') && !listed.includes(guide))).toEqual([]);
});

it('every guide stands in the list of README', () => {
  const listed = linksOf(read('README.md')).map(({ path }) => path);
  const guides = globSync('deploy/guides/*.md', { cwd: root });
  expect(guides.length).toBeGreaterThan(5);
  expect(guides.filter((guide) => !listed.includes(guide))).toEqual([]);
});

describe('the table of standards in README', () => {
  const [, section = ''] = read('README.md').split('## Standards\n');
  const rows = [
    ...(section.split('\n## ')[0] ?? '').matchAll(/^\| ((?:RFC|TS|X|FIPS|ETSI)[^|]*) \|[^|]*\| (.*) \|$/gm),
  ];
  const tags = [...collectTags()];

  /** `RFC 7296` as tags write it; ETSI's specifications go by their number alone. */
  const tagged = (standard: string) => standard.replace(' GS QKD', '').replaceAll(/[ .]/g, '');

  it('has rows', () => {
    expect(rows.length).toBeGreaterThan(25);
  });

  it.each(rows.map(([, standard = '', places = '']) => [standard, places]))(
    '%s lives where it says',
    (standard, places) => {
      const lines = tags
        .filter(([tag]) => tag.startsWith(`[${tagged(standard)} `))
        .flatMap(([, { code }]) => code);
      const named = [...places.matchAll(/`([^`]+)`/g)].map(([, place = '']) => place);
      expect(named).not.toEqual([]);
      const empty = named.filter(
        (place) => !lines.some((line) => line.startsWith(place.endsWith('.ts') ? `${place}:` : `${place}/`)),
      );
      expect(empty).toEqual([]);
    },
  );
});
