import type { Counters } from '../counter/counters.js'
import { Gauge, type Step, step } from './instruments.js'
import { SharedFamily } from './families.js'
import type { OpenMetric } from './internals.js'
import type { Members } from './process-columns.js'
import type { Store } from './store.js'

/** Where the value of this process is, and how the values of all are read. */
interface ProcessCell {
  readonly counters: Counters
  readonly i: number
  readonly members: Members
  /** The index of the state of this process's value. */
  readonly state: number
  readonly read: () => number
}

/** A gauge in memory that processes share: updates are of the value of this process, and readers see those of all. */
export class ProcessGauge extends Gauge {
  readonly #states: Uint8Array
  readonly #state: number
  readonly #read: () => number

  constructor({ counters, i, members, state, read }: ProcessCell) {
    super({ counters, i })
    this.#states = members.states
    this.#state = state
    this.#read = read
  }

  /** From now on readers count the value of this process in. */
  show(): void {
    this.#states[this.#state] = 1
  }

  override set(value: number): void {
    super.set(value)
    this.show()
  }

  override inc(delta = 1): void {
    super.inc(delta)
    this.show()
  }

  override dec(delta = 1): void {
    super.dec(delta)
    this.show()
  }

  override get value(): number {
    return this.#read()
  }

  override [step](): Step {
    this.show()
    return super[step]()
  }
}

/** Makes the gauge of a series in memory that processes share. */
export function makeProcessGauge(
  metric: OpenMetric,
  store: Store,
  members: Members,
  series: number,
): ProcessGauge {
  const { spec, wholeBase, doubleBase, stateBase } = metric.plan
  const family = new SharedFamily(metric, store)
  const cell = series * members.count + members.columns.own
  const isWhole = spec.type === 'i64'
  return new ProcessGauge({
    counters: isWhole ? store.wholes : store.doubles,
    i: (isWhole ? wholeBase : doubleBase) + cell,
    ...{ members, state: stateBase + cell },
    read() {
      members.columns.look()
      return family.valueOf(series)
    },
  })
}
