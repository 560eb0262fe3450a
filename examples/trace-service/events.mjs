// The events of the service. Everybody who opens the trace defines it by this.
import { defineEvents, processEvents } from 'rseq/trace'

export const events = defineEvents('shop', {
  ...processEvents,
  request: { kind: 'span', fields: { url: 'string' }, end: { status: 'u16', bytes: 'u32' } },
  query: { kind: 'span', fields: { table: 'string' }, end: { rows: 'u32' } },
  cache: { fields: { key: 'string', state: { enum: ['hit', 'miss'] } } },
  pay: { level: 'warning', fields: { order: 'u32', step: { enum: ['reserve', 'charge', 'confirm'] } } },
})
