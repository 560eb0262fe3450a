/** How much memory a region takes: what the documentation promises. */
import { expect, test } from 'vitest'
import { PerCpuCounter, PerCpuCounterArray, info } from '../../lib/index.js'

const SHARDS = info().possibleCpus + 1

test('a counter takes (possible CPUs + 1) x 128 bytes + 256 or less', () => {
  for (const type of ['i64', 'f64'] as const) {
    for (const index of ['cpu', 'concurrency'] as const) {
      expect(new PerCpuCounter({ type, index }).buffer.byteLength).toBeLessThanOrEqual(SHARDS * 128 + 256)
    }
  }
})

test.each([1, 2, 15, 16, 17, 31, 32, 33, 100, 1000, 12_345])(
  'an array of %d takes (possible CPUs + 1) x 8n rounded up to 128, + 256 or less',
  (length) => {
    const stride = Math.ceil((8 * length) / 128) * 128
    expect(new PerCpuCounterArray(length).buffer.byteLength).toBeLessThanOrEqual(SHARDS * stride + 256)
  },
)
