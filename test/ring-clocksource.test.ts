/**
 * Rings on a machine whose kernel does not trust the CPU's counter: another clocksource, in a mount namespace of the
 * process's own.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { CLOCKSOURCE, timeBytes } from './support/record-time.js'

const temporary = mkdtempSync(join(tmpdir(), 'rseq-clocksource-'))
afterAll(() => {
  rmSync(temporary, { recursive: true })
})

const PROGRAM = join(import.meta.dirname, 'support/programs/ring-clocksource.mjs')

interface Result {
  backend: 'native' | 'portable'
  source: string
  fitting: number[]
  order: boolean
  inTime: boolean
  again: number
}

/** A CPU that this process may run on. */
function firstCpu(): string {
  return /Cpus_allowed_list:\s*(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'
}

function runWith(name: string): Result | null {
  const file = join(temporary, 'clocksource')
  writeFileSync(file, `${name}\n`)
  const script = 'mount --bind "$1" "$2" && exec taskset -c "$3" "$4" "$5"'
  const { status, stdout, stderr } = spawnSync(
    'unshare',
    ['-Urm', 'sh', '-c', script, 'sh', file, CLOCKSOURCE, firstCpu(), process.execPath, PROGRAM],
    { encoding: 'utf8' },
  )
  if (status !== 0 && /unshare|mount/.test(stderr)) return null
  if (status !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as Result
}

test.for(['hpet', 'tsc', 'arch_sys_counter', 'timebase'])(
  'records are in order and in time with %s',
  (name, { skip }) => {
    const seen = process.platform === 'linux' ? runWith(name) : null
    if (seen === null) {
      skip('no user namespace, or no clocksource')
      return
    }
    expect(seen).toMatchObject({ source: name, order: true, inTime: true, again: 0 })
    // A record takes 24 bytes and its own, and 8 for a time of its own.
    const time = timeBytes(name, seen.backend)
    const fitting = [0, 1, 8, 64].map((length) =>
      Math.floor(4096 / (24 + Math.ceil((length + time) / 8) * 8)),
    )
    expect(seen.fitting).toEqual(fitting)
  },
)
