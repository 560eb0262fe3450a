/**
 * `rseq verify` tests on this machine that the kernel aborts sections and that totals are exact.
 *
 * @module
 */
import type { Command } from 'commander'
import type { Verification } from '../index.js'
import { type Style, styleOf } from './style.js'
import { counted, grouped, table } from './text.js'

/** Makes a row for each part of the test that ran. */
export function findings(seen: Verification): [string, string][] {
  const rows: [string, string][] = []
  if (seen.signals > 0) {
    const signals = `${grouped(seen.signalAborts)} of ${grouped(seen.signals)} aborted the section they arrived in`
    rows.push(['signals', `${signals}: the kernel sent it to its abort handler before it could commit`])
  }
  if (seen.preemptionTries > 0) {
    const preempted = `${grouped(seen.preemptionAborts)} of ${grouped(seen.preemptionTries)}`
    rows.push([
      'preemption',
      `${preempted} sections longer than a time slice were aborted on CPU ${seen.cpu}`,
    ])
  }
  if (seen.expected > 0) {
    const additions = `${grouped(seen.expected)} additions by two threads pinned to one CPU made a total of`
    const repeated = `${counted(seen.aborts, 'abort')}, each repeated`
    rows.push(['sections', `${additions} ${grouped(seen.counted)}: ${verdict(seen)}; ${repeated}`])
  }
  if (seen.controlExpected > 0) {
    const lost = seen.controlExpected - seen.controlCounted
    const control = `the control, a plain load and store, lost ${grouped(lost)} of ${grouped(seen.controlExpected)}`
    rows.push(['control', `${control}: this is what the sections prevent`])
  }
  return rows
}

function verdict(seen: Verification): string {
  return seen.counted === seen.expected ? 'exact' : `${grouped(seen.expected - seen.counted)} lost`
}

function report(seen: Verification, style: Style): string {
  const rows = findings(seen)
  const conclusion = seen.passed
    ? style.green('passed: totals are exact here, even if an update is interrupted')
    : style.red(`failed: ${seen.reason ?? 'no reason known'}`)
  return rows.length === 0 ? conclusion : `${table(rows)}\n\n${conclusion}`
}

async function run(options: { json?: true }): Promise<void> {
  // Imported only when the command runs, so that `--help` works without the native library.
  const { verify } = await import('../index.js')
  const seen = verify()
  console.log(options.json ? JSON.stringify(seen, null, 2) : report(seen, styleOf(process.stdout)))
  if (!seen.passed) process.exitCode = 1
}

export function addVerify(program: Command): void {
  program
    .command('verify')
    .description('prove, here and now, that signals and preemption abort sections and totals are exact')
    .option('--json', 'print what verify() returns, as JSON')
    .action(run)
}
