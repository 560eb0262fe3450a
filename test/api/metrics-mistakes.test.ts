/** Calls that no metric accepts: each error has the argument, the accepted values and the given one. */
import { describe, expect, test } from 'vitest'
import { defineMetrics } from '../../lib/metrics/index.js'

type Call = (...given: unknown[]) => unknown
type AnyMetric = Readonly<Record<string, Call>> & { readonly labels: (...given: unknown[]) => AnyMetric }
type Key = 'whole' | 'real' | 'labelled' | 'gauge' | 'count' | 'classic' | 'exponential'
type AnyMetrics = Readonly<Record<Key, AnyMetric>> & {
  batch(...instruments: unknown[]): { commit(...values: unknown[]): void }
}

/** Metrics as untyped JavaScript sees them. */
function untyped(): AnyMetrics {
  const metrics = defineMetrics({
    counters: {
      whole: { help: '' },
      real: { help: '', type: 'f64' },
      labelled: { help: '', labels: ['q', 'r'] },
    },
    gauges: { gauge: { help: '' }, count: { help: '', type: 'i64' } },
    histograms: {
      classic: { help: '' },
      exponential: { help: '', exponential: { schema: 0, least: 1, most: 8 } },
    },
  }).create()
  return metrics as unknown as AnyMetrics
}

/** Values that are no numbers, undefined aside: for a default it is none. */
const NO_NUMBERS = ['5', 1n, Symbol('s'), null, true, {}, [1], { valueOf: () => 1 }, () => 1] as const

describe.each(NO_NUMBERS.map((value) => [typeof value, value]))('a number that is a %s', (_, value) => {
  test.each([
    ['whole', 'inc'],
    ['real', 'inc'],
    ['gauge', 'inc'],
    ['gauge', 'dec'],
    ['gauge', 'set'],
    ['count', 'inc'],
    ['count', 'dec'],
    ['count', 'set'],
    ['classic', 'observe'],
    ['exponential', 'observe'],
  ] as const)('is refused by %s.%s()', (key, method) => {
    const metrics = untyped()
    const before = JSON.stringify(metrics)
    const call = () => metrics[key][method]?.(value)
    expect(call).toThrow(TypeError)
    expect(call).toThrow(/^(delta|value): expected (a finite number|an integer from).*, got /)
    expect(JSON.stringify(metrics)).toBe(before)
  })

  test('is refused in a batch, at every place, and nothing is updated', () => {
    const metrics = untyped()
    const keys: readonly Key[] = ['whole', 'real', 'gauge', 'count', 'classic', 'exponential']
    const before = JSON.stringify(metrics)
    for (const all of [
      keys,
      ['whole'],
      ['whole', 'whole', 'whole'],
      ['classic'],
    ] satisfies (readonly Key[])[]) {
      const batch = metrics.batch(...all.map((key) => metrics[key]))
      for (const given of [value, undefined]) {
        for (let k = 0; k < all.length; k++) {
          const values = all.map((_key, at) => (at === k ? given : 1))
          expect(() => {
            batch.commit(...values)
          }).toThrow(/^(delta|value): expected (a finite number|an integer from).*, got /)
        }
      }
      expect(JSON.stringify(metrics)).toBe(before)
    }
  })
})

test('an observation of undefined is refused', () => {
  expect(() => untyped().classic['observe']?.()).toThrow('value: expected a finite number, got undefined')
})

describe('a metric with labels', () => {
  test.each(['inc', 'dec', 'set', 'setToCurrentTime', 'observe', 'startTimer'])(
    'says how to reach a series when %s() is called on it',
    (method) => {
      expect(() => untyped().labelled[method]?.()).toThrow(
        new TypeError(
          'labelled: this metric has the labels q, r: expected ' +
            `metrics.labelled.labels({ q: ..., r: ... }).${method}(), got metrics.labelled.${method}()`,
        ),
      )
    },
  )

  test('says so when its value is read', () => {
    expect(() => untyped().labelled['value']).toThrow('metrics.labelled.labels({ q: ..., r: ... }).value')
  })

  test.each([null, undefined, 'GET', 5, 1n, Symbol('s')])('refuses the labels %s', (labels) => {
    expect(() => untyped().labelled.labels(labels)).toThrow(/^labels: expected an object with q, r, got /)
  })

  test.each([null, undefined, 1n, Symbol('s'), {}])('refuses the label value %s', (r) => {
    expect(() => untyped().labelled.labels({ q: 'a', r })).toThrow(
      /^labels\.r: expected a string, number or boolean, got /,
    )
  })
})

test('a metric without labels, and a series, say that labels() is none of theirs', () => {
  const { whole, labelled } = untyped()
  for (const metric of [whole, labelled.labels({ q: 1, r: 2 })]) {
    expect(() => metric.labels({ q: 1 })).toThrow('labels: expected a metric whose schema has labels')
  }
})
