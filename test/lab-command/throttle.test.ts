import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LabRun, runCommand, runLab } from './run-lab.ts';

describe('a lab run whose link is dark for a while', () => {
  const folder = mkdtempSync(join(tmpdir(), 'throttle-'));
  const picture = join(folder, 'supply.svg');
  let run: LabRun;

  beforeAll(async () => {
    run = await runLab(
      ...['--ues', '3', '--session-types', 'ipv4', '--rekey-every', '5', '--pool-keys', '20'],
      ...['--keying', 'holdSeconds=2,fallbackSeconds=8', '--picture', picture],
      ...['--link-schedule', '0s 10Mbit/s; 3s 0; 28s 10Mbit/s; 45s end'],
    );
  }, 180_000);
  afterAll(() => rmSync(folder, { recursive: true }));

  test('leaves QKD before the pool is empty and comes back, without a packet or an SA lost', () => {
    const { status, summary } = run;
    expect([status, summary.errors]).toEqual([0, []]);
    const { link } = summary;
    expect(link?.verdicts.map(({ held }) => held)).toEqual([true, true, true, true, true]);
    const [entry, back, ...others] = link?.changes ?? [];
    expect(others).toEqual([]);
    expect([entry?.mode, back?.mode]).toEqual(['fallback', 'qkd']);
    expect(entry?.storedKeys).toBeGreaterThan(0);
    expect(entry?.atMs).toBeGreaterThan(3000);
    expect(back?.atMs).toBeGreaterThan(28_000);
    expect(link?.packets.sent).toBeGreaterThan(100);
    expect(link?.counts).toMatchObject({ pastHardLimit: 0, ended: 0 });
    const [, dark, again] = link?.legs ?? [];
    expect(dark?.mlKemRekeys).toBeGreaterThan(0);
    expect(again?.quantumRekeys).toBeGreaterThan(0);
  });

  test('the N3IWF alone starts the rekeys, and each UE sees its own', () => {
    for (const { rekeys, stream } of run.summary.ues) {
      expect(rekeys.child).toBeGreaterThan(4);
      expect([stream.sent > 0, stream.lost]).toEqual([true, 0]);
    }
  });

  test('the picture shows pool, need and rates, and the fallback as a shade', () => {
    const svg = readFileSync(picture, 'utf8');
    expect(svg.match(/<polyline/g)).toHaveLength(4);
    expect(svg.match(/opacity/g)).toHaveLength(1);
    expect(svg).not.toContain('NaN');
  });

  test('the summary says where keys came from and how keying stands', () => {
    expect(run.summary.supply).toMatchObject({ mode: 'qkd', reason: 'enough' });
    expect(run.summary.supply?.linkBitsPerSecond).toBeGreaterThan(5_000_000);
    expect(run.summary.supply?.storedKeys).toBeGreaterThan(0);
  });
});

test('with a policy that refuses SAs without a quantum key, a link that is gone ends UEs, and the run says so', async () => {
  const { status, summary } = await runLab(
    ...['--ues', '1', '--session-types', 'ipv4', '--rekey-every', '2', '--pool-keys', '12'],
    ...['--policy', 'qkd-required', '--keying', 'reserveKeys=8'],
    ...['--link-schedule', '0s 10Mbit/s; 1s 0; 34s end'],
  );
  expect([status, summary.ok]).toEqual([1, false]);
  expect(summary.errors).toContainEqual(expect.stringMatching(/^not so: no SA past its hard limit/));
}, 180_000);

test.each([
  [['--link-schedule', '0s fast'], 2, /"0s fast" has no rate/],
  [['--link-schedule', '0s 0', '--keying', 'hold=2'], 2, /hold/],
  [['--link-schedule', '0s 0', '--ppk', 'qkd-ke'], 2, /wants --ppk rfc9867/],
  [['--link-schedule', '0s 0', '--policy', 'pqc-only'], 2, /it is none/],
  [['--keying', 'holdSeconds'], 1, /must be of the form holdSeconds=5/],
])('%j is refused before anything is started', async (options, wanted, text) => {
  const { status, stdout, stderr } = await runCommand('lab', '--once', ...options);
  expect(stdout + stderr).toMatch(text);
  expect(stdout).not.toContain('two KMEs');
  expect(status).toBe(wanted);
});
