/**
 * What the commands say about a map.
 *
 * @module
 */
import type { MapContent } from '../inspect/index.js'
import { bytesText, counted, grouped } from './text.js'

/** Which part of a map's lookups were hits. */
function hitText(hits: number, lookups: number): string {
  return lookups === 0 ? 'no lookups' : `${Math.round((100 * hits) / lookups)} % hits`
}

/** How the content of a map is shown: see `ContentView` in objects.ts. */
export const MAP_VIEW = {
  describe: ({ entries, entryBytes, hits, total }: MapContent): string =>
    `${counted(entries, 'entry', 'entries')} of ${bytesText(entryBytes)}, ${hitText(hits, total)}`,
  note: ({ entries, hits, total }: MapContent): string =>
    `${counted(entries, 'entry', 'entries')}, ${hitText(hits, total)}`,
  details: ({
    capacity,
    ttl,
    entryBytes,
    hits,
    misses,
    evictions,
    expirations,
    waits,
    repairs,
  }: MapContent): [label: string, text: string][] => [
    [
      'made for',
      `${counted(capacity, 'entry', 'entries')}, ttl ${ttl === 0 ? 'none' : `${grouped(ttl)} ms`}`,
    ],
    ['entries take', bytesText(entryBytes)],
    ['lookups', `${counted(hits, 'hit')}, ${counted(misses, 'miss', 'misses')}`],
    ['gave way', `${grouped(evictions)} for others, ${grouped(expirations)} as their time was over`],
    ['fetch', `${counted(waits, 'computation')} saved`],
    ['repairs', grouped(repairs)],
  ],
}
