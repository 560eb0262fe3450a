// `npm run test:site`: the documentation site as a reader gets it. Apart from the other tests, because it takes two minutes.
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: { include: ['test/site/*.test.ts'], testTimeout: 600_000, hookTimeout: 600_000 },
})
