import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { LoopDelay } from '../admin/metrics.ts';

/** Between two looks at the event loop, ms; what is measured includes it and is given without. */
const resolutionMs = 20;

/** Starts measuring. `read` gives what was measured since the reading before it, in s. */
export function measureLoopDelay(): { read(): LoopDelay; stop(): void } {
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs });
  histogram.enable();
  const seconds = (nanoseconds: number): number =>
    histogram.count === 0 ? 0 : Math.max(0, nanoseconds / 1e9 - resolutionMs / 1000);
  return {
    read: () => {
      const median = seconds(histogram.percentile(50));
      const delay = { median, p99: seconds(histogram.percentile(99)), most: seconds(histogram.max) };
      histogram.reset();
      return delay;
    },
    stop: () => void histogram.disable(),
  };
}
