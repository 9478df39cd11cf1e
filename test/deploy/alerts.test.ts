import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { metrics } from '../../n3iwf/admin/metrics.ts';
import { dropCauses } from '../../n3iwf/userplane/drops.ts';

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly action: string };
}

const text = readFileSync(new URL('../../deploy/grafana/alerts.yaml', import.meta.url), 'utf8');
const rules: Rule[] = parse(text).groups.flatMap((group: { rules: Rule[] }) => group.rules);
const types = new Map<string, string>(metrics.map(({ name, type }) => [name, type]));

/** Metrics of ours that an expression names, each with the function around it, if any. */
const uses = (expr: string) =>
  [...expr.matchAll(/(?:(\w+)\()?(n3iwf_\w+)/g)].map(([, around, name]) => ({ around, name: name! }));

describe('the alert rules', () => {
  it('have names of their own, a severity, what is wrong and what to do', () => {
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
    for (const { alert, labels, annotations } of rules) {
      expect(alert).toMatch(/^N3iwf[A-Z]\w+$/);
      expect(['warning', 'critical']).toContain(labels.severity);
      expect(annotations.summary).toMatch(/\.$/);
      expect(annotations.action.length).toBeGreaterThan(10);
    }
  });

  it('ask only for metrics that the node shows, and each by functions that fit its type', () => {
    expect(rules.flatMap(({ expr }) => uses(expr)).length).toBeGreaterThan(5);
    for (const { name, around } of rules.flatMap(({ expr }) => uses(expr))) {
      expect([...types.keys()]).toContain(name);
      if (types.get(name) === 'counter') expect(['rate', 'increase']).toContain(around);
      else expect(['rate', 'increase']).not.toContain(around);
    }
  });

  it('name causes that exist', () => {
    const named = [...text.matchAll(/cause=~"([\w|]+)"/g)].flatMap(([, list]) => list!.split('|'));
    expect(named.length).toBeGreaterThan(0);
    for (const cause of named) expect(dropCauses).toContain(cause);
  });

  it('point at guides that are there', () => {
    for (const [path] of text.matchAll(/deploy\/guides\/\w+\.md/g))
      expect(existsSync(new URL(`../../${path}`, import.meta.url))).toBe(true);
  });
});
