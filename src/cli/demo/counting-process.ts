/**
 * A process that counts in memory that processes share, until it is killed.
 *
 * @module
 */
import { setImmediate } from 'node:timers'
import { Ledger } from './ledger.js'
import { endWithParent, joinPlace, mapNotes, openCounter, tellParent } from './place.js'
import { countUntilReport } from './reports.js'

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
  own += countUntilReport(ledger, add, Number(seat))
  tellParent(own)
  setImmediate(count)
}

tellParent('ready')
count()
