/** verify(): the machine does what sections need, and it says so only then. */
import { expect, test } from 'vitest'
import { type Verification, verify } from '../lib/index.js'
import { SUPPORT_FILE, supportOr } from './support/addon.js'
import { machineWithSectionsOr, onSectionsOr } from './support/machine.js'
import { runProgram } from './support/program.js'

function expectPassed(seen: Verification): void {
  expect(seen).toMatchObject({ passed: true, reason: null })
  expect(seen.signals).toBeGreaterThan(0)
  expect(seen.signalAborts).toBe(seen.signals)
  expect(seen.preemptionAborts).toBeGreaterThan(0)
  expect(seen.preemptionTries).toBeGreaterThanOrEqual(seen.preemptionAborts)
  expect(seen.expected).toBeGreaterThan(0)
  expect(seen.counted).toBe(seen.expected)
}

test('verify() sees aborts by signals and by preemption, and exact totals', ({ skip }) => {
  onSectionsOr(skip)
  expectPassed(verify())
})

test('verify() passes on an area of our own, too', async ({ skip }) => {
  await machineWithSectionsOr(skip)
  const env = { GLIBC_TUNABLES: 'glibc.pthread.rseq=0' }
  const { result } = await runProgram<Verification>('verify', { env })
  expectPassed(result)
})

test('the portable backend does not pass, and says why', async () => {
  const { result } = await runProgram<Verification>('verify', { env: { RSEQ_BACKEND: 'portable' } })
  expect(result).toMatchObject({ passed: false, signals: 0, preemptionTries: 0, expected: 0 })
  expect(result.reason).toBe('the portable backend has no sections: RSEQ_BACKEND=portable')
})

test('where the call is refused, verify() says that', async ({ skip }) => {
  supportOr(skip)
  await machineWithSectionsOr(skip)
  const input = { supportFile: SUPPORT_FILE, errno: 1, program: 'verify' }
  const { result } = await runProgram<Verification>('under-filter', { input })
  expect(result.passed).toBe(false)
  expect(result.reason).toMatch(/the portable backend has no sections: the kernel refused .* EPERM/)
})
