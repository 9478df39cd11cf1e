import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { metrics } from '../../n3iwf/admin/metrics.ts';
import { alarmSeverities } from '../../n3iwf/journal/alarms.ts';

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly refId: string; readonly expr: string }[];
}

const text = readFileSync(new URL('../../deploy/grafana/dashboard.json', import.meta.url), 'utf8');
const dashboard = JSON.parse(text) as {
  panels: Panel[];
  templating: { list: { name: string; query: string }[] };
};
const types = new Map<string, string>(metrics.map(({ name, type }) => [name, type]));
const expressions = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));

/** Metrics of ours that an expression names, parts of histograms by their whole names, with the function around each. */
function uses(expr: string): { name: string; part: string; around: string | undefined }[] {
  return [...expr.matchAll(/(?:(\w+)\()?(n3iwf_[a-z0-9_]+)/g)].map(([, around, written = '']) => {
    const [, name = written, part = ''] = /^(.*_seconds)_(bucket|count|sum)$/.exec(written) ?? [];
    return { name, part, around };
  });
}

describe('the dashboard', () => {
  it('asks only for metrics that the node shows', () => {
    const named = new Set(expressions.flatMap((expr) => uses(expr).map(({ name }) => name)));
    expect([...named].filter((name) => !types.has(name))).toEqual([]);
    expect(named.size).toBeGreaterThan(20);
  });

  it('shows every metric of the node, but for what alert rules watch alone', () => {
    const named = new Set(expressions.flatMap((expr) => uses(expr).map(({ name }) => name)));
    const missing = [...types.keys()].filter((name) => !named.has(name));
    expect(missing).toEqual(['n3iwf_amf_overloaded', 'n3iwf_key_store_readable', 'n3iwf_key_store_trouble']);
  });

  it('takes rates of counters and of parts of histograms, and of nothing else', () => {
    for (const { name, part, around } of expressions.flatMap(uses)) {
      const type = types.get(name);
      if (type === 'histogram') expect(['bucket', 'count', 'sum']).toContain(part);
      if (type === 'gauge' || type === 'summary') expect(around).not.toBe('rate');
      else expect(around).toBe('rate');
    }
  });

  it('takes percentiles over the bounds of buckets', () => {
    const percentiles = expressions.filter((expr) => expr.includes('histogram_quantile'));
    expect(percentiles.length).toBeGreaterThan(3);
    for (const expr of percentiles) expect(expr).toMatch(/sum by \([^)]*\ble\b[^)]*\) \(rate\(\w+_bucket/);
  });

  it('looks at the nodes that are chosen', () => {
    expect(dashboard.templating.list.map(({ name }) => name)).toEqual(['datasource', 'instance']);
    for (const expr of expressions) expect(expr).toContain('instance=~"$instance"');
  });

  it('has panels with titles and numbers of their own that do not lie over each other', () => {
    const { panels } = dashboard;
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    for (const { title, gridPos } of panels) {
      expect(title).not.toBe('');
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
    }
    const over = (a: Panel['gridPos'], b: Panel['gridPos']) =>
      a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
    for (const [at, one] of panels.entries())
      for (const other of panels.slice(at + 1)) expect(over(one.gridPos, other.gridPos)).toBe(false);
  });

  it('speaks of alarms that there are', () => {
    expect(Object.keys(alarmSeverities).length).toBeGreaterThan(0);
    expect(text).toContain('n3iwf_alarms');
  });
});
