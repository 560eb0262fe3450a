/**
 * `rseq info` shows which backend runs on this machine and why, and tells the user how to get a better one.
 *
 * @module
 */
import type { Command } from 'commander'
import type { Info } from '../index.js'
import { areaRows, ownerRow } from './registration.js'
import { type Style, styleOf } from './style.js'
import { grouped, table } from './text.js'

const BACKENDS: Record<Info['backend'], string> = {
  native: 'updates are restartable sequences on the shard of the CPU they run on',
  portable: 'updates are Atomics, on a shard of each thread',
}

const TIERS: Record<Info['tier'], string> = {
  fast: 'an update is a V8 fast call',
  napi: 'an update is a Node-API call',
  portable: 'an update is plain JavaScript',
}

const RUNTIMES: Record<Info['runtime'], string> = { node: 'Node', bun: 'Bun', deno: 'Deno' }

const SELF_TESTS: Record<Info['selfTest'], string> = {
  'not needed': 'not needed here: npx rseq verify runs it',
  passed: 'passed: the kernel aborts sections as it should',
  failed: 'failed: no sections run in this process',
}

/** Advice on how to avoid a fallback. The first entry whose pattern matches the reason of the fallback applies. */
const REMEDIES: readonly (readonly [reason: RegExp, remedy: string])[] = [
  [
    /^RSEQ_(BACKEND|TIER)=/,
    'An environment variable asks for it: unset that variable to get the best that this machine has.',
  ],
  [/loading addons is disabled/, 'Let Node load addons: --allow-addons, beside --permission.'],
  [
    /Requires ffi access/,
    'Let Deno load addons: --allow-ffi, and --allow-read for the files of the package.',
  ],
  [/^rseq: no native library/, 'Build it with the command above, or install where there is a binary for it.'],
  [/ENOSYS/, 'Run Linux 4.18 or later with CONFIG_RSEQ, not under user-mode emulation.'],
  [/self-test/, 'Update the kernel: see npx rseq verify. Linux 7.1 aborts sections on arm64 again.'],
  [/EPERM|EACCES/, 'A sandbox refuses the call: let its seccomp profile allow rseq(2).'],
  [/sequences are not available/, 'Run on Linux on x64, arm64 or ppc64.'],
]

const NO_HARM = 'All results are the same; only the speed differs.'

function remedyFor(reason: string): string {
  const remedy = REMEDIES.find(([pattern]) => pattern.test(reason))?.[1]
  return remedy === undefined ? NO_HARM : `${remedy} ${NO_HARM}`
}

function report(seen: Info, style: Style): string {
  const { features } = seen
  const field = (has: boolean, without: string): string => (has ? 'one load, no call' : without)
  const rows: [string, string][] = [
    ['backend', `${style.bold(seen.backend)}: ${BACKENDS[seen.backend]}`],
    ['tier', `${style.bold(seen.tier)}: ${TIERS[seen.tier]}`],
  ]
  if (seen.reason !== null) rows.push(['why', seen.reason], ['what to do', remedyFor(seen.reason)])
  rows.push(['self-test', SELF_TESTS[seen.selfTest]])
  rows.push(ownerRow(seen, style))
  if (seen.backend === 'native') {
    rows.push(
      ...areaRows(seen, style),
      ['cpuId()', field(features.cpuId, 'a system call')],
      ['numaNode()', field(features.numaNode, 'a system call: the kernel is older than 6.3')],
      ['concurrencyId()', field(features.concurrencyId, 'the CPU instead: the kernel is older than 6.3')],
      ['membarrier', features.membarrier.join(', ') || 'none: the kernel lacks that system call'],
    )
  }
  rows.push(['possible CPUs', `${grouped(seen.possibleCpus)}: a new counter has a shard for each`])
  const system = [
    seen.platform,
    seen.kernel && `kernel ${seen.kernel}`,
    seen.libc,
    `${RUNTIMES[seen.runtime]} ${seen.runtimeVersion}`,
  ]
  rows.push(['system', system.filter((part) => part !== '').join(', ')])
  return table(rows)
}

async function run(options: { json?: true }): Promise<void> {
  // Imported only when the command runs, so that `--help` works without the native library.
  const { info } = await import('../index.js')
  const seen = info()
  console.log(options.json ? JSON.stringify(seen, null, 2) : report(seen, styleOf(process.stdout)))
}

export function addInfo(program: Command): void {
  program
    .command('info')
    .description('show which backend runs here, what the kernel gives, and the reason for a fallback')
    .option('--json', 'print what info() returns, as JSON')
    .action(run)
}
