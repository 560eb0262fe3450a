#!/usr/bin/env node
/**
 * The command `rseq`: puts its subcommands together.
 *
 * @module
 */
import { createRequire } from 'node:module'
import { Command } from 'commander'
import { addBuild } from './build.js'
import { addCount } from './count.js'
import { addInfo } from './info.js'
import { addLint } from './lint.js'
import { addVerify } from './verify.js'

const EXAMPLES = `
Examples:
  rseq info                     is this machine using restartable sequences, and if not, why?
  rseq verify                   show that a section is aborted and no update is lost
  rseq count src README.md      lines, words and bytes, counted by worker threads
  rseq lint my-addon.node       check the critical sections in a binary, for any architecture

Exit status: 0 if all is well, 1 if not: a failed proof, a file that could not be read, a bad argument.
`

// A reader that has seen enough, as in rseq info | head -1, is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit()
  throw error
})

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string }

const program = new Command('rseq')
  .description('Per-CPU data for worker threads, on Linux restartable sequences.')
  .version(version)
  .showHelpAfterError('(rseq --help shows what there is)')
  .addHelpText('after', EXAMPLES)

addInfo(program)
addVerify(program)
addCount(program)
addLint(program)
addBuild(program)

try {
  await program.parseAsync()
} catch (error) {
  console.error(`rseq: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}
