/** What the suite of the public API runs on here: every thread believes that this is another platform. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { info } from '../../../lib/index.js'

const PLATFORM = process.env['PRETEND_PLATFORM'] ?? ''

const IN_A_WORKER = `
const { parentPort, workerData } = require('node:worker_threads')
import(workerData).then(({ info }) => parentPort.postMessage(info()))
`

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
  const workerData = new URL('../../../lib/index.js', import.meta.url).href
  const [seen] = (await once(new Worker(IN_A_WORKER, { eval: true, workerData }), 'message')) as unknown[]
  expect(seen).toMatchObject(expected)
  expect(warnings).toEqual([])
})
