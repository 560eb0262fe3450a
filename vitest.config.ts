import { defineConfig } from 'vitest/config'
import { MOST_WORKERS, common } from './test/support/vitest-settings.js'

// The suite of the public API, test/api, runs once for every backend and tier; the rest runs once.
const ways = {
  native: { env: {} },
  // This tier calls the sections that the fast tier calls, in another way. CI lets threads race in them only once.
  napi: {
    env: { RSEQ_TIER: 'napi' },
    exclude: process.env['CI'] === 'true' ? ['test/api/*.{teams,termination}.test.ts'] : [],
  },
  portable: { env: { RSEQ_BACKEND: 'portable' } },
}

// A file to which the results go as JSON, besides the terminal: `npm cit` passes no options on.
// Taken out of the environment, because a test may run vitest itself.
const report = process.env['RSEQ_TEST_REPORT']
delete process.env['RSEQ_TEST_REPORT']

export default defineConfig({
  test: {
    reporters: report === undefined ? ['default'] : ['default', ['json', { outputFile: report }]],
    maxWorkers: MOST_WORKERS,
    projects: [
      ...Object.entries(ways).map(([name, way]) => ({
        test: { ...common, name, ...way, include: ['test/api/**/*.test.ts'] },
      })),
      { test: { ...common, name: 'once', include: ['test/*.test.ts'] } },
    ],
  },
})
