// What each thread of the chaos does: one operation on a structure after the other, in random order.
import { Column, columnsOf } from './ledger.mjs'

/**
 * Opens the structures of a thread.
 *
 * @returns a function that does one operation, and notes in the ledger what it is about to add and what it has added. Only this
 *   thread writes its columns; they are read after it has ended.
 */
export function operatorOf(structures, { buffers, ledger, slot, random }) {
  const opened = structures.map((structure, i) => structure.open(buffers[i], slot))
  const mine = structures.map((_, i) => columnsOf(ledger, slot, i, structures.length))
  return () => {
    const i = Math.floor(random() * structures.length)
    const structure = structures[i]
    const amount = structure.amount(random)
    mine[i][Column.begun] += amount
    structure.add(opened[i], amount)
    mine[i][Column.confirmed] += amount
  }
}
