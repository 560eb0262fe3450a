/**
 * The page that `rseq report` writes, in Markdown.
 *
 * @module
 */
import type { Info, Verification } from '../../index.js'
import { jsonText } from '../../core/printable.js'
import { NAMES, factorText, nsText } from '../demo/cost.js'
import type { CostResult, DemoResults, RecorderResult, TotalsResult } from '../demo/results.js'
import { findings } from '../findings.js'
import { counted, grouped } from '../text.js'

/** What a report is made of. */
export interface ReportData {
  readonly version: string
  /** The day, as YYYY-MM-DD. */
  readonly date: string
  readonly machine: {
    readonly processor: string
    readonly cpus: number
    readonly memory: number
    readonly info: Info
  }
  readonly proof: Verification
  readonly demo: DemoResults
}

type Row = readonly (string | number)[]

/** A cell must not end its row, nor be markup. */
const cell = (value: string | number): string =>
  String(value)
    .replace(/\s+/g, ' ')
    .replace(/[|<>\\]/g, '\\$&')
const line = (row: Row): string => `| ${row.map(cell).join(' | ')} |`

function table(head: Row, rows: readonly Row[]): string {
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

const GIB = 2 ** 30

function machine({ processor, cpus, memory, info }: ReportData['machine']): string {
  return table(
    ['', ''],
    [
      ['processor', processor],
      ['CPUs', cpus === info.possibleCpus ? cpus : `${cpus}, of ${info.possibleCpus} possible`],
      ['memory', `${Math.round(memory / GIB)} GiB`],
      ['system', [info.platform, info.kernel, info.libc].filter((part) => part !== '').join(', ')],
      ['runtime', `${info.runtime} ${info.runtimeVersion}`],
      ['backend', info.reason === null ? info.backend : `${info.backend}: ${info.reason}`],
      ['tier', info.tier],
      ['shared memory', info.sharing ?? 'none'],
      ['registered by', info.area === null ? info.registration : `${info.registration} (${info.area.mode})`],
      ['self-test', info.selfTest],
    ],
  )
}

function proof(seen: Verification, { backend }: Info): string {
  const verdict = seen.passed
    ? '**passed**'
    : backend === 'portable'
      ? `not run: ${seen.reason ?? ''}`
      : `**failed**: ${seen.reason ?? ''}`
  const rows = findings(seen)
  return rows.length === 0 ? verdict : `${verdict}\n\n${table(['', ''], rows)}`
}

function totals(what: string, result: TotalsResult | { skipped: string } | null): Row {
  if (result === null) return [what, 'not run', '', '', '']
  if ('skipped' in result) return [what, `skipped: ${result.skipped}`, '', '', '']
  const { exact, kills, total, lost } = result
  return [what, exact ? 'exact' : 'WRONG', grouped(kills), grouped(total), grouped(lost.plain)]
}

const nameOf = (way: string): string => (NAMES as Readonly<Record<string, string>>)[way] ?? way

function costs(cost: CostResult | null): string {
  if (cost === null) return 'not run'
  const [own] = cost.rows
  const rows = cost.rows.map((row): Row => {
    const factor = own === undefined || row === own ? '' : factorText(row.threads, own.threads)
    return [nameOf(row.name), nsText(row.oneThread), nsText(row.threads), factor]
  })
  const remark = `CPU time of an update: medians of ${counted(cost.rounds, 'round')}; threads had ${Math.round(100 * cost.coverage)} % of their CPUs' time.`
  return `${table(['', 'one thread', `${cost.threads} threads`, 'to the first row'], rows)}\n\n${remark}`
}

function recorder(result: RecorderResult | null): string {
  if (result === null) return 'not run'
  const verdict = result.complete ? 'complete' : 'INCOMPLETE'
  return `${verdict}: the ${result.killed} had recorded ${counted(result.confirmed, 'event')}; the newest that was read has number ${result.newest}, ${counted(result.gaps, 'gap')}.`
}

/** Whether all that ran was right. */
export function isRight({ proof: seen, machine: { info }, demo }: ReportData): boolean {
  return demo.passed && (seen.passed || info.backend === 'portable')
}

/** The page. */
export function pageOf(data: ReportData): string {
  const { version, date, demo } = data
  const parts = [
    `# rseq ${version} on ${data.machine.cpus} CPUs`,
    `Written by \`npx rseq report\` on ${date}. It has no name of a host or a user, and no path. Everything was run on this machine: ${isRight(data) ? 'all was right' : '**something was wrong**'}.`,
    `## Machine\n\n${machine(data.machine)}`,
    `## Proof\n\nSections that are interrupted by signals and by the scheduler: ${proof(data.proof, data.machine.info)}`,
    `## Totals while threads and processes are killed\n\n${table(
      ['', 'total', 'kills', 'additions', 'a plain variable lost'],
      [totals('threads', demo.threads), totals('processes', demo.processes)],
    )}`,
    `## What an update costs\n\n${costs(demo.cost)}`,
    `## A recorder after a crash\n\n${recorder(demo.recorder)}`,
    `## The same for programs\n\n\`\`\`json\n${jsonText(data, 2)}\n\`\`\``,
  ]
  return `${parts.join('\n\n')}\n`
}
