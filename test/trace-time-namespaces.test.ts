/** Times of events whose writers are in other time namespaces than those who read them, and than each other. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type TestContext, describe, expect, test } from 'vitest'
import { CLOCK } from '../lib/core/service-files.js'
import { clockOf, encodeSample, readSamples } from '../lib/inspect/clock.js'
import type { SharedDirectory } from '../lib/shared/index.js'
import { environment, execute } from './cli/command.js'
import { type Place, WHY_NO_SHM, useService } from './support/shared.js'

const WRITER = fileURLToPath(new URL('support/programs/trace-elsewhere.mjs', import.meta.url))
const CLI = fileURLToPath(new URL('../lib/cli/main.js', import.meta.url))
const DAY = 86_400
const SECOND = 1_000_000_000n

/** The words that run a command in a time namespace whose CLOCK_MONOTONIC is ahead by so many days. */
function ahead(days: number, skip: TestContext['skip']): string[] {
  const [program, ...args] = ['unshare', '-UrTf', '--monotonic', String(days * DAY)] as const
  skip(spawnSync(program, [...args, 'true']).status !== 0, 'no time namespace can be made here')
  return [program, ...args]
}

async function output(under: readonly string[], args: readonly string[]): Promise<string> {
  const [program = '', ...rest] = [...under, process.execPath, ...args]
  const ran = await execute(program, rest, { env: environment() })
  expect(ran).toMatchObject({ status: 0, stderr: '' })
  return ran.stdout
}

const now = (): bigint => BigInt(Date.now()) * 1_000_000n

describe.skipIf(WHY_NO_SHM !== '')('time namespaces', { timeout: 120_000 }, () => {
  let place: Place
  let shop: SharedDirectory
  useService((made, service) => {
    place = made
    shop = service
  })

  /** Runs a writer of two events. Returns between which times that was, and how far its CLOCK_MONOTONIC is ahead, in days. */
  async function write(
    under: readonly string[],
    from: number,
  ): Promise<{ from: bigint; to: bigint; days: number }> {
    const begin = now()
    const monotonic = BigInt(await output(under, [WRITER, place.directory, String(from)]))
    const days = Math.round(Number(monotonic - process.hrtime.bigint()) / Number(SECOND) / DAY) + 0
    return { from: begin, to: now(), days }
  }

  async function timesOf(under: readonly string[] = []): Promise<bigint[]> {
    const text = await output(under, [CLI, 'trace', 'export', shop.path, '-', '--format', 'json'])
    const lines = text.trimEnd().split('\n')
    const events = lines.map((line) => JSON.parse(line) as { time: string; values: { k: number } })
    return events.sort((a, b) => a.values.k - b.values.k).map(({ time }) => BigInt(time))
  }

  /** Whether a time is in its span, to some milliseconds: the clock of `Date.now()` is coarse. */
  const isIn = (time: bigint | undefined, { from, to }: { from: bigint; to: bigint }): boolean =>
    time !== undefined && time > from - SECOND / 50n && time < to + SECOND / 50n

  test('events have their times, whoever reads them where', async ({ skip }) => {
    const [one, other] = [ahead(1, skip), ahead(3, skip)]
    const spans: Awaited<ReturnType<typeof write>>[] = []
    const check = async (reader?: readonly string[]): Promise<void> => {
      const times = await timesOf(reader)
      expect(times).toHaveLength(2 * spans.length)
      spans.forEach((span, k) => {
        const [first, second] = [times[2 * k] ?? 0n, times[2 * k + 1] ?? 0n]
        expect([isIn(first, span), isIn(second, span)], String(k)).toEqual([true, true])
        // The writer waited so long between them.
        expect(second - first >= SECOND / 20n).toBe(true)
      })
    }
    for (const writer of [one, [], other]) {
      spans.push(await write(writer, 2 * spans.length))
      await check()
    }
    expect(spans.map(({ days }) => days)).toEqual([1, 0, 3])
    for (const reader of [one, ahead(9, skip)]) await check(reader)
    // A process keeps the sample of another namespace, although it writes in the same minute.
    expect(new Set(readSamples(shop.path).map(({ namespace }) => namespace)).size).toBe(3)
  })
})

test('a clock has a rate by samples of one namespace, and each CLOCK_MONOTONIC its own', () => {
  const directory = mkdtempSync(join(tmpdir(), 'rseq-clock-'))
  try {
    const sampleAt = (seconds: number, namespace: number, offset: number): Buffer =>
      encodeSample({
        ticks: BigInt(seconds * 2e9),
        monotonic: BigInt((seconds + offset) * 1e9),
        realtime: BigInt(seconds) * SECOND + 1_700_000_000n * SECOND,
        ...{ nsPerTick: 0.4, boot: 'ab'.repeat(16), namespace: BigInt(namespace) },
      })
    // The rate that was measured at the beginning is wrong by a fifth: that of two samples counts, half a nanosecond.
    const samples = [sampleAt(10, 1, 0), sampleAt(20, 2, DAY), sampleAt(30, 1, 0), sampleAt(40, 2, DAY)]
    const since = (time: bigint | null): number => Number((time ?? 0n) - 1_700_000_000n * SECOND) / 1e9
    for (const count of [2, 3, 4]) {
      writeFileSync(join(directory, CLOCK), Buffer.concat(samples.slice(0, count)))
      const clock = clockOf(directory)
      const seconds = count === 2 ? 20 : 25
      expect(since(clock.ofTicks(BigInt(seconds * 2e9)))).toBeCloseTo(seconds, 6)
      expect(since(clock.ofMonotonic(25n * SECOND))).toBeCloseTo(25, 6)
      expect(since(clock.ofMonotonic(BigInt(DAY + 25) * SECOND))).toBeCloseTo(25, 6)
    }
  } finally {
    rmSync(directory, { recursive: true })
  }
})
