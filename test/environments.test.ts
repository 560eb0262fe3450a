/** Processes in which the registration is another one, or is refused: always exact, and info() says why. */
import { constants } from 'node:os'
import { expect, test } from 'vitest'
import { SUPPORT_FILE, supportOr } from './support/addon.js'
import { type Counted, WITHOUT_LIBC } from './support/counted.js'
import { machineWithSectionsOr } from './support/machine.js'
import { runProgram } from './support/program.js'

const { EPERM, ENOSYS } = constants.errno
const REFUSED = /^the kernel refused to register this thread for rseq: EPERM: /

function expectExact({ counted, expected, terminated }: Counted): void {
  expect(counted).toBe(expected)
  const least = terminated.confirmed.reduce((a, b) => a + b, 0)
  expect(terminated.counted).toBeGreaterThanOrEqual(least)
  expect(terminated.counted).toBeLessThanOrEqual(least + terminated.workers)
}

test('as it is: all threads on sections', async ({ skip }) => {
  await machineWithSectionsOr(skip)
  const { result, stderr } = await runProgram<Counted>('count')
  expectExact(result)
  for (const { backend, reason } of [result.main, ...result.workers]) {
    expect([backend, reason]).toEqual(['native', null])
  }
  expect(stderr).not.toMatch(/warning/i)
})

test('without the C library: each thread registers itself', async ({ skip }) => {
  await machineWithSectionsOr(skip)
  const { result } = await runProgram<Counted>('count', { env: WITHOUT_LIBC })
  expectExact(result)
  for (const { backend, registration } of [result.main, ...result.workers]) {
    expect([backend, registration]).toEqual(['native', 'self'])
  }
  expect(result.main.features.usableSize).toBeGreaterThanOrEqual(20)
  // On sections of their own, not in the overflow shard.
  expect(Math.abs(result.overflow)).toBeLessThan(result.expected / 10)
})

test.for([
  ['EPERM', EPERM, REFUSED],
  ['ENOSYS', ENOSYS, /ENOSYS/],
] as const)(
  'a filter refuses the call with %s before the package is loaded',
  async ([, errno, reason], { skip }) => {
    supportOr(skip)
    await machineWithSectionsOr(skip)
    const refuse = { supportFile: SUPPORT_FILE, errno, when: 'before' }
    const { result, stderr } = await runProgram<Counted>('count', { input: { refuse }, env: WITHOUT_LIBC })
    expectExact(result)
    for (const thread of [result.main, ...result.workers]) {
      expect([thread.backend, thread.registration]).toEqual(['portable', 'none'])
      expect(thread.reason).toMatch(reason)
    }
    // The installation is right, so there is no warning; only info() has the reason.
    expect(stderr).not.toMatch(/warning/i)
  },
)

test('a filter refuses the call to the C library as well', async ({ skip }) => {
  supportOr(skip)
  await machineWithSectionsOr(skip)
  const input = { supportFile: SUPPORT_FILE, errno: EPERM, program: 'count' }
  const { result } = await runProgram<Counted>('under-filter', { input })
  expectExact(result)
  for (const thread of [result.main, ...result.workers]) {
    expect([thread.backend, thread.registration]).toEqual(['portable', 'none'])
    expect(thread.reason).toMatch(REFUSED)
  }
})

// Where the C library registers threads it ends a process in which that fails later: only ours can go on.
test('a filter closes in later: threads born after it are portable, on the same counter', async ({
  skip,
}) => {
  supportOr(skip)
  await machineWithSectionsOr(skip)
  const refuse = { supportFile: SUPPORT_FILE, errno: EPERM, when: 'after' }
  const { result } = await runProgram<Counted>('count', { input: { refuse }, env: WITHOUT_LIBC })
  expectExact(result)
  expect([result.main.backend, result.main.registration]).toEqual(['native', 'self'])
  for (const thread of result.workers) {
    expect([thread.backend, thread.registration]).toEqual(['portable', 'none'])
    expect(thread.reason).toMatch(REFUSED)
  }
})

test('RSEQ_BACKEND=native does not fall back: it says what was refused', async ({ skip }) => {
  supportOr(skip)
  await machineWithSectionsOr(skip)
  const refuse = { supportFile: SUPPORT_FILE, errno: EPERM, when: 'before' }
  const env = { ...WITHOUT_LIBC, RSEQ_BACKEND: 'native' }
  const run = runProgram('count', { input: { refuse }, env })
  await expect(run).rejects.toThrow(/rseq: the kernel refused to register this thread for rseq: EPERM/)
})

test('RSEQ_BACKEND=portable is obeyed, in Workers too', async () => {
  const { result } = await runProgram<Counted>('count', { env: { RSEQ_BACKEND: 'portable' } })
  expectExact(result)
  for (const { backend, reason } of [result.main, ...result.workers]) {
    expect([backend, reason]).toEqual(['portable', 'RSEQ_BACKEND=portable'])
  }
  expect(result.main).toMatchObject({ tier: 'portable', registration: 'none' })
})

test.each([
  ['RSEQ_BACKEND', 'auto, native, portable'],
  ['RSEQ_TIER', 'auto, fast, napi, portable'],
])('%s=bogus is refused by name, with what there is', async (name, accepted) => {
  const run = runProgram('info', { env: { [name]: 'bogus' } })
  await expect(run).rejects.toThrow(`${name}: expected one of ${accepted}, got "bogus"`)
})
