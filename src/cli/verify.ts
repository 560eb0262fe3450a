/**
 * `rseq verify` tests on this machine that the kernel aborts sections and that totals are exact.
 *
 * @module
 */
import type { Command } from 'commander'
import type { Verification } from '../index.js'
import { findings } from './findings.js'
import { type Style, styleOf } from './style.js'
import { table } from './text.js'

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
