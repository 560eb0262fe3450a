// Formats the results as text for a terminal.
import { styleText } from 'node:util'

/** Returns lines of aligned columns. The first column is aligned left, the others right. */
function table(head, lines) {
  const all = [head, ...lines]
  const widths = head.map((_, column) => Math.max(...all.map((line) => line[column].length)))
  const format = (line) =>
    line
      .map((text, column) => (column === 0 ? text.padEnd(widths[0]) : text.padStart(widths[column])))
      .join('  ')
      .trimEnd()
  return [styleText('bold', format(head)), ...lines.map(format)].join('\n')
}

/** Formats a number with three significant digits. */
function figure(value) {
  if (!Number.isFinite(value)) return '-'
  if (value >= 100) return value.toFixed(0)
  return value.toFixed(value >= 10 ? 1 : 2)
}

function machineLine({ node, cpu, cpus, kernel, libc }) {
  return `Node ${node.slice(1)}, ${cpus} CPUs (${cpu}), Linux ${kernel}, ${libc}`
}

function aloneTable(contenders) {
  const lines = contenders.map(({ title, results }) => {
    const { cost, throughput } = results[0]
    return [title, ...[cost.median, cost.least, cost.p90, 1000 * throughput].map(figure)]
  })
  return table(['One thread, ns', 'median', 'least', 'p90', 'M/s'], lines)
}

/** Returns a table of cost and throughput for each number of workers. */
function togetherTable(contenders, counts) {
  const cells = (results, value) =>
    counts.map((count) => {
      const found = results.find(({ workers }) => workers === count)
      return found === undefined ? '-' : figure(value(found))
    })
  const heads = (unit) => counts.map((count) => `${count} ${unit}`)
  const lines = contenders.map(({ title, results }) => [
    title,
    ...cells(results, ({ cost }) => cost.median),
    ...cells(results, ({ throughput }) => 1000 * throughput),
  ])
  return table(['Workers at once: ns of CPU time, M/s', ...heads('ns'), ...heads('M/s')], lines)
}

function occasionalTable(calls) {
  const lines = calls.map(({ title, median, p99 }) => [title, figure(median), figure(p99)])
  return table(['Now and then, µs', 'median', 'p99'], lines)
}

function verdictTable(verdicts) {
  const exact = (value) => (value >= 100 ? value.toFixed(0) : value.toFixed(3))
  const lines = verdicts.map(({ title, most, least, measured, isHeld }) => [
    title,
    most === undefined ? `>= ${exact(least)}` : `<= ${exact(most)}`,
    exact(measured.median),
    `${exact(measured.least)} - ${exact(measured.p90)}`,
    isHeld ? 'held' : 'MISSED',
  ])
  return table(['To reach', 'bound', 'measured', 'least - p90', ''], lines)
}

/** Returns the report of all results. */
export function textOf({ machine, rounds, slowRounds, seconds, contenders, occasional, verdicts }) {
  const counts = [...new Set(contenders.flatMap(({ results }) => results.map(({ workers }) => workers)))]
  const together = contenders.filter(({ results }) => results.length > 1)
  const parts = [machineLine(machine)]
  const alone = contenders.filter(({ results }) => results[0].workers === 1)
  if (alone.length > 0) parts.push(aloneTable(alone))
  if (together.length > 0)
    parts.push(
      togetherTable(
        together,
        counts.sort((a, b) => a - b),
      ),
    )
  if (occasional.length > 0) parts.push(occasionalTable(occasional))
  if (verdicts.length > 0) parts.push(verdictTable(verdicts))
  const slow = slowRounds === 0 ? '' : `; the CPU was slow in ${slowRounds} of them`
  parts.push(`${rounds} rounds in ${seconds.toFixed(0)} s${slow}`)
  return parts.join('\n\n')
}
