import { defineConfig } from 'vitest/config';
import { FeatureMatrixReporter } from './support/feature-matrix.ts';

const root = new URL('..', import.meta.url).pathname;

export default defineConfig({
  root,
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 20_000,
    hookTimeout: 30_000,
    reporters: ['default', new FeatureMatrixReporter()],
  },
});
