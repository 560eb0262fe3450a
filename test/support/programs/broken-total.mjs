// Loaded before a program, by --import: totals of counters are wrong by a million.
import { PerCpuCounter } from '../../../lib/index.js'

const { get } = Object.getOwnPropertyDescriptor(PerCpuCounter.prototype, 'value')
Object.defineProperty(PerCpuCounter.prototype, 'value', {
  configurable: true,
  get() {
    return get.call(this) + 1_000_000
  },
})
