// An addon's threads and JavaScript count in the same series.
import { createRequire } from 'node:module'
import { defineMetrics, nativeSeries } from 'rseq/metrics'

const { resize } = createRequire(import.meta.url)('./build/Release/resizer.node')

const THREADS = 4
const IMAGES = 100_000

const metrics = defineMetrics({
  counters: { images: { help: 'Images that were resized.', labels: { by: ['C++', 'JavaScript'] } } },
  histograms: { megapixels: { help: 'Their size.', buckets: [1, 4, 16] } },
}).create()

const native = metrics.images.labels({ by: 'C++' })
const done = resize(nativeSeries(native), nativeSeries(metrics.megapixels), THREADS, IMAGES)
for (let k = 0; k < IMAGES; k++) {
  metrics.images.labels({ by: 'JavaScript' }).inc()
  metrics.megapixels.observe(k % 20)
}
await done

console.log(metrics.text('prometheus'))
const { count } = metrics.megapixels.value
console.log(`${native.value} images by ${THREADS} C++ threads, ${count} with those of JavaScript`)
if (native.value !== THREADS * IMAGES || count !== (THREADS + 1) * IMAGES) process.exitCode = 1
