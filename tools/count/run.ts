/**
 * The main job: lists the files, lets workers count them with shared per-CPU counters, and prints the
 * result.
 *
 * @module
 */
import { PerCpuCounterArray, info } from 'rseq'
import { colours, printableName } from '../text.js'
import { describe } from './summary.js'
import { type WordRule, ruleOfEnvironment } from './characters.js'
import { type Failure, type FileList, listFiles } from './files.js'
import { ELEMENTS, Element } from './job.js'
import type { Check, Outcome, Share } from './outcome.js'
import { runWorkers } from './pool.js'
import { showProgress } from './progress.js'
import { type Totals, type WcRule, askWc, countByWc, sameTotals } from './wc.js'

export interface CountOptions {
  workers: number
  json?: true
  check?: true
}

function totalsIn(counters: PerCpuCounterArray): Totals {
  return {
    lines: counters.get(Element.lines),
    words: counters.get(Element.words),
    bytes: counters.get(Element.bytes),
  }
}

/** Returns the counts of each shard that is not empty. */
function sharesOf(counters: PerCpuCounterArray): Share[] {
  const [lines, words, bytes, files] = [Element.lines, Element.words, Element.bytes, Element.files].map(
    (element) => [...counters.perCpu(element), counters.overflow(element)],
  ) as [number[], number[], number[], number[]]
  const shares = lines.map((_, shard) => ({
    cpu: shard < lines.length - 1 ? shard : null,
    lines: lines[shard] ?? 0,
    words: words[shard] ?? 0,
    bytes: bytes[shard] ?? 0,
    files: files[shard] ?? 0,
  }))
  return shares.filter((share) => share.files !== 0 || share.bytes !== 0)
}

/** Compares the totals with those of `wc` for these files. */
async function check(asked: WcRule, paths: () => Iterable<Buffer>, ours: Totals): Promise<Check> {
  if (!asked.found) return { equal: false, wc: null, reason: 'there is no wc on this machine' }
  const { totals, complaint } = await countByWc(paths)
  if (totals === null || complaint !== '') {
    return { equal: false, wc: totals, reason: complaint || 'wc printed no totals' }
  }
  if (sameTotals(totals, ours)) return { equal: true, wc: totals, reason: null }
  const why = asked.rule === null ? '; this wc tells words by a rule that is not known here' : ''
  return { equal: false, wc: totals, reason: `the totals differ${why}` }
}

interface Counting {
  counters: PerCpuCounterArray
  /** Indexes of files that could not be counted. */
  failed: Set<number>
  workers: number
  seconds: number
}

/** Lets the workers count the files. */
async function countFiles(
  files: FileList,
  wanted: number,
  rule: WordRule,
  failures: Failure[],
): Promise<Counting> {
  const counters = new PerCpuCounterArray(ELEMENTS)
  const failed = new Set<number>()
  const workers = Math.min(wanted, files.length)
  const cursor = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)
  const started = performance.now()
  const stopProgress = showProgress(counters, files.length)
  try {
    await runWorkers(
      workers,
      { counters: counters.buffer, files: files.shared, cursor, rule },
      ({ file, reason }) => {
        failed.add(file)
        failures.push({ path: files.path(file).toString(), reason })
      },
    )
  } finally {
    stopProgress()
  }
  return { counters, failed, workers, seconds: (performance.now() - started) / 1000 }
}

/** Counts the files that the operands name, prints the result, and sets the exit status. */
export async function run(operands: readonly string[], options: CountOptions): Promise<void> {
  const failures: Failure[] = []
  const asked = askWc()
  const files = listFiles(operands, failures)
  const { counters, failed, workers, seconds } = await countFiles(
    files,
    options.workers,
    asked.rule ?? ruleOfEnvironment(process.env),
    failures,
  )
  for (const { path, reason } of failures) console.error(`count: ${printableName(path)}: ${reason}`)

  const totals = totalsIn(counters)
  function* countedPaths(): Generator<Buffer> {
    for (let file = 0; file < files.length; file++) if (!failed.has(file)) yield files.path(file)
  }
  const { backend, tier } = info()
  const outcome: Outcome = {
    ...totals,
    files: counters.get(Element.files),
    seconds,
    workers,
    backend,
    tier,
    shares: sharesOf(counters),
    failures,
    check: options.check ? await check(asked, countedPaths, totals) : null,
  }
  console.log(options.json ? JSON.stringify(outcome, null, 2) : describe(outcome, colours(process.stdout)))
  if (failures.length > 0 || outcome.check?.equal === false) process.exitCode = 1
}
