// needs: promtool
/** Prometheus' own tool reads what a running lab shows and what deploy/grafana asks for. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { parse } from 'yaml';
import { metrics } from '../../n3iwf/admin/metrics.ts';
import { LabNetwork } from '../../n3iwf/cli/lab-network.ts';
import type { LabOptions } from '../../n3iwf/cli/lab-options.ts';
import type { LabUeRunner } from '../../n3iwf/cli/lab-ue.ts';
import type { Log } from '../../n3iwf/log.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const text = (path: string) => readFileSync(`${root}${path}`, 'utf8');
const ruleTests = 'test/deploy/alert-rules.yaml';

/** Runs promtool with something to read. */
function promtool(words: readonly string[], input = '') {
  const { status, stdout, stderr } = spawnSync('promtool', words, { cwd: root, encoding: 'utf8', input });
  return { status, said: `${stdout}${stderr}` };
}

/** What a node shows only once it has happened. */
const notYet = ['n3iwf_n2_ignored_total'];

let network: LabNetwork;
let ue: LabUeRunner;
let page: string;

const options: LabOptions = {
  ...{ ues: 1, sessions: 1, flows: 1, childSas: 'gbr', sessionTypes: ['ipv4'] },
  ...{ auth: 'qkd', ppk: 'rfc9867', policy: 'qkd-preferred', console: 0 },
};

beforeAll(async () => {
  network = await LabNetwork.start(options, pino({ level: 'silent' }) as unknown as Log, () => {});
  ue = await network.openUe(0);
  await ue.attach(() => {}, { sessions: ['ipv4'], pingSizes: [64], echoes: false });
  // Its key manager is looked at from time to time.
  await vi.waitFor(
    async () => {
      page = await (await fetch(`${network.console?.url}/metrics`)).text();
      expect(page).toContain('\nn3iwf_link_qber_ratio ');
    },
    { timeout: 40_000, interval: 500 },
  );
}, 90_000);
afterAll(async () => {
  ue.abandon();
  await network.close();
});

describe('the page of a running node', () => {
  it('has nothing that promtool complains of', () => {
    expect(promtool(['check', 'metrics'], page)).toEqual({ status: 0, said: '' });
  });

  it('is looked at strictly: a gauge with quantiles is found', () => {
    const spoilt = page.replace('_delay_seconds summary', '_delay_seconds gauge');
    expect(promtool(['check', 'metrics'], spoilt).said).toContain('quantile');
  });

  it('has samples of every metric that dashboard and rules name', () => {
    const sampled = new Set([...page.matchAll(/^(n3iwf_\w+)[{ ]/gm)].map(([, name]) => name));
    const asked = `${text('deploy/grafana/alerts.yaml')}${JSON.stringify(JSON.parse(text('deploy/grafana/dashboard.json')))}`;
    const named = new Set(asked.match(/\bn3iwf_[a-z0-9_]+/g));
    expect(named.size).toBeGreaterThan(metrics.length - 3);
    expect([...named].filter((name) => !sampled.has(name))).toEqual(notYet);
  });
});

describe('the alert rules', () => {
  it('are taken by promtool, all of them', () => {
    const { status, said } = promtool(['check', 'rules', 'deploy/grafana/alerts.yaml']);
    expect(said).toMatch(/SUCCESS: \d+ rules found/);
    expect(status).toBe(0);
  });

  it('fire when they are to, and not before', () => {
    expect(promtool(['test', 'rules', ruleTests])).toMatchObject({ status: 0 });
  });

  it('each have a test in which they fire and one in which they do not', () => {
    const rules: { alert: string }[] = parse(text('deploy/grafana/alerts.yaml')).groups[0].rules;
    const tests: { alertname: string; exp_alerts?: unknown[] }[] = parse(text(ruleTests)).tests.flatMap(
      (each: { alert_rule_test: unknown[] }) => each.alert_rule_test,
    );
    for (const { alert } of rules) {
      const own = tests.filter(({ alertname }) => alertname === alert);
      expect(own.some(({ exp_alerts }) => exp_alerts?.length === 1)).toBe(true);
      expect(own.some(({ exp_alerts }) => exp_alerts === undefined)).toBe(true);
    }
  });
});
