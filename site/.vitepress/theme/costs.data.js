// The costs of the front page: rows of tables of docs/performance.md.
import { readFileSync } from 'node:fs'

/** What is shown: the heading of a table, its column, and rows with what they are called here. The first row is this library's. */
const SHOWN = [
  {
    caption: 'One increment, eight workers on two CPUs',
    heading: 'Several workers on two CPUs',
    column: '8',
    rows: {
      'counter.add(1)': 'counter.add(1)',
      'Atomics.add, Int32, the word of cpuId()': 'Atomics.add, a word for each CPU',
      'counter.add(1), portable tier': 'counter.add(1), portable backend',
      'Atomics.add, Int32, one word': 'Atomics.add, one word',
    },
  },
  {
    caption: 'One increment with two labels',
    heading: 'One thread',
    column: 'median',
    rows: {
      'labels({ 2 labels }).inc()': 'rseq/metrics',
      'prom-client: counter.inc({ 2 labels })': 'prom-client, for one thread alone',
      'OpenTelemetry: counter.add(1, { 2 attributes })': 'OpenTelemetry, for one thread alone',
    },
  },
]

/** The numbers of a column, by the first cell of their rows. */
function columnOf(text, heading, column) {
  const [, table] = new RegExp(`^## ${heading}$.*?(^\\|.*?)\\n\\n`, 'ms').exec(text)
  const rows = table.split('\n').map((line) => line.split('|').map((cell) => cell.trim()))
  const index = rows[0].indexOf(column)
  return new Map(rows.map((cells) => [cells[1], Number(cells[index])]))
}

export default {
  watch: ['../../../docs/performance.md'],
  load([file]) {
    const text = readFileSync(file, 'utf8')
    return SHOWN.map(({ caption, heading, column, rows }) => {
      const numbers = columnOf(text, heading, column)
      const costs = Object.entries(rows).map(([row, name]) => {
        const nanoseconds = numbers.get(row)
        if (!(nanoseconds > 0)) throw new Error(`docs/performance.md has no row "${row}" below "${heading}"`)
        return { name, nanoseconds }
      })
      return { caption, costs }
    })
  },
}
