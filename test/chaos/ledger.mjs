// The ledger: for each thread and structure, how much it was about to add and how much it has added.
// Doubles hold both exactly. They differ by the one operation in which a thread was ended.

export const Column = { begun: 0, confirmed: 1 }
const COLUMNS = 2

/** Bytes of a ledger of so many threads and structures. */
export function ledgerBytes(slots, structures) {
  return slots * structures * COLUMNS * Float64Array.BYTES_PER_ELEMENT
}

/** The columns of one thread and structure of `structures`. */
export function columnsOf(ledger, slot, structure, structures) {
  const position = (slot * structures + structure) * COLUMNS
  return new Float64Array(ledger, position * Float64Array.BYTES_PER_ELEMENT, COLUMNS)
}

/** The sums of a structure's columns over all threads. */
export function sumsOf(ledger, slots, structure, structures) {
  const sums = { begun: 0, confirmed: 0 }
  for (let slot = 0; slot < slots; slot++) {
    const columns = columnsOf(ledger, slot, structure, structures)
    sums.begun += columns[Column.begun]
    sums.confirmed += columns[Column.confirmed]
  }
  return sums
}

/** What the ledger and the structure say, as a row of a table. */
export function verdictOf({ name }, { begun, confirmed }, total) {
  const right = total >= confirmed && total <= begun
  return { structure: name, confirmed, total, 'in flight': begun - confirmed, right }
}
