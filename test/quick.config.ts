// `npm run test:quick`: what each class promises, on the native backend. The tests whose names have a second part, such as
// ring.teams.test.ts, race or damage something on purpose, and take longer.
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    pool: 'forks',
    testTimeout: 300_000,
    hookTimeout: 300_000,
    server: { deps: { external: [/\/(lib|build\/tools)\/.*\.js$/] } },
    maxWorkers: 2,
    include: ['test/api/+([a-z-]).test.ts'],
  },
})
