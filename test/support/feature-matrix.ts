/** What was shown against a real peer, as a table after the run: feature, who started, result. */
import type { TaskMeta } from 'vitest';
import type { Reporter, TestModule } from 'vitest/node';

/** Who sends the first message of the exchange that the feature is about. */
export type Starter = 'the peer starts' | 'we start';

/** One line of the table: what a test claims when it passes. */
export interface Shown {
  readonly peer: string;
  readonly feature: string;
  readonly starter: Starter;
}

declare module 'vitest' {
  interface TaskMeta {
    shows?: Shown[];
  }
}

/** Says what the running test shows; a test may show several features. */
export function shows(task: { meta: TaskMeta }, peer: string, starter: Starter, ...features: string[]): void {
  task.meta.shows ??= [];
  task.meta.shows.push(...features.map((feature) => ({ peer, feature, starter })));
}

/** One line with its result. */
export interface MatrixLine extends Shown {
  readonly passed: boolean;
}

/** The table as text; a feature that several tests show has passed when all of them did. */
export function matrixText(lines: readonly MatrixLine[]): string {
  const merged = new Map<string, MatrixLine>();
  for (const line of lines) {
    const key = [line.peer, line.feature, line.starter].join('|');
    merged.set(key, { ...line, passed: line.passed && (merged.get(key)?.passed ?? true) });
  }
  const width = (pick: (line: Shown) => string) => Math.max(...lines.map((line) => pick(line).length));
  const [peers, features] = [width(({ peer }) => peer), width(({ feature }) => feature)];
  return [...merged.values()]
    .map(({ peer, feature, starter, passed }) =>
      [peer.padEnd(peers), feature.padEnd(features), starter.padEnd(15), passed ? 'pass' : 'FAIL'].join('  '),
    )
    .join('\n');
}

/** Prints the table when the run is over, if any test claimed something. */
export class FeatureMatrixReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const lines: MatrixLine[] = [];
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const passed = test.result().state === 'passed';
        lines.push(...(test.meta().shows ?? []).map((shown) => ({ ...shown, passed })));
      }
    }
    if (lines.length > 0) process.stdout.write(`\nShown against real peers:\n${matrixText(lines)}\n`);
  }
}
