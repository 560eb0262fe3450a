/**
 * How the parts of `rseq demo` end early, and how they wait.
 *
 * @module
 */
import { once } from 'node:events'
import { setTimeout as pauseFor } from 'node:timers/promises'

/** Why the demo ends early: a signal came. */
export class Interrupted extends Error {
  readonly signal: NodeJS.Signals

  constructor(signal: NodeJS.Signals) {
    super(`interrupted by ${signal}`)
    this.signal = signal
  }
}

/** Waits so many milliseconds. @throws Interrupted if the demo is to end. */
export async function pause(ms: number, stop: AbortSignal): Promise<void> {
  await pauseFor(ms, undefined, { signal: stop }).catch(() => undefined)
  stop.throwIfAborted()
}

/** Waits for a promise. @throws Interrupted if the demo is to end. */
export async function unlessStopped<Result>(promise: Promise<Result>, stop: AbortSignal): Promise<Result> {
  stop.throwIfAborted()
  const done = new AbortController()
  try {
    const stopped = once(stop, 'abort', { signal: done.signal }).then(() => {
      stop.throwIfAborted()
    })
    stopped.catch(() => undefined)
    return (await Promise.race([promise, stopped])) as Result
  } finally {
    done.abort()
  }
}
