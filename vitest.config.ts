import { type TestProjectInlineConfiguration, defineConfig } from 'vitest/config'

// The suite of the public API, test/api, runs once for every backend and tier; the rest runs once.
const ways = {
  native: {},
  napi: { RSEQ_TIER: 'napi' },
  portable: { RSEQ_BACKEND: 'portable' },
}

const common: NonNullable<TestProjectInlineConfiguration['test']> = {
  pool: 'forks',
  testTimeout: 300_000,
  hookTimeout: 300_000,
  // The package is loaded by Node itself, as it is for its users: not rewritten by the test runner.
  server: { deps: { external: [/\/(lib|build\/tools)\/.*\.js$/] } },
}

// A file to which the results go as JSON, besides the terminal: `npm cit` passes no options on.
// Taken out of the environment, because a test may run vitest itself.
const report = process.env['RSEQ_TEST_REPORT']
delete process.env['RSEQ_TEST_REPORT']

export default defineConfig({
  test: {
    reporters: report === undefined ? ['default'] : ['default', ['json', { outputFile: report }]],
    // Race tests start many threads of their own: more than two files at once only makes them slow.
    maxWorkers: 2,
    projects: [
      ...Object.entries(ways).map(([name, env]) => ({
        test: { ...common, name, env, include: ['test/api/**/*.test.ts'] },
      })),
      { test: { ...common, name: 'once', include: ['test/*.test.ts'] } },
    ],
  },
})
