/**
 * The work of the demo's last victim: it answers invented requests, and records each step in a trace.
 *
 * @module
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { PerCpuCounter } from '../../index.js'
import { type Trace, defineEvents } from '../../trace/index.js'

const FIELDS = { number: 'u32', request: 'u32' } as const

const SCHEMA = {
  begin: { fields: { ...FIELDS, url: 'string' } },
  query: { fields: { ...FIELDS, table: 'string' } },
  end: { fields: { ...FIELDS, status: 'u16' } },
} as const

/** The trace. Who opens it defines it by this. */
export const FLIGHT = defineEvents('flight', SCHEMA)
export type FlightTrace = Trace<typeof SCHEMA>

const URLS = ['/', '/cart', '/search?q=tea', '/product/17', '/checkout']
const TABLES = ['products', 'stock', 'users', 'orders']
/** Requests that are answered at a time. */
const LANES = 3
/** The greatest pause between two steps, in milliseconds. */
const STEP_MS = 9

const oneOf = (values: readonly string[]): string => values[Math.floor(values.length * Math.random())] ?? ''

/** Works until somebody kills the thread or the process. Each step is recorded first, and then counted in `confirmed`. */
export async function fly(trace: FlightTrace, confirmed: PerCpuCounter): Promise<never> {
  let [number, request] = [0, 0]
  const step = async (): Promise<void> => {
    confirmed.add(1)
    await pause(STEP_MS * Math.random())
  }
  const lane = async (): Promise<never> => {
    for (;;) {
      const own = ++request
      trace.begin(++number, own, oneOf(URLS))
      await step()
      trace.query(++number, own, oneOf(TABLES))
      await step()
      trace.end(++number, own, 200)
      await step()
    }
  }
  return Promise.race(Array.from({ length: LANES }, lane))
}
