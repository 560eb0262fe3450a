/**
 * `rseq demo` shows on the reader's own machine what the library promises: totals that stay exact while threads and processes are
 * killed, what an update costs, and a recorder that survives a crash.
 *
 * @module
 */
import { type Command, Option } from 'commander'
import { SHM } from '../core/service-files.js'
import { type DemoOptions, PARTS } from './demo/options.js'
import { wholeNumber } from './whole-number.js'

const USUAL_SECONDS = 60
const MOST_SECONDS = 3600

async function run(options: DemoOptions): Promise<void> {
  const { runDemo } = await import('./demo/run.js')
  await runDemo(options)
}

export function addDemo(program: Command): void {
  program
    .command('demo')
    .description(
      'see it for yourself, in a minute: exact totals under kills, costs, a recorder after a crash',
    )
    .option(
      '--seconds <n>',
      'how long in all; each part runs at least once',
      wholeNumber(1, MOST_SECONDS),
      USUAL_SECONDS,
    )
    .addOption(new Option('--only <part>', 'show this part alone, for all of the time').choices(PARTS))
    .option('--directory <path>', 'where processes share memory: a directory on tmpfs', SHM)
    .option('--json', 'print what was found, as JSON, and nothing else')
    .option('--no-color', 'plain lines, as where the output is no terminal')
    .action(run)
}
