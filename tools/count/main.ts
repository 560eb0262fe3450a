/**
 * The main job, `npm start`: its arguments. Counts lines, words and bytes as `wc` does, with worker threads that add
 * to shared per-CPU counters.
 *
 * @module
 */
import { availableParallelism } from 'node:os'
import { Command, InvalidArgumentError } from 'commander'
import { type CountOptions, run } from './run.js'

const MOST_WORKERS = 1024

function parseWorkers(text: string): number {
  const workers = /^\d+$/.test(text) ? Number(text) : NaN
  if (workers >= 1 && workers <= MOST_WORKERS) return workers
  throw new InvalidArgumentError(`Expected an integer from 1 to ${MOST_WORKERS}.`)
}

// A reader may end before the output does, as in `npm run count -- src | head -1`: that is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit()
  throw error
})

const program = new Command('count')
  .description('Counts lines, words and bytes as wc does, with worker threads and per-CPU counters.')
  .argument('<file|directory...>', 'what to count; of a directory, all regular files in it at any depth')
  .option('--workers <n>', 'how many worker threads', parseWorkers, availableParallelism())
  .option('--json', 'print the result as JSON')
  .option('--check', 'compare with wc over the same files; exit status 1 if it differs')
  .showHelpAfterError('(--help shows the options)')
  .action((operands: string[], options: CountOptions) => run(operands, options))

try {
  await program.parseAsync()
} catch (error) {
  console.error(`count: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}
