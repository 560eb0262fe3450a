// The report that is printed and written at the end.
import { writeFileSync } from 'node:fs'

function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]))
      .join('  ')
      .trimEnd(),
  )
}

const count = (results, passed) => results.filter((result) => result.passed === passed).length
const detailOf = (outcome, name) => outcome.results.find((result) => result.name === name)?.detail ?? ''

/** One line for each machine that was booted, then every failure, then the totals. */
export function summary(outcomes) {
  const head = ['machine', 'kernel', 'passed', 'failed', 'init', 'total']
  const rows = outcomes.map((outcome) => {
    const at = outcome.results.find(({ name }) => name === 'boot')?.at
    return [
      outcome.name,
      detailOf(outcome, 'boot').replace(/^Linux /, ''),
      String(count(outcome.results, true)),
      String(count(outcome.results, false)),
      typeof at === 'number' ? `${at.toFixed(1)} s` : '-',
      `${outcome.seconds.toFixed(1)} s`,
    ]
  })
  const failures = outcomes.flatMap((outcome) =>
    outcome.results
      .filter(({ passed }) => !passed)
      .map(({ name, detail }) => `FAILED ${outcome.name}: ${name}: ${detail}`),
  )
  const all = outcomes.flatMap(({ results }) => results)
  return [
    ...table([head, ...rows]),
    ...(failures.length > 0 ? ['', ...failures] : []),
    '',
    `${count(all, true)} passed, ${count(all, false)} failed`,
  ].join('\n')
}

/** The exit status: 0 if all passed, 1 if something failed, 2 if the only failures were downloads that were not available. */
export function exitStatus(outcomes) {
  const failed = outcomes.filter(({ results }) => !results.every(({ passed }) => passed))
  if (failed.length === 0) return 0
  return failed.every(({ isUnavailable }) => isUnavailable === true) ? 2 : 1
}

export function writeJson(file, outcomes, steps) {
  const all = outcomes.flatMap(({ results }) => results)
  const report = { passed: count(all, true), failed: count(all, false), machines: outcomes, steps }
  writeFileSync(file, JSON.stringify(report, null, 2) + '\n')
}
