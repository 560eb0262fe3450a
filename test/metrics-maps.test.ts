/** What rseq/metrics says of maps. */
import { expect, test } from 'vitest'
import { SharedMap } from '../lib/index.js'
import { defineMetrics, mapMetrics, observeMap } from '../lib/metrics/index.js'
import { promtool } from './support/prometheus.js'
import { turn } from './support/team.mjs'
import { isInstalled } from './support/toolchains.js'
import { parseUtf8Text } from './support/utf8-text.js'

/** The samples of maps in an exposition, by their names and labels. */
function samplesOf(text: string): Record<string, number> {
  const samples = parseUtf8Text(text).flatMap((family) => family.samples)
  return Object.fromEntries(
    samples.map(([name, labels, value]) => [`${name} ${labels['map']}`, Number(value)]),
  )
}

test('an exposition has what a map has counted, of all its objects', async () => {
  const map = new SharedMap({ entries: 500, bytes: 1 << 17 })
  const same = SharedMap.from(map.buffer)
  for (let k = 0; k < 5000; k++) map.set(`key${k}`, 'x'.repeat(100))
  const found = Array.from({ length: 300 }, (_, k) => map.get(`key${4999 - k}`)).filter(
    (value) => value !== undefined,
  )
  await Promise.all(
    [1, 2, 3].map(() =>
      same.fetch('computed', async () => {
        await turn()
        return 1
      }),
    ),
  )
  const metrics = defineMetrics(mapMetrics).create()
  // Two look at one map: nothing is counted twice.
  const ends = [observeMap(metrics, map, 'pages'), observeMap(metrics, same, 'pages')]
  observeMap(metrics, new SharedMap({ entries: 10, bytes: 1 << 16 }), 'empty')()
  for (const end of ends) end()

  const { hits, misses, evictions, entries, bytes, waits } = map.statistics()
  expect(found.length).toBeGreaterThan(0)
  expect(evictions).toBeGreaterThan(0)
  expect(waits).toBe(2)
  expect(hits).toBeGreaterThanOrEqual(found.length)
  const text = metrics.text()
  expect(samplesOf(text)).toMatchObject({
    'rseq_map_hits_total pages': hits,
    'rseq_map_misses_total pages': misses,
    'rseq_map_evictions_total pages': evictions,
    'rseq_map_expirations_total pages': 0,
    'rseq_map_stampedes_avoided_total pages': waits,
    'rseq_map_repairs_total pages': 0,
    'rseq_map_entries pages': entries,
    'rseq_map_bytes pages': bytes,
    'rseq_map_entries empty': 0,
  })
  if (isInstalled('promtool')) expect(promtool(text)).toBe('')
})

test('they are kept up to date until the map is closed or somebody ends it', async () => {
  const map = new SharedMap({ entries: 100, bytes: 1 << 16 })
  const metrics = defineMetrics(mapMetrics).create()
  const end = observeMap(metrics, map, 'a', { interval: 10 })
  const entries = metrics.mapEntries.labels({ map: 'a' })
  map.set('key', 1)
  const patience = performance.now() + 60_000
  while (entries.value === 0 && performance.now() < patience) await turn()
  expect(entries.value).toBe(1)
  // The next update finds it closed; an error in a timer would end this process.
  map[Symbol.dispose]()
  const later = performance.now() + 50
  while (performance.now() < later) await turn()
  end()
  expect(entries.value).toBe(1)
  expect(() => observeMap(metrics, map, 'a')).toThrow(Error)
})

test('wrong arguments are refused', () => {
  const map = new SharedMap({ entries: 100, bytes: 1 << 16 })
  const metrics = defineMetrics(mapMetrics).create()
  const { mapHits, ...others } = mapMetrics.counters
  const some = defineMetrics({ counters: others, gauges: mapMetrics.gauges }).create()
  expect(mapHits.name).toBe('rseq_map_hits_total')
  for (const wrong of [undefined, null, {}, some])
    expect(() => observeMap(wrong as never, map, 'a')).toThrow('got some without mapHits')
  for (const wrong of [undefined, null, new Map(), 1])
    expect(() => observeMap(metrics, wrong as never, 'a')).toThrow(/^map: expected a SharedMap, got /)
  expect(() => observeMap(metrics, map, 1 as never)).toThrow('name: expected a string, got 1')
  expect(() => observeMap(metrics, map, 'a', { interval: 9 })).toThrow(
    /^interval: expected an integer from 10 to /,
  )
  expect(() => observeMap(metrics, map, 'a', { often: 1 } as never)).toThrow(/options: .*often/)
})
