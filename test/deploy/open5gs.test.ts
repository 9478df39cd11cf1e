import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { ueSchema } from '../../n3iwf/cli/ue.ts';
import { readConfig } from '../../n3iwf/config.ts';
import { ngSetupRequest } from '../../n3iwf/n2/setup.ts';
import { runCommand } from '../lab-command/run-lab.ts';
import { leastConfig } from '../support/least-config.ts';

const guide = readFileSync(new URL('../../deploy/guides/open5gs.md', import.meta.url), 'utf8');
const section = parse(/```yaml\n([\s\S]*?)```/.exec(guide)?.[1] ?? '') as { n2: object };
const folder = mkdtempSync(join(tmpdir(), 'open5gs-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** The guide's section with the least that goes around it. */
const document = { ...leastConfig, ike: { ...leastConfig.ike, policy: 'classical' }, ...section };

/** What `n3iwf run` says with that configuration; it ends by itself, as it has no such address. */
async function warningsOf(config: object): Promise<string[]> {
  const path = join(folder, 'n3iwf.yaml');
  writeFileSync(path, stringify(config));
  const { status, stderr } = await runCommand('run', '-c', path);
  expect(status).not.toBe(0);
  const lines = stderr.split('\n').filter((line) => line.startsWith('{'));
  return lines.map((line) => JSON.parse(line) as { level: number; msg: string }).map(({ msg }) => msg);
}

describe('the guide to Open5GS', () => {
  it('has a section of a configuration that makes a gNB of the node', () => {
    const { n2 } = readConfig(document, 'guide');
    expect(ngSetupRequest(n2).globalRanNodeId.choice).toBe('globalGnbId');
  });

  it('says what a UE must be, by the key that the UE simulator has', () => {
    expect(guide).toContain('nasAccess: 3gpp');
    expect(ueSchema.shape.nasAccess.parse('3gpp')).toBe('3gpp');
    expect(ueSchema.shape.nasAccess.parse(undefined)).toBe('non-3gpp');
  });

  it('the node warns at each start with the profile, and not without it', async () => {
    expect(await warningsOf(document)).toContainEqual(expect.stringMatching(/claims to be a gNB/));
    const { profile: _, gnb: __, ...n2 } = section.n2 as { profile: string; gnb: object };
    expect((await warningsOf({ ...document, n2 })).join()).not.toMatch(/gNB/);
  });
});
