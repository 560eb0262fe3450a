// Compares the rows with the measurements.
import { rows } from './rows.mjs'
import { spread } from './statistics.mjs'

/** Makes the functions that a row's value calls. They read the samples that `read(name, workers)` returns. */
function readersBy(read) {
  const reader =
    (field) =>
    (name, workers = 1) =>
      read(name, workers)[field]
  return { cost: reader('cost'), throughput: reader('throughput'), fastShare: reader('fastShare') }
}

/** Returns the contenders that the rows read, each with only those numbers of workers that the rows read. */
export function contendersOfRows(contenders) {
  const read = new Map()
  const note = (name, workers) => {
    read.set(name, new Set(read.get(name)).add(workers))
    return { cost: 1, throughput: 1, fastShare: 1 }
  }
  for (const row of rows) row.value(readersBy(note))
  return contenders
    .filter(({ name }) => read.has(name))
    .map((contender) => ({
      ...contender,
      workers: contender.workers.filter((n) => read.get(contender.name).has(n)),
    }))
}

/** Returns the value of a row in each round that has undisturbed samples of all contenders of the row. */
function valuesOf(row, samples, rounds) {
  const values = []
  for (let round = 0; round < rounds; round++) {
    let isComplete = true
    const value = row.value(
      readersBy((name, workers) => {
        const sample = samples.in(round, name, workers)
        if (!sample) isComplete = false
        return sample ?? {}
      }),
    )
    if (isComplete) values.push(value)
  }
  return values
}

/** Returns each row that was measured, with the spread of its value and whether the bound is held. */
export function judge({ samples, rounds }) {
  return rows
    .map((row) => {
      const measured = spread(valuesOf(row, samples, rounds))
      const isHeld = row.most !== undefined ? measured.median <= row.most : measured.median >= row.least
      return { title: row.title, most: row.most, least: row.least, measured, isHeld }
    })
    .filter((row) => row.measured.count > 0)
}
