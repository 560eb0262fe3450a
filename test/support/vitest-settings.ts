/**
 * The settings that all runs of test/api have in common.
 *
 * @module
 */
import type { TestProjectInlineConfiguration } from 'vitest/config'

type Settings = NonNullable<TestProjectInlineConfiguration['test']>

/** Of each project. */
export const common: Settings = {
  pool: 'forks',
  testTimeout: 300_000,
  hookTimeout: 300_000,
  // The package is loaded by Node itself, as it is for its users: not rewritten by the test runner.
  server: { deps: { external: [/\/(lib|build\/tools)\/.*\.js$/] } },
}

/** Race tests start many threads of their own: more than two files at once only makes them slow. */
export const MOST_WORKERS = 2
