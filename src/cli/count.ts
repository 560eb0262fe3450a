/**
 * `rseq count`: the arguments of the main job.
 *
 * @module
 */
import { availableParallelism } from 'node:os'
import { type Command, InvalidArgumentError } from 'commander'
import type { CountOptions } from './count/run.js'

const MOST_WORKERS = 1024

function parseWorkers(text: string): number {
  const workers = /^\d+$/.test(text) ? Number(text) : NaN
  if (workers >= 1 && workers <= MOST_WORKERS) return workers
  throw new InvalidArgumentError(`Expected an integer from 1 to ${MOST_WORKERS}.`)
}

async function run(operands: string[], options: CountOptions): Promise<void> {
  // Only here: help must not depend on the native library.
  const job = await import('./count/run.js')
  await job.run(operands, options)
}

export function addCount(program: Command): void {
  program
    .command('count')
    .description('count lines, words and bytes as wc does, with worker threads and per-CPU counters')
    .argument('<file|directory...>', 'what to count; directories with all regular files in them')
    .option('--workers <n>', 'how many worker threads', parseWorkers, availableParallelism())
    .option('--json', 'print the result as JSON')
    .option('--check', 'compare with wc over the same files; exit status 1 if it differs')
    .action(run)
}
