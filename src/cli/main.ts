#!/usr/bin/env node
/**
 * The command `rseq`, which runs its subcommands.
 *
 * @module
 */
import { createRequire } from 'node:module'
import { Command } from 'commander'
import { addBuild } from './build.js'
import { addDemo } from './demo.js'
import { addDump } from './dump.js'
import { addInfo } from './info.js'
import { addLs } from './ls.js'
import { addMetrics } from './metrics.js'
import { addReport } from './report.js'
import { addRm } from './rm.js'
import { complain } from './text.js'
import { addTop } from './top.js'
import { addTrace } from './trace.js'
import { addVerify } from './verify.js'

const EXAMPLES = `
Examples:
  rseq demo                     see it for yourself: exact totals under kills, costs, a recorder after a crash
  rseq info                     is this machine using restartable sequences, and if not, why?
  rseq verify                   show that a section is aborted and no update is lost
  rseq report                   write a page about proof and costs on this machine, to be sent in
  rseq build                    compile the native library where no binary fits
  rseq ls shop                  list the objects and the processes of a service of rseq/shared
  rseq dump shop/log --follow   print the records of its ring as they come
  rseq top shop                 show them live, in the terminal
  rseq top shop --web           show them live, as a page with charts
  rseq metrics shop             serve its metrics to Prometheus, from outside its processes
  rseq trace export shop out    write the events of its traces for babeltrace2 (or Perfetto, Chrome, JSON)
  rseq rm shop                  remove the files of a service that no process uses

Exit status: 0 if all is well, 1 if not: a failed proof, a failed build, a bad argument.
`

// It is no error if the reader of the output closes the pipe early, as in `rseq info | head -1`, or if the terminal is closed.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE' || error.code === 'EIO') process.exit()
  throw error
})

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string }

const program = new Command('rseq')
  .description('Per-CPU data for worker threads, on Linux restartable sequences.')
  .version(version)
  .showHelpAfterError('(rseq --help shows what there is)')
  .addHelpText('after', EXAMPLES)

addDemo(program)
addInfo(program)
addVerify(program)
addReport(program)
addBuild(program)
addLs(program)
addDump(program)
addTop(program)
addMetrics(program)
addTrace(program)
addRm(program)

try {
  await program.parseAsync()
} catch (error) {
  complain(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}
