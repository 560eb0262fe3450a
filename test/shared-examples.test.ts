/** The examples of memory that processes share: their proofs hold, and fail when something is lost. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { machineWithSectionsOr } from './support/machine.js'
import { decodePerfetto } from './support/perfetto.js'
import { WHY_NO_SHM } from './support/shared.js'

interface Run {
  status: number | null
  out: string
}

/** The processes of the runs: each names its service by its own number. */
const started = new Set<number>()

function run(example: string, ...args: string[]): Run {
  const file = join(import.meta.dirname, '..', 'examples', example, 'main.mjs')
  const env = { ...process.env, RSEQ_BACKEND: undefined, RSEQ_TIER: undefined }
  const { pid, status, stdout, stderr } = spawnSync(process.execPath, [file, ...args], {
    encoding: 'utf8',
    env,
    timeout: 280_000,
  })
  started.add(pid)
  return { status, out: stdout + stderr }
}

/** The number before a text of the example's output. */
function numberBefore(words: string, out: string): number {
  const [, digits = 'none'] = new RegExp(`([\\d,]+) ${words}`).exec(out) ?? []
  return Number(digits.replaceAll(',', ''))
}

/** What examples in the given processes have left. An example may run elsewhere on the machine at the same time. */
function leftoversOf(pids: ReadonlySet<number>): string[] {
  return readdirSync('/dev/shm').filter((name) => pids.has(Number(/-example-(\d+)/.exec(name)?.[1])))
}

describe.skipIf(WHY_NO_SHM !== '')('examples of shared memory', () => {
  test('cluster: the total is exact although processes are killed', async ({ skip }) => {
    await machineWithSectionsOr(skip)
    const { status, out } = run('cluster', '4')
    expect(out).toContain('Exact: ')
    expect(status).toBe(0)
    expect(out).toMatch(/killed \d+$/m)
    const confirmed = numberBefore('answers reached', out)
    const counted = numberBefore('requests were counted', out)
    expect(confirmed).toBeGreaterThan(0)
    expect(counted).toBeGreaterThanOrEqual(confirmed)
    expect(counted).toBeLessThanOrEqual(confirmed + numberBefore('requests were in flight', out))
  })

  test('shared-cache: workers of two processes answer with the pages that were asked for', async ({
    skip,
  }) => {
    await machineWithSectionsOr(skip)
    const { status, out } = run('shared-cache', '2')
    expect(out).toContain('Every answer was the page that was asked for.')
    expect(status).toBe(0)
    for (const cache of ['one SharedMap', 'an lru-cache in each of 4 workers']) {
      const [, answers, rendered] = new RegExp(`^${cache} +(\\d+) +(\\d+)`, 'm').exec(out) ?? []
      expect(Number(answers), cache).toBeGreaterThan(0)
      expect(Number(rendered), cache).toBeGreaterThan(0)
    }
  })

  test('cluster: counts that processes keep to themselves are lost, and the example says so', async ({
    skip,
  }) => {
    await machineWithSectionsOr(skip)
    const { status, out } = run('cluster', '5', '--in-process')
    expect(out).toMatch(/WRONG: [\d,]+ answers are not counted/)
    expect(status).toBe(1)
  })

  test('cluster: an argument that is no time is refused', () => {
    const { status, out } = run('cluster', 'soon')
    expect(out).toContain('SECONDS: expected a whole number of at least 2, got soon')
    expect(status).toBe(1)
  })

  test('black box: every note of a killed process is there, with its time', async ({ skip }) => {
    await machineWithSectionsOr(skip)
    const { status, out } = run('black-box')
    expect(out).toContain('Nothing is missing.')
    expect(status).toBe(0)
    expect(out).toContain('ended by SIGKILL')
    expect(
      out.match(/^ {2}\d\d:\d\d:\d\d\.\d{3} +-?\d+\.\d{3} ms {2}CPU \d+ {2}\d+ order \d+ /gm),
    ).toHaveLength(12)
  })

  test('black box: notes that the process had only collected are missed', async ({ skip }) => {
    await machineWithSectionsOr(skip)
    const { status, out } = run('black-box', '--buffered')
    expect(out).toMatch(/WRONG: [1-9]\d* notes are missing at the end/)
    expect(status).toBe(1)
  })

  test('trace service: the trace of a killed service shows what it was doing, and other tools can read it', async ({
    skip,
  }) => {
    await machineWithSectionsOr(skip)
    const directory = mkdtempSync(join(tmpdir(), 'rseq-trace-service-'))
    try {
      const { status, out } = run('trace-service', directory)
      expect(out).toContain('Nothing is missing.')
      expect(status).toBe(0)
      expect(out).toContain('was ended by SIGKILL')
      expect(out).toMatch(/query begin \{"table":"reviews"\}/)
      expect(out).toContain('Open when it ended: /pay/4711')
      expect(readdirSync(directory).sort()).toEqual(['chrome.json', 'ctf', 'perfetto.pftrace'])
      const requests = decodePerfetto(readFileSync(join(directory, 'perfetto.pftrace'))).filter(
        ({ name, type }) => name === 'shop:request' && type === 'begin',
      )
      expect(
        requests.filter(({ isClosed }) => !isClosed).map(({ annotations }) => annotations['url']),
      ).toEqual(['/pay/4711'])
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  test('the examples leave nothing behind', () => {
    expect(leftoversOf(started)).toEqual([])
    // The check finds what an example of this process would leave, and only that.
    const left = mkdtempSync('/dev/shm/rseq.left-')
    const named = `${left}-example-${process.pid}`
    renameSync(left, named)
    try {
      expect(leftoversOf(new Set([process.pid]))).toEqual([basename(named)])
      expect(leftoversOf(new Set([process.pid + 1]))).toEqual([])
    } finally {
      rmdirSync(named)
    }
  })
})
