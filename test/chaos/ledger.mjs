// The ledger: for each worker and structure, how much it was about to add and how much it has added.
// Doubles hold both exactly. They differ by the one operation in which a worker was ended.
import { structures } from './structures.mjs'

export const Column = { begun: 0, confirmed: 1 }
const COLUMNS = 2

export function makeLedger(slots) {
  return new SharedArrayBuffer(slots * structures.length * COLUMNS * Float64Array.BYTES_PER_ELEMENT)
}

export function columnsOf(ledger, slot, structure) {
  const position = (slot * structures.length + structure) * COLUMNS
  return new Float64Array(ledger, position * Float64Array.BYTES_PER_ELEMENT, COLUMNS)
}
