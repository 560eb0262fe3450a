import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test } from 'vitest'
import { info } from '../lib/index.js'

const RING = 1 << 20
const KIB = 1024

/** Runs a program of test/support/programs, and returns what it prints. */
function run(program: string, given: readonly unknown[], command: readonly string[] = []): unknown {
  const path = fileURLToPath(new URL(`support/programs/${program}.mjs`, import.meta.url))
  const [first = '', ...rest] = [...command, process.execPath, path, ...given.map(String)]
  const { status, stdout, stderr } = spawnSync(first, rest, { encoding: 'utf8' })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  return JSON.parse(stdout)
}

interface Extents {
  size: number
  allocated: number
  cpus: number[]
}

const { backend, possibleCpus } = info()

describe.skipIf(backend !== 'native')(
  'the memory of a CPU is allocated when a thread is first seen there',
  () => {
    const directories: string[] = []
    afterEach(() => {
      for (const directory of directories.splice(0)) rmSync(directory, { recursive: true })
    })

    test('in a ring that processes share, one on CPU 0 and then one on CPU 1', ({ skip }) => {
      skip(spawnSync('taskset', ['-c', '1', 'true']).status !== 0, 'this process may not run on CPUs 0 and 1')
      const directory = mkdtempSync(join('/dev/shm', 'rseq-test-'))
      directories.push(directory)
      const on = (cpu: number, records: number): Extents =>
        run('extents-shared', [directory, RING, records], ['taskset', '-c', String(cpu)]) as Extents
      const shards = (count: number): number => count * RING
      const made = on(0, 0)
      expect(made.size).toBeGreaterThan(shards(possibleCpus + 1))
      // Shard 0 and the overflow shard, with their heads and whole pages.
      expect(made.allocated).toBeGreaterThan(shards(2))
      expect(made.allocated).toBeLessThan(shards(2) + 64 * KIB)
      const first = on(0, 3)
      expect(first.allocated).toBeLessThan(shards(2) + 64 * KIB)
      expect(first.cpus).toEqual([0, 0, 0])
      const second = on(1, 2)
      expect(second.allocated).toBeGreaterThan(shards(3))
      expect(second.allocated).toBeLessThan(shards(3) + 64 * KIB)
      expect(second.cpus).toEqual([0, 0, 0, 1, 1])
      expect(on(0, 0)).toEqual(second)
    })

    test('and first one on CPU 1, whose extent includes that of CPU 0', ({ skip }) => {
      skip(spawnSync('taskset', ['-c', '1', 'true']).status !== 0, 'this process may not run on CPUs 0 and 1')
      const directory = mkdtempSync(join('/dev/shm', 'rseq-test-'))
      directories.push(directory)
      const on = (cpu: number): Extents =>
        run('extents-shared', [directory, RING, 2], ['taskset', '-c', String(cpu)]) as Extents
      const first = on(1)
      expect(first.cpus).toEqual([1, 1])
      const second = on(0)
      expect(second.cpus).toEqual([1, 1, 0, 0])
      expect(second.allocated).toBe(first.allocated)
    })
  },
)

test('memory of one process for 512 CPUs takes pages for those CPUs only that ran', () => {
  const { isReadingFree, ...bytes } = run('extents-private', []) as Record<
    'size' | 'made' | 'written' | 'used' | 'total',
    number
  > & { isReadingFree: boolean }
  const { size, made, written, used, total } = bytes
  expect(size).toBeGreaterThan(64 * KIB * KIB)
  expect(made).toBeLessThan(size / 8)
  expect(written).toBeLessThan(size / 4)
  // Most kernels map one page of zeros where memory is read that nobody has written.
  if (isReadingFree) expect(used).toBeLessThan(size / 4)
  expect(total).toBe(16384)
})
