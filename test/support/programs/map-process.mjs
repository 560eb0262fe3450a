/**
 * Uses a map of the service `shop` until it is killed, or computes a value for ever: see `shared-map.test.ts`. Its input is the
 * directory, the options of the map, and what to do.
 */
import { setImmediate as turn } from 'node:timers/promises'
import { openShared } from '../../../lib/shared/index.js'

const { directory, options, does, slot } = JSON.parse(process.argv[2])
const map = openShared('shop', { directory }).map('cache', options)

/** A text that says which key it belongs to, of a length that differs from one to the next. */
function textFor(key, n) {
  return `${key}/${n}/`.padEnd(100 + ((n * 37) % 1500), `${n % 10}`)
}

if (does === 'compute') {
  await map.fetch('computed', async () => {
    process.stdout.write('computing\n')
    for (;;) await turn()
  })
}
for (let n = slot; ; n += 3) {
  const key = `key${(n * 7919) % 300}`
  map.set(key, textFor(key, n))
  const found = map.get(`key${(n * 31) % 300}`)
  if (found !== undefined) {
    const [owner, written] = found.split('/')
    if (found !== textFor(owner, Number(written)) || owner !== `key${(n * 31) % 300}`) map.increment('wrong')
  }
  if (n % 7 === 0) map.delete(key)
  map.increment(`rounds of ${slot}`)
  // Others know by it how far this process is.
  if (map.get(`rounds of ${slot}`) % 100 === 0) process.stdout.write('.')
}
