/**
 * `rseq report` runs the proof and the demo's measurements on the reader's own machine, and writes a page that can be sent in.
 *
 * @module
 */
import type { Command } from 'commander'
import type { ReportOptions } from './report/run.js'
import { wholeNumber } from './whole-number.js'

const USUAL_SECONDS = 60
const MOST_SECONDS = 3600

async function run(options: ReportOptions): Promise<void> {
  const { runReport } = await import('./report/run.js')
  await runReport(options)
}

export function addReport(program: Command): void {
  program
    .command('report')
    .description('write a page about proof and costs on this machine, without names and paths, to be sent in')
    .option('--seconds <n>', 'how long in all', wholeNumber(1, MOST_SECONDS), USUAL_SECONDS)
    .option('--output <file>', 'where to write it; - is the standard output', 'rseq-report.md')
    .action(run)
}
