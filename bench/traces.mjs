// Events of rseq/trace, and what else records that something happened.
import { createRequire } from 'node:module'
import { defineEvents } from '../lib/trace/index.js'

const TEXTS = 64

/** A flight recorder with the events that the contenders record, and texts of 20 characters. */
export function openTrace() {
  const events = defineEvents('bench', {
    two: { fields: { id: 'u32', ms: 'f64' } },
    text: { fields: { text: 'string' } },
    off: { level: 'debug', fields: { id: 'u32', ms: 'f64' } },
    span: { kind: 'span', fields: { id: 'u32' }, end: { ms: 'f64' } },
  })
  const texts = Array.from({ length: TEXTS }, (_, k) => `/products/item/${String(10_000 + k)}`)
  return { trace: events.open(), texts }
}

/** pino as its documentation shows it, writing to a file that takes everything. */
export function pinoLogger() {
  const pino = createRequire(import.meta.url)('pino')
  return { peer: pino(pino.destination({ dest: '/dev/null', sync: true })) }
}
