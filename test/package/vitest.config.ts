// `npm run test:package`: the tarball, as those who install it meet it. Apart from the other tests, because it
// needs the binaries of all architectures, npm's registry and whole Nodes.
import { defineConfig } from 'vitest/config'

const common = {
  testTimeout: 600_000,
  hookTimeout: 600_000,
  server: { deps: { external: [/\/(lib|build\/tools)\/.*\.js$/] } },
}

const WHOLE = 'test/api/**/*.test.ts'
/** As in test/quick.config.ts: what each class promises. */
const PROMISES = 'test/api/+([a-z-]).test.ts'

/** The suite of the public API, or a part of it, where `process` says that this is another platform, in all threads. */
function elsewhere(platform: string, suite: string) {
  const env = { PRETEND_PLATFORM: platform }
  const execArgv = ['--import', new URL('../support/pretend.mjs', import.meta.url).href]
  return {
    test: {
      ...common,
      name: platform,
      root: '.',
      include: [suite, 'test/package/elsewhere/*.test.ts'],
      env,
      execArgv,
    },
  }
}

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      {
        test: {
          ...common,
          name: 'package',
          include: ['test/package/*.test.ts'],
          globalSetup: ['test/package/support/setup.ts'],
        },
      },
      // No code tells these two apart, and `npm test` runs the whole suite on the portable backend, which both have. CI
      // races and damages nothing a second time here.
      ...['darwin-arm64', 'win32-x64'].map((platform) =>
        elsewhere(platform, process.env['CI'] === 'true' ? PROMISES : WHOLE),
      ),
    ],
  },
})
