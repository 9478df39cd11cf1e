import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { parse, stringify } from 'yaml';
import { reload } from '../../../n3iwf/cli/reload.ts';
import { readConfig } from '../../../n3iwf/config.ts';
import { silentLog } from '../../../n3iwf/log.ts';

const example = readFileSync(new URL('../../../deploy/n3iwf.example.yaml', import.meta.url), 'utf8');
let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'reload-'));
  path = join(folder, 'n3iwf.yaml');
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Starts with the example, changes the file and reloads; returns what the AMFs and the log were told. */
function reloaded(change: (document: Record<string, Record<string, unknown>>) => void) {
  const running = readConfig(parse(example), path);
  const document = parse(example);
  change(document);
  writeFileSync(path, stringify(document));
  const updateN2 = vi.fn();
  const log = { ...silentLog, warn: vi.fn(), error: vi.fn() };
  reload(path, running, { updateN2 }, log);
  return { running, updateN2, log, again: () => reload(path, running, { updateN2 }, log) };
}

describe('reload', () => {
  it('[TS38413 8.7.2.2] tells the AMFs a new name and new slices, once', () => {
    const { updateN2, running, log, again } = reloaded(({ n2 }) => {
      Object.assign(n2!, { name: 'renamed', slices: [{ sst: 7 }] });
    });
    expect(updateN2).toHaveBeenCalledWith(expect.objectContaining({ name: 'renamed', slices: [{ sst: 7 }] }));
    expect(running.n2.name).toBe('renamed');
    again();
    expect(updateN2).toHaveBeenCalledTimes(1);
    expect(log.warn).not.toHaveBeenCalled();
  });

  it('says that other keys need a restart, and does nothing about them', () => {
    const { updateN2, log, running } = reloaded(({ inner }) => {
      Object.assign(inner!, { nasPort: 20001 });
    });
    expect(log.warn).toHaveBeenCalledTimes(1);
    expect([updateN2.mock.calls.length, running.inner.nasPort]).toEqual([0, 20000]);
  });

  it('a wrong file changes nothing', () => {
    const { updateN2, log } = reloaded(({ n2 }) => {
      Object.assign(n2!, { tac: 'none' });
    });
    expect(updateN2).not.toHaveBeenCalled();
    expect(String(log.error.mock.calls[0]?.[0]?.error)).toContain('n2.tac');
  });
});
