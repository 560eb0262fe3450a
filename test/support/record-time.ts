/**
 * What the time of a record takes of a ring, as the kernel's clocksource says.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { info } from '../../lib/index.js'

export const CLOCKSOURCE = '/sys/devices/system/clocksource/clocksource0/current_clocksource'

/** The clocksource that reads the CPU's counter directly, by architecture: the one whose ticks rings trust. */
const COUNTERS: Readonly<Record<string, string>> = {
  x64: 'tsc',
  arm64: 'arch_sys_counter',
  ppc64: 'timebase',
}

/**
 * The bytes that a record takes for a time of its own: 8 on a native ring of a machine whose kernel reads another clock than
 * the CPU's counter, kvm-clock in many virtual machines for example; else 0.
 */
export function timeBytes(clocksource: string, backend = info().backend): number {
  return backend === 'portable' || COUNTERS[process.arch] === clocksource ? 0 : 8
}

/** {@link timeBytes} on this machine. */
export function timeBytesHere(): number {
  return info().backend === 'portable' ? 0 : timeBytes(readFileSync(CLOCKSOURCE, 'utf8').trim())
}
