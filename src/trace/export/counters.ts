/**
 * Numeric fields of events that viewers draw as graphs: counters of a thread, whose values hold until the next event.
 *
 * @module
 */
import { rangeError } from '../../core/errors.js'
import type { ReadEvent } from '../read/events.js'
import type { TraceFile } from '../read/trace-file.js'
import { fullName } from '../read/values.js'
import { SIZES } from '../record-layout.js'
import type { FieldSpec } from '../schema.js'
import { checkPattern, chosen } from '../switches.js'

/** A counter's name, such as `shop:loopDelay.p99`, and its value. */
export interface CounterValue {
  readonly name: string
  readonly value: number | bigint
}

function isNumeric({ type }: FieldSpec): boolean {
  return type in SIZES && !['bool', 'enum', 'flow'].includes(type)
}

/** The events that have counters. */
export class Counters {
  /** For each kind of records of a trace, the numbers of the fields. */
  readonly #fields = new Map<TraceFile, ReadonlyMap<number, readonly number[]>>()

  /**
   * @param wanted - EVENT.FIELD for each counter, such as `loopDelay.p99`; EVENT is a pattern.
   * @throws RangeError if no event has a field with numbers that is named so.
   */
  constructor(traces: readonly TraceFile[], wanted: readonly string[]) {
    for (const one of wanted) {
      // Names of events may have dots, names of fields have none.
      const dot = one.lastIndexOf('.')
      const count = dot < 1 ? 0 : this.#add(traces, checkPattern(one.slice(0, dot)), one.slice(dot + 1))
      if (count === 0) {
        const expected = 'EVENT.FIELD, where the field has numbers'
        throw rangeError('counter', `${expected} (there are ${namesOf(traces)})`, one)
      }
    }
  }

  #add(traces: readonly TraceFile[], pattern: string, field: string): number {
    let count = 0
    for (const trace of traces) {
      const { spec } = trace.description
      const fields = new Map(this.#fields.get(trace))
      for (const id of chosen(spec, pattern, 'debug')) {
        const k = spec.records[id]?.fields.findIndex((one) => one.name === field && isNumeric(one)) ?? -1
        if (k < 0) continue
        fields.set(id, [...new Set([...(fields.get(id) ?? []), k])])
        count++
      }
      this.#fields.set(trace, fields)
    }
    return count
  }

  /** The counters of an event. A value that is not finite is none. */
  of(event: ReadEvent): CounterValue[] {
    const fields = this.#fields.get(event.trace)?.get(event.id) ?? []
    return fields.flatMap((k) => {
      const { spec, value } = event.fields[k] as ReadEvent['fields'][number]
      const isShown = typeof value === 'bigint' || Number.isFinite(value)
      return isShown ? [{ name: `${fullName(event)}.${spec.name}`, value: value as number | bigint }] : []
    })
  }
}

function namesOf(traces: readonly TraceFile[]): string {
  const all = traces.flatMap(({ description: { spec } }) =>
    spec.records.flatMap(({ event, fields }) =>
      fields.filter(isNumeric).map(({ name }) => `${event}.${name}`),
    ),
  )
  return [...new Set(all)].join(', ') || 'none'
}
