import { describe, expect, test } from 'vitest'
import { checkOptions } from '../lib/core/options.js'

const ACCEPTED = ['policy', 'capacity', 'labelBytes', 'labels']

describe('options', () => {
  test('that are accepted are returned', () => {
    const options = { policy: 1, labels: undefined }
    expect(checkOptions('options', options, ACCEPTED)).toEqual(options)
    expect(checkOptions('options', {}, [])).toEqual({})
  })

  test('may come from a class or a prototype of their own, and each is read once', () => {
    let reads = 0
    class Options {
      get policy(): number {
        return ++reads
      }
    }
    const read = checkOptions<{ policy?: number; labels?: number }>('options', new Options(), ACCEPTED)
    expect([read.policy, read.policy, reads]).toEqual([1, 1, 1])
    expect(checkOptions('options', Object.create({ labels: 5 }) as object, ACCEPTED)).toEqual({ labels: 5 })
    const bare = Object.assign(Object.create(null) as object, { labels: 6 })
    expect(checkOptions('options', bare, ACCEPTED)).toEqual({ labels: 6 })
  })

  test('with an unknown name are refused, with the accepted names and the nearest one', () => {
    const refused =
      (options: object): (() => void) =>
      () =>
        checkOptions('options', options, ACCEPTED)
    expect(refused({ polcy: 1 })).toThrow(
      new TypeError(
        "options: expected an object with any of policy, capacity, labelBytes, labels, got 'polcy'; did you mean 'policy'?",
      ),
    )
    expect(refused({ labelNames: [] })).toThrow("got 'labelNames'; did you mean 'labels'?")
    expect(refused({ CAPACITY: 1 })).toThrow("got 'CAPACITY'; did you mean 'capacity'?")
    expect(refused({ polcy: undefined })).toThrow(TypeError)
  })

  test('with a name that is close to none are refused without a suggestion', () => {
    const refused =
      (name: string): (() => void) =>
      () =>
        checkOptions('options', { [name]: 1 }, ACCEPTED)
    expect(refused('zzz')).toThrow(/labels, got 'zzz'$/)
    expect(refused('x'.repeat(1e6))).toThrow(TypeError)
    expect(() => checkOptions('options', { a: 1 }, [])).toThrow(
      "expected an object without properties, got 'a'",
    )
  })

  test.each([null, undefined, 5, 'policy', 1n, Symbol('s')])(
    'that are no object are refused: %s',
    (value) => {
      expect(() => checkOptions('options', value, ACCEPTED)).toThrow(
        /^options: expected an object with any of policy, capacity, labelBytes, labels, got /,
      )
    },
  )
})
