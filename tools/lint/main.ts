#!/usr/bin/env node
/**
 * `rseq-lint FILE...`: the linter on the command line. In a clone: `npm run lint:sections -- FILE...`.
 *
 * @module
 */
import { Command } from 'commander'
import { LintError, type LintReport, hex, lintFile } from './lint.js'
import { type Colours, colours, counted, printableName } from '../text.js'

interface Outcome {
  readonly file: string
  readonly report?: LintReport
  readonly error?: string
}

function lint(file: string): Outcome {
  try {
    return { file, report: lintFile(file) }
  } catch (error) {
    if (!(error instanceof LintError)) throw error
    return { file, error: error.message }
  }
}

function text(file: string, { architecture, sections, findings }: LintReport, style: Colours): string {
  const width = Math.max(...sections.map(({ name }) => printableName(name).length))
  const lines = [
    `${style.bold(printableName(file))} (${architecture})`,
    ...sections.map((section) => {
      const size = `${counted(section.instructions, 'instruction')}, ${counted(section.exits.length, 'exit')}`
      const verdict =
        section.findings === 0 ? style.green('ok') : style.red(counted(section.findings, 'finding'))
      return `  ${printableName(section.name).padEnd(width)}  ${size.padEnd(25)}  ${verdict}`
    }),
    ...findings.map(
      ({ section, address, rule, message }) =>
        `  ${printableName(section)} at ${hex(address)}: ${style.red(rule)}: ${message}`,
    ),
    `  ${counted(sections.length, 'section')}, ${counted(findings.length, 'finding')}`,
  ]
  return lines.join('\n')
}

/** The exit status: 2 if a file could not be checked, 1 if the linter has findings, and 0 otherwise. */
function exitCode(outcomes: readonly Outcome[]): number {
  if (outcomes.some(({ error }) => error !== undefined)) return 2
  return outcomes.some(({ report }) => report !== undefined && report.findings.length > 0) ? 1 : 0
}

function run(files: readonly string[], { json }: { json?: true }): void {
  const outcomes = files.map(lint)
  if (json) console.log(JSON.stringify(outcomes, null, 2))
  else
    for (const { file, report, error } of outcomes)
      if (report !== undefined) console.log(text(file, report, colours(process.stdout)))
      else console.error(`rseq-lint: ${printableName(file)} ${error ?? ''}`)
  process.exitCode = exitCode(outcomes)
}

new Command('rseq-lint')
  .description(
    'Checks the critical sections of binaries: addons, shared objects, executables; of any architecture.',
  )
  .argument('<file...>', 'ELF files for x86-64, arm64 or ppc64le')
  .option('--json', 'print one JSON array instead of text')
  .addHelpText('after', '\nExit status: 0 no findings, 1 findings, 2 a file could not be checked.')
  .action(run)
  .parse()
