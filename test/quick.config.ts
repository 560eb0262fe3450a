// `npm run test:quick`: what each class promises, on the native backend. The tests whose names have a second part, such as
// ring.teams.test.ts, race or damage something on purpose, and take longer.
import { defineConfig } from 'vitest/config'
import { MOST_WORKERS, common } from './support/vitest-settings.js'

export default defineConfig({
  test: {
    ...common,
    maxWorkers: MOST_WORKERS,
    include: ['test/api/+([a-z-]).test.ts'],
  },
})
