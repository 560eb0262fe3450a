/** What the suite of the public API runs on here: every thread believes that this is another platform. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { info } from '../../../lib/index.js'

const PLATFORM = process.env['PRETEND_PLATFORM'] ?? ''

test('the portable backend, without a warning, in all threads', async () => {
  const warnings: Error[] = []
  process.on('warning', (warning) => warnings.push(warning))
  const expected = {
    backend: 'portable',
    platform: PLATFORM,
    libc: '',
    reason: expect.stringContaining(PLATFORM) as string,
  }
  expect(PLATFORM).not.toMatch(/^(linux-.*)?$/)
  expect(info()).toMatchObject(expected)
  const worker = new Worker(new URL('teller.mjs', import.meta.url))
  const [seen] = (await once(worker, 'message')) as unknown[]
  expect(seen).toMatchObject(expected)
  expect(warnings).toEqual([])
})
