import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const tagPattern = /\[(?:RFC|TS|X|ETSI|FIPS|SP|draft)[\w.-]*\s[\w.§-]+\]/g;
const titlePattern = /(?:\b(?:it|test|describe)(?:\.(?!each)\w+)*|\]\)|\w\))\(\s*(['"`])([\s\S]*?)\1/g;

/** Where a tag stands: `file:line` in the product's code and in test titles. */
export interface TagPlaces {
  readonly code: string[];
  readonly test: string[];
}

/** Paths of all TypeScript files under `folder`, relative to the project's root. */
export function sources(folder: string): string[] {
  return readdirSync(`${root}${folder}`, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => `${folder}/${path}`)
    .sort();
}

export function readSource(path: string): string {
  return readFileSync(`${root}${path}`, 'utf8');
}

/** Every rule tag of the project with its places in code and in test titles. */
export function collectTags(): Map<string, TagPlaces> {
  const tags = new Map<string, TagPlaces>();
  const add = (tag: string, kind: keyof TagPlaces, place: string) => {
    const entry = tags.get(tag) ?? { code: [], test: [] };
    entry[kind].push(place);
    tags.set(tag, entry);
  };
  for (const folder of ['ikev2', 'ngap', 'qkd', 'n3iwf']) {
    for (const path of sources(folder)) {
      readSource(path)
        .split('\n')
        .forEach((line, at) => {
          for (const tag of line.match(tagPattern) ?? []) add(tag, 'code', `${path}:${at + 1}`);
        });
    }
  }
  for (const path of sources('test').filter((file) => file.endsWith('.test.ts'))) {
    for (const title of readSource(path).matchAll(titlePattern)) {
      for (const tag of title[2]?.match(tagPattern) ?? []) add(tag, 'test', path);
    }
  }
  return tags;
}

/** Tags that stand in code and in no test title. */
export function untested(tags: ReadonlyMap<string, TagPlaces>): string[] {
  return [...tags]
    .filter(([, places]) => places.code.length > 0 && places.test.length === 0)
    .map(([tag]) => tag)
    .sort();
}
