/**
 * A process that counts in memory that processes share, until it is killed.
 *
 * @module
 */
import { performance } from 'node:perf_hooks'
import { setImmediate } from 'node:timers'
import { Ledger } from './ledger.js'
import { endWithParent, joinPlace, mapNotes, openCounter, tellParent } from './place.js'
import { CHUNK, REPORT_MS } from './reports.js'

const [, , directory = '', seats = '', seat = ''] = process.argv
endWithParent(directory)
const counter = openCounter(joinPlace(directory))
const ledger = new Ledger(mapNotes(directory, Number(seats)), Number(seats))
const add = (): void => {
  counter.add(1)
}

let own = 0
/** Counts for a while, and lets the event loop see whether the parent still lives. */
function count(): void {
  const next = performance.now() + REPORT_MS
  do {
    ledger.addMany(add, Number(seat), CHUNK)
    own += CHUNK
  } while (performance.now() < next)
  tellParent(own)
  setImmediate(count)
}

tellParent('ready')
count()
