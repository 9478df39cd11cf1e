import { describe, expect, test } from 'vitest';
import { readSource, sources } from './support/rules.ts';

interface Import {
  readonly file: string;
  readonly target: string;
}

const importPattern =
  /^(?:import|export)\b[^;'"=]*?\bfrom\s+['"]([^'"]+)['"]|^import\s+['"]([^'"]+)['"]|\bimport\(['"]([^'"]+)['"]\)/gm;

function importsOf(folder: string): Import[] {
  return sources(folder).flatMap((file) =>
    [...readSource(file).matchAll(importPattern)].map((match) => ({
      file,
      target: match[1] ?? match[2] ?? match[3] ?? '',
    })),
  );
}

/** Imports that leave `folder` by a relative path. */
function leaving(folder: string): Import[] {
  return importsOf(folder).filter(({ file, target }) => {
    if (!target.startsWith('.')) return false;
    const depth = file.split('/').length - 1;
    return (target.match(/\.\.\//g) ?? []).length >= depth;
  });
}

/** What a core may take from outside: primitives without descriptors, clocks or state of the machine. */
const coreModules = new Set(['node:crypto', 'node:util']);
const stateful =
  /\b(?:Date\.now|new Date|performance\.now|setTimeout|setInterval|setImmediate|Math\.random|randomBytes|randomUUID|process\.(?!env\b)\w+)\b/;

describe.each(['ikev2', 'ngap', 'qkd'])('the core %s', (core) => {
  test('imports only itself and stateless primitives', () => {
    const wrong = importsOf(core).filter(
      ({ target }) => !target.startsWith('.') && !coreModules.has(target) && !target.startsWith('@noble/'),
    );
    expect(wrong).toEqual([]);
    expect(leaving(core)).toEqual([]);
  });

  test('has no clock, timer, randomness or process of its own', () => {
    const wrong = sources(core).filter((file) =>
      readSource(file)
        .split('\n')
        .some((line) => !/^\s*(?:\*|\/\/|\/\*)/.test(line) && stateful.test(line)),
    );
    expect(wrong).toEqual([]);
  });
});

describe('the product', () => {
  const descriptors = /^node:(?:dgram|net|tls|https?|http2|fs|fs\/promises|sqlite|child_process)$|^koffi$/;

  test('takes the cores through their doors only', () => {
    expect(leaving('n3iwf')).toEqual([]);
    expect(
      importsOf('n3iwf').filter(
        ({ target }) => target.startsWith('#') && !/^#(ikev2|ngap|qkd|peers)$/.test(target),
      ),
    ).toEqual([]);
  });

  test('holds descriptors in n3iwf/io only, but for the command line reading its files', () => {
    const wrong = importsOf('n3iwf').filter(
      ({ file, target }) =>
        descriptors.test(target) &&
        !file.startsWith('n3iwf/io/') &&
        !(file.startsWith('n3iwf/cli/') && target === 'node:fs'),
    );
    expect(wrong).toEqual([]);
  });

  test('loads test peers lazily and from the command line only', () => {
    const wrong = importsOf('n3iwf').filter(
      ({ file, target }) => target === '#peers' && !file.startsWith('n3iwf/cli/'),
    );
    expect(wrong).toEqual([]);
    const eager = sources('n3iwf/cli').filter((file) =>
      /^import (?!type)[^;]*from '#peers'/m.test(readSource(file)),
    );
    expect(eager).toEqual([]);
  });
});
